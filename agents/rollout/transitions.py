"""Transitions as rows of numbers, and the scales under which networks see them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastadapt.agents.nn.normaliser import Entries, Normaliser
from fastadapt.envs.arrays import Array, Rows

_LIMIT = 10.0


class Batch(NamedTuple):
    """Transitions as the update sees them; leading dimensions `(...)`.

    Attributes:
        observation: `(..., observations)`, scaled.
        action: `(..., actions)`, in [-1, 1].
        reward: `(...)`, scaled.
        next_observation: `(..., observations)`, scaled.
        terminated: `(...)`, 1 where the robot failed.
    """

    observation: Tensor
    action: Tensor
    reward: Tensor
    next_observation: Tensor
    terminated: Tensor


def pack(
    observation: Array,
    action: Array,
    reward: Array,
    next_observation: Array,
    terminated: NDArray[np.bool_],
) -> Rows:
    """Return rows `(N, width)` of raw transitions; actions are in [-1, 1]."""
    columns = [observation, next_observation, action, reward[:, None], terminated[:, None]]
    return np.concatenate(columns, axis=1, dtype=np.float32)


class TransitionScale:
    """Scales raw rows by statistics of all data collected so far, frozen while measuring.

    Observations have mean 0 and variance 1. Rewards are divided by their standard deviation; their
    mean stays, because the sign of a reward means something. In the context, the next observation
    is replaced by its change, with mean 0 and variance 1: the effect of the physics is in the
    change, which is small beside the observation. Everything is limited to +-10.

    Args:
        observations: size of an observation.
        actions: of an action.
        reward: whether the context holds rewards.
        parameters: how many numbers at the end of an observation are parameters of the task.

    Attributes:
        reward: whether the context holds rewards.
        row_size: numbers in a raw row.
        context_size: numbers in a transition of the context.
    """

    def __init__(
        self, observations: int, actions: int, reward: bool = True, parameters: int = 0
    ) -> None:
        self._observations, self._actions = observations, actions
        self.reward = reward
        self.row_size = 2 * observations + actions + 2
        self.context_size = 2 * observations + actions + reward
        self._statistics = {
            "observation": Normaliser(observations, parameters=parameters),
            "change": Normaliser(observations),
            "reward": Normaliser(1),
        }
        self._refresh()

    def update(self, rows: Rows) -> None:
        """Add raw rows `(n, row_size)` to the statistics."""
        size = self._observations
        exact = rows.astype(np.float64)
        self._statistics["observation"].update(exact[:, :size])
        self._statistics["change"].update(exact[:, size : 2 * size] - exact[:, :size])
        self._statistics["reward"].update(exact[:, -2:-1])
        self._refresh()

    def observations(self, observation: NDArray) -> Tensor:
        """Return scaled observations, `(..., observations)`."""
        return self._scaled(torch.from_numpy(np.asarray(observation, np.float32)))

    def batch(self, rows: Rows) -> Batch:
        """Return scaled transitions of raw rows `(..., row_size)`."""
        tensor = torch.from_numpy(rows)
        size = self._observations
        return Batch(
            self._scaled(tensor[..., :size]),
            tensor[..., 2 * size : -2],
            self._reward(tensor[..., -2]),
            self._scaled(tensor[..., size : 2 * size]),
            tensor[..., -1],
        )

    def context(self, rows: Rows) -> Tensor:
        """Return what the encoder sees of raw rows: (s, a, r, s' - s), `(..., context_size)`."""
        tensor = torch.from_numpy(rows)
        size = self._observations
        before, after = tensor[..., :size], tensor[..., size : 2 * size]
        change = ((after - before - self._change_mean) * self._change_scale).clamp(-_LIMIT, _LIMIT)
        rewards = [self._reward(tensor[..., -2:-1])] if self.reward else []
        return torch.cat([self._scaled(before), tensor[..., 2 * size : -2], *rewards, change], -1)

    def entries(self, name: str) -> Entries:
        """Return the fixed statistics of `observation`, `change` or `reward`."""
        mean, scale = _shift_and_scale(self._statistics[name])
        spread = 1.0 / scale.numpy()
        shift = np.zeros_like(spread) if name == "reward" else mean.numpy()
        return Entries.of(shift, spread, _LIMIT)

    @property
    def count(self) -> float:
        """How many transitions are in the statistics."""
        return self._statistics["observation"].count

    def state(self) -> dict[str, NDArray]:
        """Return the statistics."""
        return {
            f"{name}.{key}": value
            for name, statistics in self._statistics.items()
            for key, value in statistics.state().items()
        }

    def load_state(self, state: dict[str, NDArray]) -> None:
        """Return to the statistics that `state` gave."""
        for name, statistics in self._statistics.items():
            statistics.load_state(
                {key: state[f"{name}.{key}"] for key in ("mean", "variance", "count")}
            )
        self._refresh()

    def _scaled(self, observation: Tensor) -> Tensor:
        return ((observation - self._mean) * self._scale).clamp_(-_LIMIT, _LIMIT)

    def _reward(self, reward: Tensor) -> Tensor:
        return (reward * self._reward_scale).clamp_(-_LIMIT, _LIMIT)

    def _refresh(self) -> None:
        """Take the statistics over into the tensors that scale."""
        self._mean, self._scale = _shift_and_scale(self._statistics["observation"])
        self._change_mean, self._change_scale = _shift_and_scale(self._statistics["change"])
        self._reward_scale = float(_shift_and_scale(self._statistics["reward"])[1][0])


def _shift_and_scale(statistics: Normaliser) -> tuple[Tensor, Tensor]:
    """Return the mean, and 1 / standard deviation; a constant entry is not scaled up."""
    scale = np.where(statistics.variance > 1e-10, statistics.variance, 1.0) ** -0.5
    return torch.from_numpy(statistics.mean.astype(np.float32)), torch.from_numpy(
        scale.astype(np.float32)
    )
