"""A meta-learner: augmented random search (Mania et al. 2018, algorithm 1, version V1-t)."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastadapt.agents import AgentState, MetaLearner, Transition
from fastadapt.agents.rollout.steps import steps
from fastadapt.agents.spec import AgentSpec
from fastadapt.envs import BatchedEnv, TaskSet
from fastadapt.envs.arrays import Array, Mask
from fastadapt.envs.rng import key_of, normals
from fastadapt_example_plugin.config import RandomSearchConfig

GAINS = (1.0, 0.6, 1.4, 0.3)
"""Factors on the actions that a trial tries, one in each shot."""


class RandomSearch(MetaLearner):
    """A linear policy; the shots of a trial try factors on its actions, and the best one stays.

    Args:
        spec: of the robots.
        seed: of the directions.
        config: the settings.
    """

    name = "random-search"
    config_class = RandomSearchConfig

    def __init__(self, spec: AgentSpec, seed: int, config: RandomSearchConfig) -> None:
        super().__init__(spec, seed, config)
        self.num_envs = 2 * config.directions
        self._low, self._high = spec.action_low, spec.action_high
        self._weights = np.zeros((len(spec.actions), spec.observation_size("hidden") + 1))
        self.begin(0)

    def begin(self, num_tasks: int) -> None:
        """Forget which factors did well."""
        self._returns = np.zeros(num_tasks)
        self._shots = np.zeros(num_tasks, np.int64)
        self._best = np.full(num_tasks, -np.inf)
        self._gain = np.full(num_tasks, GAINS[0])
        self._exploring = False
        self._over = np.zeros(num_tasks, bool)

    def act(self, observation: Array, explore: bool) -> Array:
        """Return actions `(N, actions)`: the next factor in a shot, else the best one so far."""
        self._exploring = explore
        tried = np.asarray(GAINS)[self._shots % len(GAINS)]
        gain = tried if explore else self._gain
        return self._clipped(gain[:, None] * self._policy(self._weights, observation))

    def observe(self, transition: Transition) -> None:
        """Add up the returns of the shots."""
        if self._exploring:
            self._returns += np.where(self._over, 0.0, transition.reward)
            self._over |= transition.terminated | transition.truncated

    def end_episode(self, done: Mask) -> None:
        """Keep the factor of this shot where it did better than those before."""
        if not self._exploring:
            return
        better = done & (self._returns > self._best)
        self._best[better] = self._returns[better]
        self._gain[better] = np.asarray(GAINS)[self._shots % len(GAINS)][better]
        self._shots[done] += 1
        self._returns[done], self._over[done] = 0.0, False

    def snapshot(self) -> Any:
        """Return the state of the trials."""
        state = self._returns, self._shots, self._best, self._gain, self._over
        return [part.copy() for part in state]

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        copies = [part.copy() for part in snapshot]
        self._returns, self._shots, self._best, self._gain, self._over = copies

    def meta_train(self, envs: BatchedEnv, task_set: TaskSet, iteration: int) -> dict[str, float]:
        """Try directions forwards and backwards, each pair on one task; step along the better."""
        count = self.config.directions
        key = key_of("random-search", self.seed, "directions")
        first = iteration * count
        draws = normals(key, np.arange(first, first + count), self._weights.size)
        delta = draws.reshape(count, *self._weights.shape)
        tasks = task_set.sample("train", count=count, seed=self.seed, start=first)
        envs.set_tasks([task for task in tasks for _ in range(2)])
        tried = self._weights + self.config.noise * np.stack([delta, -delta], 1).reshape(
            -1, *self._weights.shape
        )
        starts = [key_of("start", self.seed, first + i) >> 1 for i in range(count)]
        returns, env_steps = self._episodes(envs, tried, [s for s in starts for _ in range(2)])
        forwards, backwards = returns[0::2], returns[1::2]
        spread = max(float(returns.std()), 1e-8)
        gradient = np.einsum("k,kao->ao", forwards - backwards, delta) / count
        self._weights = self._weights + self.config.step / spread * gradient
        return {"env_steps": float(env_steps), "return_mean": float(returns.mean())}

    def _episodes(self, envs: BatchedEnv, weights: Array, seeds: list[int]) -> tuple[Array, int]:
        """Return the returns `(N,)` of one episode with weights `(N, ...)`, and its env steps."""
        returns, env_steps = np.zeros(self.num_envs), 0
        policy = lambda observation: self._clipped(self._policy(weights, observation))  # noqa: E731
        for step in steps(envs, policy, seeds):
            returns += np.where(step.valid, step.transition.reward, 0.0)
            env_steps += int(step.valid.sum())
        return returns, env_steps

    def _policy(self, weights: Array, observation: Array) -> Array:
        inputs = np.concatenate([observation, np.ones((len(observation), 1))], axis=1)
        return np.einsum("...ao,no->na" if weights.ndim == 2 else "nao,no->na", weights, inputs)

    def _clipped(self, actions: Array) -> Array:
        return np.clip(actions, self._low, self._high)

    def state(self) -> AgentState:
        """Return the weights."""
        return AgentState({"weights": self._weights}, {}, {})

    def load_state(self, state: AgentState) -> None:
        """Return to the weights of a checkpoint."""
        self._weights = np.asarray(state.model["weights"], np.float64)
