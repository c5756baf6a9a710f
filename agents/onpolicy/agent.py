"""Actor-critic agents that learn on continuing rollouts; subclasses choose what they see."""

from __future__ import annotations

import time
from typing import ClassVar

import torch
from torch import Tensor, nn

from fastadapt.agents import checkpoint_arrays
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.interface import AgentState
from fastadapt.agents.onpolicy.acting import PolicyAgent, load_weights, under, weights_of
from fastadapt.agents.onpolicy.config import OnPolicyConfig
from fastadapt.agents.onpolicy.networks import Critic
from fastadapt.agents.onpolicy.rollout import Borders, Carried, Collector, Rollout
from fastadapt.agents.onpolicy.stream import Stream
from fastadapt.agents.onpolicy.update import Update
from fastadapt.agents.optim import gae
from fastadapt.envs import BatchedEnv, TaskSet
from fastadapt.envs.rng import key_of


class OnPolicyAgent(PolicyAgent):
    """An actor-critic agent that learns on continuing rollouts by PPO.

    Attributes:
        config: its settings.
        critic: what judges, in training alone.
    """

    name: ClassVar[str]
    config_class: ClassVar[type[OnPolicyConfig]] = OnPolicyConfig

    def __init__(self, task_set: TaskSet, seed: int, config: OnPolicyConfig) -> None:
        self.config, self.num_envs = config, config.num_envs
        super().__init__(task_set, seed, config.width, config.log_std, config.update.gamma)
        self.critic = Critic(
            self.observations,
            self.parameters,
            self.policy.memory,
            config.width,
            config.informed_critic,
        )
        reads = self.recurrent and config.update.context_weight > 0
        self.reader = nn.Linear(config.width, self.parameters) if reads else None
        self._update = Update(self.policy, self.critic, self.reader, config.update)
        self._stream = Stream(self, task_set, config.num_envs, config.trial)
        self._carried = Carried.empty(self.policy, config.num_envs, self.inputs())

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
            self._stream.attach(envs)
            rollout = collector.collect(
                self._stream, self._carried, config.steps, config.burn_in, generator
            )
        collected = time.perf_counter()
        if config.update.schedule == "linear":
            self._update.rate = config.scheduled_rate(iteration)
        metrics = self._update(rollout, self._advantages(rollout), generator)
        # Only now: during the update the networks must see what they saw in the rollout.
        self.scales.update(rollout.observations, rollout.rewards, rollout.ended)
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

    def _advantages(self, rollout: Rollout) -> Tensor:
        rewards = torch.from_numpy(self.scales.rewards(rollout.rewards)).float()
        settings = self.config.update
        return gae.advantages(
            rewards, rollout.values, rollout.next_values, rollout.carry, settings.gamma,
            settings.lam,
        )  # fmt: skip

    def _modules(self) -> dict[str, nn.Module]:
        modules: dict[str, nn.Module] = {"policy": self.policy, "critic": self.critic}
        return modules | ({"reader": self.reader} if self.reader is not None else {})

    def state(self) -> AgentState:
        """Return weights, scales, the state of the optimiser, and where the robots are."""
        model = weights_of(self._modules())
        model |= {f"scale.{k}": v for k, v in self.scales.state().items()}
        lived = {f"stream.{k}": v for k, v in self._stream.state().items()}
        lived |= {f"carried.{k}": v for k, v in self._carried.state().items()}
        optimizer = checkpoint_arrays.pack(self._update.optimizer)
        return AgentState(model, optimizer, {"learning_rate": self._update.rate}, lived)

    def load_state(self, state: AgentState) -> None:
        """Return to what `state` gave.

        Raises:
            FastadaptError: the weights are those of another network.
        """
        load_weights(self._modules(), state.model)
        self.scales.load_state(under("scale.", state.model))
        if state.optimizer:
            checkpoint_arrays.unpack(self._update.optimizer, state.optimizer)
            self._update.rate = float(state.values["learning_rate"])
        if state.replay:
            self._stream.load_state(under("stream.", state.replay))
            carried = under("carried.", state.replay)
            self._carried = Carried(**{k: torch.from_numpy(v) for k, v in carried.items()})
        self.begin(1)
