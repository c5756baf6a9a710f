"""Episodes of every robot under the policy of its task, and their advantages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastadapt.agents.maml.inner import Experience
from fastadapt.agents.nn.baselines import LinearBaseline, TaskCritic, features_of
from fastadapt.agents.nn.gaussian_mlp import GaussianMLP
from fastadapt.agents.nn.normaliser import Normaliser
from fastadapt.agents.optim import gae
from fastadapt.agents.rollout.steps import action_limits, steps
from fastadapt.envs import BatchedEnv
from fastadapt.envs.arrays import Array, Mask


@dataclass(frozen=True)
class Episodes:
    """One episode of each of N robots, T control steps; a shorter one ends in invalid steps.

    Attributes:
        observations: `(T, N, observations)`, raw.
        actions: `(T, N, actions)`, as sampled.
        rewards: `(T, N)`, raw.
        next_observations: `(T, N, observations)`, raw, after each step.
        valid: `(T, N)`, valid steps.
        diverged: number of episodes that ended because the simulation broke down.
        seconds: time spent in the simulation.
    """

    observations: Array
    actions: Array
    rewards: Array
    next_observations: Array
    valid: Mask
    diverged: int = 0
    seconds: float = 0.0

    def returns(self) -> Array:
        """Return raw returns, `(N,)`."""
        return (self.rewards * self.valid).sum(axis=0)


@torch.no_grad()
def collect(
    envs: BatchedEnv,
    policy: GaussianMLP,
    parameters: Tensor,
    scale: Normaliser,
    action_scale: float,
    seeds: Sequence[int],
    generator: torch.Generator,
) -> Episodes:
    """Collect one episode of every robot, one batched policy call per control step.

    Args:
        envs: N robots, already on their tasks; those of a task are adjacent.
        policy: the shape of the policies.
        parameters: `(M, P)`; N is a multiple of M.
        scale: of observations.
        action_scale: of the policy's output.
        seeds: of the resets, `(N,)`.
        generator: for sampling actions.
    """
    num, tasks = envs.num_envs, len(parameters)
    low, high = action_limits(envs)
    sampled: list[Array] = []

    def act(observation: Array) -> Array:
        seen = torch.from_numpy(scale(observation).astype(np.float32)).view(tasks, num // tasks, -1)
        found = policy(parameters, seen)
        noise = torch.randn(found.mean.shape, generator=generator)
        sampled.append((found.mean + found.log_std.exp() * noise).view(num, -1).double().numpy())
        return np.clip(action_scale * sampled[-1], low, high)

    made = list(steps(envs, act, seeds))
    return Episodes(
        np.stack([step.transition.observation for step in made]),
        np.stack(sampled),
        np.stack([step.transition.reward for step in made]),
        np.stack([step.transition.next_observation for step in made]),
        np.stack([step.valid for step in made]),
        sum(int(step.diverged.sum()) for step in made),
        sum(step.seconds for step in made),
    )


@dataclass(frozen=True)
class AdvantageEstimator:
    """Estimates the advantages of the actions in episodes.

    Attributes:
        policy: the shape of the policies.
        scale: of observations.
        baseline: of returns, fitted to each task.
        gamma: discount.
        lam: trace decay of the outer loop's advantages.
        inner_lam: of the inner loop's.
    """

    policy: GaussianMLP
    scale: Normaliser
    baseline: LinearBaseline
    gamma: float
    lam: float
    inner_lam: float
    critic: TaskCritic

    @torch.no_grad()
    def experience(
        self, episodes: Episodes, parameters: Tensor, horizon: int, known: Tensor | None = None
    ) -> Experience:
        """Return the experience of M tasks from N episodes.

        What counts is the return of the episode: nothing follows its end, whatever ended it. The
        inner loop's advantages (with the task's own fit of the baseline) are normalised within
        each task; the outer loop's, where the critic knows the tasks, over all of them together.

        Args:
            episodes: of N robots; those of a task are adjacent.
            parameters: `(M, P)`, of the policies that collected them.
            horizon: control steps of a whole episode.
            known: `(M, known)`, of the tasks, for the critic; None in trials.
        """
        features, returns, valid = self._regression(episodes, len(parameters), horizon)
        weights = self.baseline.fit(features, returns, valid)
        values = torch.einsum("mbf,mf->mb", features, weights) * valid
        count = valid.sum(-1, keepdim=True).clamp(min=1)
        advantages, signal = (
            _normalised(self._advantages(episodes, values, lam), valid, count)
            for lam in (self.lam, self.inner_lam)
        )
        if known is not None:
            values_of_critic = (
                self.critic.values(self._critic_inputs(episodes, known, horizon)) * valid
            )
            critic_advantages = self._advantages(episodes, values_of_critic, self.lam)
            every, all_valid = critic_advantages.view(1, -1), valid.view(1, -1)
            advantages = _normalised(every, all_valid, all_valid.sum(-1, keepdim=True))
            advantages = advantages.view_as(critic_advantages)
        tasks = len(parameters)
        observations = by_task(self.scale(episodes.observations).astype(np.float32), tasks)
        actions = by_task(episodes.actions.astype(np.float32), tasks)
        policy = self.policy(parameters, observations)
        signal = signal.to(parameters.dtype)
        next_observations = by_task(
            self.scale(episodes.next_observations).astype(np.float32), tasks
        )
        noise = (actions - policy.mean) * torch.exp(-policy.log_std)
        change = (next_observations - observations).clamp(-5.0, 5.0)
        kinds = [observations, change, actions.clamp(-5.0, 5.0), noise, signal.unsqueeze(-1)]
        return Experience(
            observations,
            actions,
            advantages.to(parameters.dtype),
            signal,
            torch.cat(kinds, dim=-1),
            (valid / count).to(parameters.dtype),
            policy,
            policy.log_prob(actions),
        )

    def learn(
        self,
        stages: Sequence[Episodes],
        known: Sequence[Tensor],
        horizon: int,
        generator: torch.Generator,
    ) -> float:
        """Fit the baseline of all tasks, and the critic, to the episodes of all stages.

        Returns:
            The share of the returns' variance that the critic had not foreseen.
        """
        parts = [self._regression(data, len(known[0]), horizon) for data in stages]
        features, returns, valid = (torch.cat(part) for part in zip(*parts, strict=True))
        self.baseline.learn(features, returns, valid)
        pairs = zip(stages, known, strict=True)
        seen = torch.cat([self._critic_inputs(data, about, horizon) for data, about in pairs])
        return self.critic.learn(seen[valid], returns[valid], generator)

    def _critic_inputs(self, episodes: Episodes, known: Tensor, horizon: int) -> Tensor:
        """Return what the critic sees, `(M, B, ...)`."""
        time = (np.cumsum(episodes.valid, axis=0) - 1) / horizon
        observations = by_task(self.scale(episodes.observations), len(known))
        return self.critic.features(observations, by_task(time, len(known)), known)

    def _regression(
        self, episodes: Episodes, tasks: int, horizon: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        valid = by_task(episodes.valid, tasks)
        steps, num = episodes.rewards.shape
        time = (np.cumsum(episodes.valid, axis=0) - 1) / horizon
        observations = by_task(self.scale(episodes.observations), tasks)
        features = features_of(observations, by_task(time, tasks))
        rewards = torch.from_numpy(episodes.rewards * episodes.valid)
        returns = torch.empty_like(rewards)
        total = torch.zeros(num, dtype=rewards.dtype)
        for t in range(steps - 1, -1, -1):
            total = rewards[t] + self.gamma * total
            returns[t] = total
        return features, by_task(returns.numpy(), tasks), valid

    def _advantages(self, episodes: Episodes, values: Tensor, lam: float) -> Tensor:
        steps, num = episodes.rewards.shape
        tasks = len(values)
        lined = values.view(num, steps).T
        next_observations = torch.cat([lined[1:], torch.zeros(1, num, dtype=lined.dtype)])
        alive = torch.from_numpy(episodes.valid)
        carry = torch.cat([alive[1:], torch.zeros(1, num, dtype=torch.bool)]).to(lined.dtype)
        rewards = torch.from_numpy(episodes.rewards * episodes.valid)
        found = gae.advantages(rewards, lined, next_observations * carry, carry, self.gamma, lam)
        return by_task(found.numpy(), tasks)


def _normalised(advantages: Tensor, valid: Tensor, count: Tensor) -> Tensor:
    """Return advantages `(M, B)` with mean 0 and variance 1 over the valid steps of each task."""
    mean = (advantages * valid).sum(-1, keepdim=True) / count
    rest = (advantages - mean) * valid
    std = (rest.square().sum(-1, keepdim=True) / count).sqrt()
    # Unequal by rounding alone is equal: then no action was better than another.
    return torch.where(std > 1e-6, rest / std.clamp(min=1e-12), torch.zeros_like(rest))


def by_task(array: NDArray, tasks: int) -> Tensor:
    """Return `(T, N, ...)` as `(M, N / M * T, ...)`: all episodes of a task in one row."""
    steps, num, *rest = array.shape
    ordered = np.ascontiguousarray(np.swapaxes(array, 0, 1))
    return torch.from_numpy(ordered.reshape(tasks, num // tasks * steps, *rest))
