"""Exported acting of policies that Stable-Baselines3 and sb3-contrib trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from fastadapt.agents.graph import (
    ACTION,
    OBSERVATION,
    RECALLS,
    REWARD,
    START,
    Graph,
    Memory,
    blocks_of,
)
from fastadapt.agents.nn.exported import FromUnit, Limits, Reflex, Scaling
from fastadapt.agents.nn.normaliser import Entries
from fastadapt.envs.arrays import Array


class _ActorOfPPO(nn.Module):
    """The mean action of a policy of `PPO`."""

    def __init__(self, policy: Any) -> None:
        super().__init__()
        self.body, self.head = policy.mlp_extractor, policy.action_net

    def forward(self, inputs: Tensor) -> Tensor:
        """Return means, `(N, actions)`."""
        return self.head(self.body.forward_actor(inputs))


class _ActorOfSAC(nn.Module):
    """The mean action of a policy of `SAC`, before the tanh."""

    def __init__(self, actor: Any) -> None:
        super().__init__()
        self.body, self.head = actor.latent_pi, actor.mu

    def forward(self, inputs: Tensor) -> Tensor:
        """Return means, `(N, actions)`."""
        return self.head(self.body(inputs))


class _Remembering(nn.Module):
    """Acting with the LSTM of a policy of `RecurrentPPO`."""

    def __init__(self, scaling: Scaling, policy: Any, limits: Limits) -> None:
        super().__init__()
        self.scaling, self.lstm, self.actor = scaling, policy.lstm_actor, _ActorOfPPO(policy)
        self.limits = limits

    def forward(self, obs: Tensor, h_in: Tensor, c_in: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return actions `(N, actions)` and both states `(layers, N, hidden)`."""
        outputs, (hidden, cell) = self.lstm(self.scaling(obs)[None], (h_in, c_in))
        return self.limits(self.actor(outputs[0])), hidden, cell


def ppo_graph(policy: Any, entries: Entries, limits: tuple[Array, Array], samples: float) -> Graph:
    """Return acting of a policy of `PPO`."""
    module = Reflex(Scaling(entries), _ActorOfPPO(policy), Limits(*limits))
    return Graph(module, blocks_of([(OBSERVATION, len(entries.mean))]), samples=samples)


def sac_graph(actor: Any, entries: Entries, limits: tuple[Array, Array], samples: float) -> Graph:
    """Return acting of a policy of `SAC`."""
    module = Reflex(Scaling(entries), _ActorOfSAC(actor), FromUnit(*limits))
    return Graph(module, blocks_of([(OBSERVATION, len(entries.mean))]), samples=samples)


def lstm_graph(
    policy: Any,
    entries: Entries,
    limits: tuple[Array, Array],
    states: tuple[Tensor, Tensor],
    last: tuple[Array, float],
    sees_reward: bool,
    samples: float,
) -> Graph:
    """Return acting of a policy of `RecurrentPPO`.

    Args:
        policy: the library's.
        entries: statistics of all inputs.
        limits: smallest and largest action, `(actions,)` each.
        states: hidden and cell state at first, `(layers, 1, hidden)` each.
        last: action `(actions,)` and reward before the first control step.
        sees_reward: the reward is among the inputs.
        samples: behind the statistics.
    """
    actions, seen = len(limits[0]), int(sees_reward)
    observations = len(entries.mean) - actions - seen - 1
    sizes = {OBSERVATION: observations, ACTION: actions, REWARD: seen, START: 1}
    initial = {ACTION: last[0], REWARD: np.array([last[1]]), START: np.ones(1)}
    module = _Remembering(Scaling(entries), policy, Limits(*limits))
    memories = tuple(
        Memory(name, torch.clone(state).numpy())
        for name, state in zip(("h", "c"), states, strict=True)
    )
    return Graph(module, blocks_of(sizes.items(), **initial), memories, RECALLS, samples)
