"""Onset, ramp, repair and duration of perturbations, for N robots at once."""

from __future__ import annotations

import numpy as np

from fastadapt.envs.arrays import Array, Ids, Mask, Steps
from fastadapt.envs.perturbations.perturbation import TIMES
from fastadapt.envs.tasks.layout import ParameterBlock

_EPS = 1e-9
"""Tolerance for the rounding of step * duration [s]."""


class Onsets:
    """The level of every perturbation of every robot, from nominal (0) to its value (1).

    Levels change at the beginning of a control step. A time of 0 means: onset at reset, no ramp, no
    repair, no limited duration.

    Attributes:
        varies: whether anything begins, rises or ends within an episode.
        events: whether any perturbation waits for an event.
    """

    def __init__(
        self, blocks: tuple[ParameterBlock, ...], num_robots: int, control_step: float
    ) -> None:
        self._columns = np.array([[b.times.get(time, -1) for time in TIMES] for b in blocks], int)
        self._columns = self._columns.reshape(len(blocks), len(TIMES))
        self._on_event = np.array([b.perturbation.event is not None for b in blocks], bool)
        self._step = control_step
        self._times = np.zeros((num_robots, len(blocks), len(TIMES)))
        self._begin = np.zeros((num_robots, len(blocks)))
        self.events = bool(self._on_event.any())
        self.varies = self.events or bool((self._columns >= 0).any())

    def assign(self, ids: Ids, vectors: Array) -> None:
        """Set the times of new tasks `(n, P)`; they wait for their events again."""
        if not self.varies:
            return
        padded = np.concatenate([vectors, np.zeros((len(vectors), 1))], axis=1)
        self._times[ids] = padded[:, self._columns]  # column -1, the last one, is 0
        self.reset(ids)

    def reset(self, ids: Ids) -> None:
        """Begin an episode of some robots."""
        self._begin[ids] = np.where(self._on_event, np.inf, self._times[ids, :, 0])

    def levels(self, ids: Ids, elapsed: Steps) -> Array:
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

    def waiting(self, elapsed: Steps) -> Mask:
        """Return which robots wait for an event, after `elapsed` `(N,)` control steps."""
        return np.logical_or.reduce(self._waiting(elapsed), axis=1)

    def trigger(self, robots: Mask, elapsed: Steps, delay: int = 0) -> None:
        """Set the onset of waiting perturbations.

        Args:
            robots: `(N,)` where the event occurred.
            elapsed: `(N,)` control steps since the start of the episode.
            delay: control steps from then to the onset.
        """
        begun = self._waiting(elapsed) & robots[:, None]
        self._begin = np.where(begun, ((elapsed + delay) * self._step)[:, None], self._begin)

    def _waiting(self, elapsed: Steps) -> Mask:
        due = (elapsed * self._step)[:, None] + _EPS >= self._times[:, :, 0]
        return self._on_event & np.isinf(self._begin) & due
