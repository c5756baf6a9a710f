"""Running mean and variance, frozen wherever an agent is measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array


@dataclass(frozen=True)
class Entries:
    """Fixed statistics of inputs: they become `(x - mean) / spread`, within `limit`; `(size,)`."""

    mean: NDArray
    spread: NDArray
    limit: NDArray

    @staticmethod
    def of(mean: NDArray, spread: NDArray, limit: float = np.inf) -> Entries:
        """Return entries with one limit for all."""
        mean = np.atleast_1d(mean)
        return Entries(mean, np.atleast_1d(spread), np.full(len(mean), limit))

    @staticmethod
    def plain(size: int) -> Entries:
        """Return entries that stay as they are."""
        return Entries.of(np.zeros(size), np.ones(size))

    @staticmethod
    def joined(parts: Iterable[Entries]) -> Entries:
        """Return the entries of all parts, one after the other."""
        listed = list(parts)
        return Entries(
            np.concatenate([part.mean for part in listed]),
            np.concatenate([part.spread for part in listed]),
            np.concatenate([part.limit for part in listed]),
        )


class Normaliser:
    """Scales inputs to mean 0 and variance 1 by statistics of all data given to `update`.

    Parameters of the task that end an observation are scaled already and stay as they are: most are
    constant in most tasks, so that their standard deviation would make outliers of the others.

    Args:
        size: numbers of an input.
        limit: largest absolute value of a scaled input [standard deviations].
        parameters: how many numbers at the end of an input are parameters of the task.

    Attributes:
        mean: `(size,)`.
        variance: `(size,)`.
        count: how many samples are in the statistics.
    """

    def __init__(self, size: int, limit: float = 10.0, parameters: int = 0) -> None:
        self.mean = np.zeros(size)
        self.variance = np.ones(size)
        self.count = 0.0
        self._limit = limit
        self._told = slice(size - parameters, size)

    def update(self, samples: Array) -> None:
        """Add samples `(n, size)` (Chan et al. 1979, parallel variance)."""
        n = len(samples)
        if n == 0:
            return
        mean, variance = samples.mean(axis=0), samples.var(axis=0)
        total = self.count + n
        shift = mean - self.mean
        between = shift**2 * (self.count * n / total)
        old = self.variance * self.count if self.count else np.zeros_like(variance)
        self.variance = (old + variance * n + between) / total
        self.mean = self.mean + shift * (n / total)
        self.count = total
        self.mean[self._told], self.variance[self._told] = 0.0, 1.0

    def __call__(self, values: Array) -> Array:
        """Return `(values - mean) / std`, limited to `limit` standard deviations."""
        scaled = (values - self.mean) / np.sqrt(self.variance + 1e-8)
        return np.clip(scaled, -self._limit, self._limit)

    def entries(self) -> Entries:
        """Return what `__call__` does as fixed statistics."""
        return Entries.of(self.mean, np.sqrt(self.variance + 1e-8), self._limit)

    def state(self) -> dict[str, NDArray]:
        """Return the statistics."""
        return {"mean": self.mean, "variance": self.variance, "count": np.array([self.count])}

    def load_state(self, state: dict[str, NDArray]) -> None:
        """Return to the statistics that `state` gave."""
        self.mean, self.variance = state["mean"].copy(), state["variance"].copy()
        self.count = float(state["count"][0])


class RewardScale:
    """Divides rewards by the running standard deviation of the discounted return.

    The mean stays: the sign of a reward means something (as Gymnasium's `NormalizeReward`).
    """

    def __init__(self, gamma: float) -> None:
        self._gamma = gamma
        self._returns = Normaliser(1)

    def update(self, rewards: Array, starts: NDArray[np.bool_], valid: NDArray[np.bool_]) -> None:
        """Add trials.

        Args:
            rewards: `(T, N)`.
            starts: `(T, N)`, where episodes begin: the return starts again from there.
            valid: `(T, N)`, steps at which an episode was running.
        """
        total = np.zeros(rewards.shape[1])
        returns = np.empty_like(rewards)
        for t in range(len(rewards)):
            total = rewards[t] + self._gamma * total * ~starts[t]
            returns[t] = total
        self._returns.update(returns[valid][:, None])

    def __call__(self, rewards: Array) -> Array:
        """Return scaled rewards, limited to +-10."""
        scale = np.sqrt(self._returns.variance[0] + 1e-8)
        return np.clip(rewards / scale, -10.0, 10.0)

    def entries(self) -> Entries:
        """Return what `__call__` does as fixed statistics."""
        scale = np.sqrt(self._returns.variance + 1e-8)
        return Entries.of(np.zeros(1), scale, 10.0)

    def state(self) -> dict[str, NDArray]:
        """Return the statistics."""
        return self._returns.state()

    def load_state(self, state: dict[str, NDArray]) -> None:
        """Return to the statistics that `state` gave."""
        self._returns.load_state(state)
