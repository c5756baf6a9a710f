"""Replay buffer with the transitions of each training task, in one preallocated block."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastadapt.envs import FastadaptError
from fastadapt.envs.arrays import Rows


class TaskReplay:
    """Keeps the last `capacity` transitions of each task, one float32 row each.

    The transitions of a task's latest trial, its recent context, are the newest of them: they can
    be sampled apart and cost no memory of their own. When a task's part is full, its oldest
    transitions give way. Memory that was never written to is not taken from the machine.

    Args:
        tasks: number of tasks.
        capacity: transitions of each.
        width: numbers in a row.
    """

    def __init__(self, tasks: int, capacity: int, width: int) -> None:
        self._rows = np.zeros((tasks, capacity, width), np.float32)
        self._flat = self._rows.reshape(-1, width)
        self._capacity = capacity
        self._added = np.zeros(tasks, np.int64)
        self._recent = np.zeros(tasks, np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes when full."""
        return self._rows.nbytes

    @property
    def filled(self) -> NDArray[np.int64]:
        """Transitions kept of each task, `(tasks,)`."""
        return np.minimum(self._added, self._capacity)

    @property
    def ready(self) -> NDArray[np.bool_]:
        """Mask `(tasks,)` of tasks with transitions in their latest trial, which can be sampled."""
        return self._recent > 0

    def begin_trial(self, tasks: ArrayLike) -> None:
        """Begin a new trial on tasks `(n,)`: recent context starts from here."""
        self._recent[np.asarray(tasks)] = 0

    def add(self, tasks: NDArray[np.int64], rows: NDArray) -> None:
        """Add one transition `(n, width)` to each of n different tasks."""
        self._rows[tasks, self._added[tasks] % self._capacity] = rows
        self._added[tasks] += 1
        self._recent[tasks] = np.minimum(self._recent[tasks] + 1, self._capacity)

    def sample(self, tasks: NDArray[np.int64], count: int, rng: np.random.Generator) -> Rows:
        """Return random transitions of each task, with replacement, `(n, count, width)`."""
        back = self._draw(tasks, self.filled[tasks], count, rng)
        return self._take(tasks, back)

    def sample_recent(self, tasks: NDArray[np.int64], count: int, rng: np.random.Generator) -> Rows:
        """Return random transitions of each task's latest trial, `(n, count, width)`."""
        return self._take(tasks, self._draw(tasks, self._recent[tasks], count, rng))

    def _draw(
        self, tasks: NDArray, lengths: NDArray, count: int, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Return how far back to look, `(n, count)`."""
        if (lengths == 0).any():
            empty = int(np.asarray(tasks)[lengths == 0][0])
            raise FastadaptError(
                f"Training task {empty} has no transitions to learn from. Collect on it first; if "
                "its simulation diverges at every first step, its parameters are impossible."
            )
        return (rng.random((len(lengths), count)) * lengths[:, None]).astype(np.int64)

    def _take(self, tasks: NDArray[np.int64], back: NDArray[np.int64]) -> Rows:
        newest = self._added[tasks][:, None] - 1
        places = (newest - back) % self._capacity + tasks[:, None] * self._capacity
        return np.take(self._flat, places, axis=0)

    def state(self) -> dict[str, NDArray]:
        """Return what is kept, without the empty places: `(sum of filled, width)` and counts."""
        kept = [rows[:n] for rows, n in zip(self._rows, self.filled, strict=True)]
        return {
            "rows": np.concatenate(kept),
            "added": self._added.copy(),
            "recent": self._recent.copy(),
        }

    def load_state(self, state: Mapping[str, NDArray]) -> None:
        """Return to what `state` gave.

        Raises:
            FastadaptError: it is that of another replay.
        """
        added, rows = state["added"], state["rows"]
        filled = np.minimum(added, self._capacity)
        if added.shape != self._added.shape or rows.shape != (
            int(filled.sum()),
            self._rows.shape[2],
        ):
            raise FastadaptError(
                f"The checkpoint's replay (rows {rows.shape}, {len(added)} tasks) does not fit "
                f"this agent's ({len(self._added)} tasks of {self._capacity} rows of "
                f"{self._rows.shape[2]})."
            )
        self._added, self._recent = added.astype(np.int64), state["recent"].astype(np.int64)
        start = 0
        for task, count in enumerate(filled):
            self._rows[task, :count] = rows[start : start + count]
            start += int(count)
