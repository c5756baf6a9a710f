"""Base of RL² and the memoryless baselines: acting, memory, and an iteration of training."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from fastadapt.agents.base import NetworkAgent
from fastadapt.agents.checkpoint_arrays import ModuleArrays, OptimizerArrays, Part
from fastadapt.agents.config import AgentConfig, PPOAgentConfig
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.graph import Graph
from fastadapt.agents.interface import Transition
from fastadapt.agents.nn.actor_critic import ActorCritic
from fastadapt.agents.nn.normaliser import Normaliser, RewardScale
from fastadapt.agents.optim import gae
from fastadapt.agents.ppo.export import memoryless_graph, recurrent_graph
from fastadapt.agents.ppo.update import update
from fastadapt.agents.rollout.trials import collect
from fastadapt.agents.spec import AgentSpec
from fastadapt.envs import BatchedEnv, Task, TaskSet
from fastadapt.envs.arrays import Array, Mask
from fastadapt.envs.rng import key_of


@dataclass
class _Memory:
    """State of the agent in a trial; `(N, ...)` each."""

    hidden: Tensor
    action: Array
    reward: Array
    start: Mask
    ended: Mask


class PPOAgent(NetworkAgent):
    """An actor-critic agent over trials; subclasses say whether it has a memory and what it sees.

    Attributes:
        config: its settings.
        network: policy and value function.
    """

    config_class: ClassVar[type[AgentConfig]] = PPOAgentConfig
    memory: ClassVar[bool]
    """The policy is recurrent."""

    def __init__(self, spec: AgentSpec, seed: int, config: PPOAgentConfig) -> None:
        super().__init__(spec, seed, config)
        self.num_envs = config.num_envs
        self._observations, actions = spec.observation_size(self.context), len(spec.actions)
        torch.manual_seed(key_of(seed, "weights") % 2**63)
        self.network = ActorCritic(
            self._observations,
            actions + self.sees_reward + 1 if self.memory else 0,
            actions,
            config.width,
            self.memory,
            config.log_std,
        )
        self._optimizer = torch.optim.Adam(
            self.network.parameters(), lr=config.ppo.learning_rate, eps=1e-5
        )
        told = self._observations - len(spec.observations)
        self._observation_scale = Normaliser(self._observations, parameters=told)
        self._reward_scale = RewardScale(config.ppo.gamma)
        self.begin(1)

    @property
    def sees_reward(self) -> bool:
        """Whether the policy sees the previous reward."""
        return self.memory

    def begin(self, num_tasks: int) -> None:
        """Begin trials on N unknown tasks with an empty memory."""
        self._memory = _Memory(
            hidden=self.network.initial(num_tasks),
            action=np.zeros((num_tasks, len(self._low))),
            reward=np.zeros(num_tasks),
            start=np.ones(num_tasks, bool),
            ended=np.zeros(num_tasks, bool),
        )
        self._noise.begin(num_tasks)

    @torch.no_grad()
    def act(self, observation: Array, explore: bool) -> Array:
        """Return the mean action, or a sample of the policy to explore."""
        memory = self._memory
        inputs = self._encode(observation, memory.action, memory.reward, memory.start)
        output = self.network(inputs[None], memory.hidden)
        ended = torch.from_numpy(memory.ended)[:, None]
        memory.hidden = torch.where(ended, memory.hidden, output.hidden)
        action = output.mean[0].numpy().astype(np.float64)
        if explore:
            action = action + self.network.log_std.exp().numpy() * self._noise.draw()
        return self._clipped(action)

    def observe(self, transition: Transition) -> None:
        """Store the last action and its reward, of every robot whose episode was running."""
        memory = self._memory
        keep = memory.ended
        memory.action = np.where(keep[:, None], memory.action, transition.action)
        memory.reward = np.where(keep, memory.reward, transition.reward)
        memory.start = memory.start & keep
        self._noise.advance(~keep)
        memory.ended = keep | transition.terminated | transition.truncated

    def end_episode(self, done: Mask) -> None:
        """Flag the next step as the first of an episode; the memory carries on."""
        self._memory.start = self._memory.start | done
        self._memory.ended = self._memory.ended & ~done

    def snapshot(self) -> Any:
        """Return the memory of the trial so far, and the state of the exploration noise."""
        return copy.deepcopy(self._memory), self._noise.snapshot()

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        memory, noise = snapshot
        self._memory = copy.deepcopy(memory)
        self._noise.restore(noise)

    def graph(self) -> Graph:
        """Return acting on robot 0 as a graph, from its memory between two episodes."""
        limits = self._low, self._high
        if not self.memory:
            return memoryless_graph(self.network, self._observation_scale, limits)
        memory, scale = self._memory, self._reward_scale if self.sees_reward else None
        last = memory.action[0], float(memory.reward[0])
        return recurrent_graph(
            self.network, self._observation_scale, scale, limits, memory.hidden[0], last
        )

    def training_tasks(self, task_set: TaskSet, count: int, iteration: int) -> list[Task]:
        """Return the tasks of an iteration: new ones from the train split."""
        return task_set.sample("train", count, self.seed, start=iteration * count)

    def meta_train(self, envs: BatchedEnv, task_set: TaskSet, iteration: int) -> dict[str, float]:
        """Collect one trial on each of `num_envs` new tasks and improve the network on them."""
        started = time.perf_counter()
        num, settings = envs.num_envs, self.config.ppo
        generator = torch.Generator().manual_seed(key_of(self.seed, "train", iteration) % 2**63)
        envs.set_tasks(self.training_tasks(task_set, num, iteration))
        seeds = [key_of(self.seed, "reset", iteration, i) for i in range(num)]
        with single_threaded():
            trials = collect(
                envs,
                self.network,
                self._encode,
                self.config.episodes,
                self.spec.horizon,
                seeds,
                generator,
                across_episodes=self.memory,
            )
        collected = time.perf_counter()
        rewards = torch.from_numpy(self._reward_scale(trials.rewards)).float()
        advantages = gae.advantages(
            rewards, trials.values, trials.next_values, trials.carry, settings.gamma, settings.lam
        )
        rate = self.config.learning_rate_at(iteration)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        metrics = update(self.network, self._optimizer, trials, advantages, settings, generator)
        # Only now: during the update the network must see what it saw in the rollout.
        self._observation_scale.update(trials.observations[trials.valid])
        self._reward_scale.update(trials.rewards, trials.starts, trials.valid)
        returns = trials.returns.mean(axis=0)
        per_episode = {f"return_episode_{i}": float(r) for i, r in enumerate(returns)}
        return {
            "env_steps": float(trials.valid.sum()),
            "return_mean": float(returns.mean()),
            **per_episode,
            "diverged": float(trials.diverged),
            "policy_std": self.network.log_std.exp().mean().item(),
            "learning_rate": rate,
            **metrics,
            "seconds_simulating": trials.seconds,
            "seconds_collecting": collected - started,
            "seconds_updating": time.perf_counter() - collected,
        }

    def _model_parts(self) -> dict[str, Part]:
        return {
            "network": ModuleArrays(self.network),
            "observation": self._observation_scale,
            "reward": self._reward_scale,
        }

    def _training_parts(self) -> dict[str, Part]:
        return {"": OptimizerArrays(self._optimizer)}

    def _encode(self, observation: Array, action: Array, reward: Array, start: Mask) -> Tensor:
        """Return the network's input, `(N, inputs)`: normalised observation, then history."""
        scaled = self._observation_scale(observation)
        if self.memory:
            rewards = [self._reward_scale(reward)[:, None]] if self.sees_reward else []
            scaled = np.concatenate([scaled, action, *rewards, start[:, None]], axis=1)
        return torch.from_numpy(scaled.astype(np.float32))
