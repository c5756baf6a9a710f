"""When perturbations begin, rise, and end: for N robots at once, each on its own clock."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array, Ids, Mask
from fastadapt.envs.perturbations.perturbation import TIMES
from fastadapt.envs.tasks.layout import Block

_EPS = 1e-9
"""Seconds by which the rounding of step * duration may miss a time [s]."""


class Onsets:
    """How far every perturbation of every robot is on its way from nominal (0) to its value (1).

    Changes come at the beginning of a control step. A time of 0 in a task means, of an onset: at
    reset; of a ramp: at once; of a repair or a duration: it lasts.

    Attributes:
        varies: whether anything begins, rises or ends within an episode.
        events: whether any perturbation waits for an event.
    """

    def __init__(self, blocks: tuple[Block, ...], num_robots: int, control_step: float) -> None:
        self._columns = np.array([[b.times.get(time, -1) for time in TIMES] for b in blocks], int)
        self._columns = self._columns.reshape(len(blocks), len(TIMES))
        self._on_event = np.array([b.perturbation.event is not None for b in blocks], bool)
        self._step = control_step
        self._times = np.zeros((num_robots, len(blocks), len(TIMES)))
        self._begin = np.zeros((num_robots, len(blocks)))
        self.events = bool(self._on_event.any())
        self.varies = self.events or bool((self._columns >= 0).any())

    def assign(self, ids: Ids, vectors: Array) -> None:
        """Take over the times of new tasks `(n, P)`; events are waited for anew."""
        if not self.varies:
            return
        padded = np.concatenate([vectors, np.zeros((len(vectors), 1))], axis=1)
        self._times[ids] = padded[:, self._columns]  # column -1, the last one, is 0
        self.reset(ids)

    def reset(self, ids: Ids) -> None:
        """Begin an episode of some robots."""
        self._begin[ids] = np.where(self._on_event, np.inf, self._times[ids, :, 0])

    def levels(self, ids: Ids, elapsed: NDArray[np.int64]) -> Array:
        """Return the levels of some robots, `(n, blocks)`, after `elapsed` `(n,)` control steps."""
        if not self.varies:
            return np.ones((len(ids), len(self._on_event)))
        now = (elapsed * self._step)[:, None]
        _, ramp, repair, duration = np.moveaxis(self._times[ids], 2, 0)
        since = now - self._begin[ids] + _EPS
        rises = (ramp > 0) & (since < ramp)
        rising = np.divide(since - _EPS, ramp, out=np.ones_like(since), where=rises)
        level = np.where(since >= 0, np.maximum(rising, 0.0), 0.0)
        ended = ((repair > 0) & (now + _EPS >= repair)) | ((duration > 0) & (since >= duration))
        return np.where(ended, 0.0, level)

    def waiting(self, elapsed: NDArray[np.int64]) -> Mask:
        """Return which robots wait for an event, after `elapsed` `(N,)` control steps."""
        return np.logical_or.reduce(self._waiting(elapsed), axis=1)

    def happened(self, robots: Mask, elapsed: NDArray[np.int64], later: int = 0) -> None:
        """Begin what these robots `(N,)` waited for after `elapsed` steps, `later` steps on."""
        begun = self._waiting(elapsed) & robots[:, None]
        self._begin = np.where(begun, ((elapsed + later) * self._step)[:, None], self._begin)

    def _waiting(self, elapsed: NDArray[np.int64]) -> Mask:
        due = (elapsed * self._step)[:, None] + _EPS >= self._times[:, :, 0]
        return self._on_event & np.isinf(self._begin) & due
