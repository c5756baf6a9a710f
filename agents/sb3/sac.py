"""Stable-Baselines3's soft actor-critic, for policies without a memory."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import SAC
from torch import Tensor

from fastadapt.agents.checkpoint_arrays import Part, TensorArray
from fastadapt.agents.config import AgentConfig
from fastadapt.agents.graph import Graph
from fastadapt.agents.interface import AgentState
from fastadapt.agents.sb3.agent import SB3Agent
from fastadapt.agents.sb3.arms import DomainRandomisedArm, NominalArm, OracleArm
from fastadapt.agents.sb3.config import SB3SACConfig
from fastadapt.agents.sb3.export import sac_graph
from fastadapt.envs.arrays import Array
from fastadapt.errors import FastadaptError

_KEPT = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")


class SB3SAC(SB3Agent):
    """Soft actor-critic of Stable-Baselines3; its replay is part of a checkpoint."""

    config_class: ClassVar[type[AgentConfig]] = SB3SACConfig
    config: SB3SACConfig

    def _algorithm(self) -> SAC:
        config = self.config
        return SAC(
            "MlpPolicy",
            None,  # pyright: ignore[reportArgumentType]
            learning_rate=config.learning_rate,
            buffer_size=config.replay,
            learning_starts=config.warm_up,
            batch_size=config.batch,
            tau=config.tau,
            gamma=config.gamma,
            train_freq=1,
            gradient_steps=config.gradient_steps,
            ent_coef=f"auto_{config.temperature}",
            target_entropy=-float(len(self._low)),
            policy_kwargs={"net_arch": [config.width, config.width]},
            device="cpu",
            _init_setup_model=False,
        )

    def _gaussian(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_std, _ = self.model.policy.actor.get_action_dist_params(inputs)
        return mean, log_std.exp()

    def _commanded(self, sample: Array) -> Array:
        return self._from_unit(np.tanh(sample))

    def _reward_horizon(self) -> float:
        return 0.0  # single rewards: divided by whole returns they would be lost in the entropy

    def graph(self) -> Graph:
        """Return acting as a graph."""
        limits = self._low, self._high
        return sac_graph(self.model.policy.actor, self._entries(), limits, self._samples)

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {
            "actor": self.model.actor.optimizer,
            "critic": self.model.critic.optimizer,
            "temperature": self.model.ent_coef_optimizer,
        }

    def _model_parts(self) -> dict[str, Part]:
        return super()._model_parts() | {"log_temperature": TensorArray(self.model.log_ent_coef)}

    def state(self) -> AgentState:
        """Return weights, normalisers, optimisers, and the replay."""
        state = super().state()
        buffer = self.model.replay_buffer
        filled = buffer.buffer_size if buffer.full else buffer.pos
        if filled:
            state.replay |= {name: getattr(buffer, name)[:filled].copy() for name in _KEPT}
        state.values |= {"replay_position": int(buffer.pos), "replay_full": bool(buffer.full)}
        return state

    def load_state(self, state: AgentState) -> None:
        """Return to what `state` gave.

        Raises:
            FastadaptError: the weights or the replay are those of another agent.
        """
        super().load_state(state)
        if state.replay:
            self._fill(state.replay)
            self.model.replay_buffer.pos = state.values["replay_position"]
            self.model.replay_buffer.full = state.values["replay_full"]

    def _fill(self, kept: dict[str, NDArray]) -> None:
        for name in _KEPT:
            rows = getattr(self.model.replay_buffer, name)
            if kept[name].shape[1:] != rows.shape[1:] or len(kept[name]) > len(rows):
                raise FastadaptError(
                    f"The checkpoint's replay ({name} {kept[name].shape}) does not fit this "
                    f"agent's {rows.shape}."
                )
            rows[: len(kept[name])] = kept[name]


class NominalSB3SAC(NominalArm, SB3SAC):
    """Soft actor-critic of Stable-Baselines3 on the healthy robot only: nominal."""

    name: ClassVar = "nominal-sb3-sac"


class DomainRandomisedSB3SAC(DomainRandomisedArm, SB3SAC):
    """Soft actor-critic of Stable-Baselines3 on the training tasks, without any memory."""

    name: ClassVar = "domain-randomised-sb3-sac"


class OracleSB3SAC(OracleArm, SB3SAC):
    """Soft actor-critic of Stable-Baselines3 that sees the parameters of the task: the ceiling."""

    name: ClassVar = "oracle-sb3-sac"
