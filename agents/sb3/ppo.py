"""Stable-Baselines3's PPO, for policies without a memory."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from stable_baselines3 import PPO
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from torch import Tensor

from fastadapt.agents.config import AgentConfig, PPOAgentConfig
from fastadapt.agents.graph import Graph
from fastadapt.agents.sb3.agent import SB3Agent
from fastadapt.agents.sb3.arms import DomainRandomisedArm, NominalArm, OracleArm
from fastadapt.agents.sb3.export import ppo_graph
from fastadapt.envs.arrays import Array


class SB3PPO(SB3Agent):
    """PPO of Stable-Baselines3 with the settings, the steps and the tasks of our own."""

    config_class: ClassVar[type[AgentConfig]] = PPOAgentConfig
    config: PPOAgentConfig

    def _algorithm(self) -> OnPolicyAlgorithm:
        return PPO("MlpPolicy", None, **self._settings())  # pyright: ignore[reportArgumentType]

    def _settings(self) -> dict[str, Any]:
        """Return what the algorithms of this family take."""
        config, ppo = self.config, self.config.ppo
        batch = self._steps * config.num_envs
        return {
            "n_steps": self._steps,
            "batch_size": max(batch // ppo.minibatches, 2),
            "n_epochs": ppo.epochs,
            "learning_rate": ppo.learning_rate,
            "gamma": ppo.gamma,
            "gae_lambda": ppo.lam,
            "clip_range": ppo.clip,
            "ent_coef": ppo.entropy_bonus,
            "vf_coef": ppo.value_weight / 2,  # it does not halve the squared error
            "max_grad_norm": ppo.gradient_limit,
            "policy_kwargs": {
                "net_arch": [config.width, config.width],
                "log_std_init": config.log_std,
            },
            "device": "cpu",
            "_init_setup_model": False,
        }

    def _gaussian(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        found = self.model.policy.get_distribution(inputs).distribution
        return found.mean, found.stddev

    def _commanded(self, sample: Array) -> Array:
        return self._clipped(sample)

    def graph(self) -> Graph:
        """Return acting as a graph."""
        limits = self._low, self._high
        return ppo_graph(self.model.policy, self._entries(), limits, self._samples)

    def _optimizers(self) -> dict[str, torch.optim.Optimizer]:
        return {"policy": self.model.policy.optimizer}

    def _learning_rate(self, iteration: int) -> float:
        return self.config.learning_rate_at(iteration)


class NominalSB3PPO(NominalArm, SB3PPO):
    """PPO of Stable-Baselines3 on the healthy robot only: nominal."""

    name: ClassVar = "nominal-sb3-ppo"


class DomainRandomisedSB3PPO(DomainRandomisedArm, SB3PPO):
    """PPO of Stable-Baselines3 on the training tasks, without any memory."""

    name: ClassVar = "domain-randomised-sb3-ppo"


class OracleSB3PPO(OracleArm, SB3PPO):
    """PPO of Stable-Baselines3 that sees the parameters of the task: the ceiling."""

    name: ClassVar = "oracle-sb3-ppo"
