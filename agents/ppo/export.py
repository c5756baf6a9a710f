"""Exported acting of RL², of the memoryless baselines and of fine-tuned policies."""

from __future__ import annotations

import copy

import numpy as np
import torch

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
from fastadapt.agents.nn.actor_critic import ActorCritic
from fastadapt.agents.nn.exported import Limits, Recurrent, Reflex, Scaling
from fastadapt.agents.nn.normaliser import Entries, Normaliser, RewardScale
from fastadapt.agents.ppo.tuning import Weights
from fastadapt.envs.arrays import Array


def recurrent_graph(
    network: ActorCritic,
    observation: Normaliser,
    reward: RewardScale | None,
    limits: tuple[Array, Array],
    hidden: torch.Tensor,
    last: tuple[Array, float],
) -> Graph:
    """Return acting with a GRU.

    Args:
        network: policy and value function.
        observation: scale of observations.
        reward: scale of rewards, None where it sees none.
        limits: smallest and largest action, `(actions,)` each.
        hidden: the memory at first, `(hidden,)`.
        last: action `(actions,)` and reward before the first control step.
    """
    actions, size = len(limits[0]), network.observations
    entries = {
        OBSERVATION: observation.entries(),
        ACTION: Entries.plain(actions),
        **({REWARD: reward.entries()} if reward else {}),
        START: Entries.plain(1),
    }
    sizes = {OBSERVATION: size, ACTION: actions, REWARD: 1, START: 1}
    module = Recurrent(Scaling(Entries.joined(entries.values())), network, Limits(*limits))
    before = {ACTION: last[0], **({REWARD: np.array([last[1]])} if reward else {})}
    return Graph(
        module,
        blocks_of(((name, sizes[name]) for name in entries), **before, **{START: np.ones(1)}),
        (Memory("h", hidden.numpy().reshape(1, 1, -1)),),
        RECALLS,
        observation.count,
    )


def memoryless_graph(
    network: ActorCritic, observation: Normaliser, limits: tuple[Array, Array]
) -> Graph:
    """Return acting on the observation alone."""
    module = Reflex(Scaling(observation.entries()), network.actor, Limits(*limits))
    blocks = blocks_of([(OBSERVATION, network.observations)])
    return Graph(module, blocks, samples=observation.count)


def with_weights(network: ActorCritic, weights: Weights, robot: int) -> ActorCritic:
    """Return a copy of a network with the weights of one robot."""
    own = copy.deepcopy(network)
    own.load_state_dict({name: value[robot].detach() for name, value in weights.items()})
    return own
