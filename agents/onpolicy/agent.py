"""Actor-critic agents that learn on continuing rollouts; subclasses choose what they see."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from fastadapt.agents.checkpoint_arrays import ModuleArrays, Part, gather, scatter
from fastadapt.agents.config import AgentConfig
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.interface import AgentState
from fastadapt.agents.onpolicy.acting import PolicyAgent
from fastadapt.agents.onpolicy.config import OnPolicyConfig
from fastadapt.agents.onpolicy.networks import Critic
from fastadapt.agents.onpolicy.rollout import Borders, Carried, Collector, Rollout
from fastadapt.agents.onpolicy.stream import Stream
from fastadapt.agents.onpolicy.update import Update
from fastadapt.agents.optim import gae
from fastadapt.agents.spec import AgentSpec
from fastadapt.envs import BatchedEnv, Task, TaskSet
from fastadapt.envs.arrays import Array
from fastadapt.envs.rng import key_of, uniforms


class OnPolicyAgent(PolicyAgent):
    """An actor-critic agent that learns on continuing rollouts by PPO.

    Attributes:
        config: its settings.
        critic: what judges, in training alone.
    """

    config_class: ClassVar[type[AgentConfig]] = OnPolicyConfig

    def __init__(self, spec: AgentSpec, seed: int, config: OnPolicyConfig) -> None:
        gamma, parameters = config.update.gamma, len(spec.parameters)
        super().__init__(spec, seed, config, config.width, config.log_std, gamma)
        self.critic = Critic(
            self.observations, parameters, self.policy.memory, config.width, config.informed_critic
        )
        reads = self.recurrent and config.update.context_weight > 0
        self.reader = nn.Linear(config.width, parameters) if reads else None
        self._update = Update(self.policy, self.critic, self.reader, config.update)
        self._stream = Stream(self, config.num_envs, config.trial)
        self._carried = Carried.empty(self.policy, config.num_envs, self.inputs())

    def numbered_tasks(self, task_set: TaskSet, count: int, start: int) -> list[Task]:
        """Return training tasks in order; by the curriculum, the first ones are healthy."""
        tasks = self.training_tasks(task_set, count, start)
        eased = self.config.eased_tasks(self.spec.horizon)
        if not eased:
            return tasks
        numbers = np.arange(start, start + count)
        drawn = uniforms(key_of(self.seed, "curriculum"), numbers.astype(np.uint64), 1)[:, 0]
        healthy = drawn < 1.0 - numbers / eased
        return [
            task_set.nominal if spared else task
            for task, spared in zip(tasks, healthy, strict=True)
        ]

    def meta_train(self, envs: BatchedEnv, task_set: TaskSet, iteration: int) -> dict[str, float]:
        """Live through some more control steps with every robot, and learn from them."""
        config, started = self.config, time.perf_counter()
        generator = torch.Generator().manual_seed(key_of(self.seed, "train", iteration) % 2**63)
        self._stream.seconds = 0.0
        borders = Borders(config.returns == "trial", config.falls_end_returns)
        collector = Collector(
            self.policy, self.critic, self.scales, self.sees, self.limits, borders
        )
        with single_threaded():
            self._stream.attach(envs, task_set)
            rollout = collector.collect(
                self._stream, self._carried, config.steps, config.burn_in, generator
            )
        collected = time.perf_counter()
        if config.update.schedule == "linear":
            self._update.rate = config.learning_rate_at(iteration)
        rewards = self._counted(rollout.rewards)
        metrics = self._update(rollout, self._advantages(rollout, rewards), generator)
        # Only now: during the update the networks must see what they saw in the rollout.
        self.scales.update(rollout.observations, rewards, rollout.ended)
        self._carried = rollout.end
        return {
            "env_steps": float(rollout.rewards.size),
            **self._stream.finished.metrics(),
            "policy_std": self.policy.log_std.exp().mean().item(),
            "learning_rate": self._update.rate,
            **metrics,
            "seconds_simulating": self._stream.seconds,
            "seconds_collecting": collected - started,
            "seconds_updating": time.perf_counter() - collected,
        }

    def _counted(self, rewards: Array) -> Array:
        """Return rewards as training counts them."""
        floor = self.config.reward_floor
        return rewards if floor is None else np.maximum(rewards, floor)

    def _advantages(self, rollout: Rollout, rewards: Array) -> Tensor:
        scaled = torch.from_numpy(self.scales.rewards(rewards)).float()
        settings = self.config.update
        return gae.advantages(
            scaled, rollout.values, rollout.next_values, rollout.carry, settings.gamma,
            settings.lam,
        )  # fmt: skip

    def _model_parts(self) -> dict[str, Part]:
        parts = super()._model_parts() | {"critic": ModuleArrays(self.critic)}
        return parts | ({"reader": ModuleArrays(self.reader)} if self.reader is not None else {})

    def _training_parts(self) -> dict[str, Part]:
        return {"": self._update}

    def state(self) -> AgentState:
        """Return weights, scales, the state of the optimiser, and where the robots are."""
        lived = gather({"stream": self._stream, "carried": self._carried})
        return replace(super().state(), replay=lived)

    def load_state(self, state: AgentState) -> None:
        """Return to what `state` gave.

        Raises:
            FastadaptError: the weights are those of another network.
        """
        super().load_state(state)
        if state.replay:
            scatter({"stream": self._stream, "carried": self._carried}, state.replay)
        self.begin(1)
