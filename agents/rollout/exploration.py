"""Exploration noise that is a function of the trial and its control step, and of nothing else."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from fastadapt.envs.arrays import Array, Keys, Mask
from fastadapt.envs.rng import key_of, normals


class ExplorationNoise:
    """Standard normal draws for every robot, keyed by (its trial, the trial's control step).

    The draws of a robot do not depend on the others in the batch, on its place among them, or on
    the length of their episodes.

    Args:
        seed: of trials without keys of their own.
        actions: draws for each robot and control step.
    """

    def __init__(self, seed: int, actions: int) -> None:
        self._seed = seed
        self._actions = actions
        self.begin(1)

    def begin(self, num_tasks: int) -> None:
        """Begin trials whose keys come from the seed and the robot's place in the batch."""
        self.key([key_of(self._seed, "explore", place) for place in range(num_tasks)])

    def key(self, keys: ArrayLike) -> None:
        """Begin trials with 64-bit keys `(N,)` of their own."""
        self._keys = np.array(keys, np.uint64)
        self._steps = np.zeros(len(self._keys), np.uint64)

    def draw(self) -> Array:
        """Return the noise of this control step, `(N, actions)`: the same until `advance`."""
        return normals(self._keys, self._steps, self._actions)

    def advance(self, running: Mask) -> None:
        """Advance the trials `(N,)` whose episode is running to their next control step."""
        self._steps = self._steps + running.astype(np.uint64)

    def snapshot(self) -> tuple[Keys, Keys]:
        """Return the keys and control steps of all trials."""
        return self._keys, self._steps  # never changed in place

    def restore(self, snapshot: tuple[Keys, Keys]) -> None:
        """Return to a snapshot."""
        self._keys, self._steps = snapshot
