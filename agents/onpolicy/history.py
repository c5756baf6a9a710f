"""History that a policy sees beside the observation, kept alike in training and in use."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array, Mask


@dataclass
class History:
    """Past of N robots within their trials; every field is `(N, ...)`.

    Attributes:
        action: previous command, `(N, actions)`.
        reward: previous reward, `(N,)`.
        start: where an episode begins, `(N,)`.
        frames: observations and commands of the last control steps, oldest first, `(N, window,
            observations + actions)`; zero where there were none.
        filled: which frames there are, `(N, window)`.
    """

    action: Array
    reward: Array
    start: Mask
    frames: Array
    filled: Mask

    @staticmethod
    def empty(robots: int, observations: int, actions: int, window: int) -> History:
        """Return the history of N robots that begin a trial."""
        return History(
            action=np.zeros((robots, actions)),
            reward=np.zeros(robots),
            start=np.ones(robots, bool),
            frames=np.zeros((robots, window, observations + actions)),
            filled=np.zeros((robots, window), bool),
        )

    def add(self, observation: Array, action: Array, reward: Array, where: Mask) -> None:
        """Add one control step where `(N,)` it was lived."""
        self.action = np.where(where[:, None], action, self.action)
        self.reward = np.where(where, reward, self.reward)
        self.start = self.start & ~where
        if self.frames.shape[1]:
            frame = np.concatenate([observation, action], axis=1)[:, None]
            moved = np.concatenate([self.frames[:, 1:], frame], axis=1)
            self.frames = np.where(where[:, None, None], moved, self.frames)
            filled = np.concatenate([self.filled[:, 1:], np.ones((len(where), 1), bool)], axis=1)
            self.filled = np.where(where[:, None], filled, self.filled)

    def begin_episode(self, where: Mask) -> None:
        """Flag the first control step of an episode; what was lived before stays."""
        self.start = self.start | where

    def forget(self, where: Mask) -> None:
        """Begin new trials."""
        self.action = np.where(where[:, None], 0.0, self.action)
        self.reward = np.where(where, 0.0, self.reward)
        self.start = self.start | where
        self.frames = np.where(where[:, None, None], 0.0, self.frames)
        self.filled = self.filled & ~where[:, None]

    def without_frames(self, where: Mask) -> History:
        """Return the history with an empty window where `(N,)` is set."""
        frames = np.where(where[:, None, None], 0.0, self.frames)
        return replace(self, frames=frames, filled=self.filled & ~where[:, None])

    def copy(self) -> History:
        """Return a copy; no method changes an array in place, so that arrays can be shared."""
        return replace(self)

    def of(self, rows: NDArray[np.intp]) -> History:
        """Return the history of some robots."""
        return History(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def reordered(self, order: NDArray[np.int64]) -> History:
        """Return the history in which robot i has that of robot `order[i]`, but its own flag."""
        return replace(self.of(order), start=self.start)

    def state(self) -> dict[str, NDArray]:
        """Return the arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
