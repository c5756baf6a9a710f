"""From the true observation to what the agent is shown: sensors that can fail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.environment import Channel
from fastadapt.envs.perturbations.signals import Signals
from fastadapt.envs.rng import EpisodeDraws, StepDraws, key_of

_LOST = key_of("sensor-dropped")


class ObservationPath:
    """Shows the observations of N robots through their sensors: offset, then stuck, then dropped.

    A stuck channel keeps the last reading before the fault began (at reset: the first one). A lost
    reading is 0. Readings stay within the limits of their channel. Rewards, terminations and `info`
    come from the true state and do not pass here.
    """

    def __init__(self, signals: Signals, channels: Sequence[Channel], draws: EpisodeDraws) -> None:
        self._signals = signals
        self._low = np.array([channel.low for channel in channels])
        self._high = np.array([channel.high for channel in channels])
        self._nothing = np.clip(0.0, self._low, self._high)
        shape = signals["sensor_offset"].shape
        self._draws = StepDraws(draws, _LOST, shape[1])
        self._first = np.ones(shape[0], bool)
        self._was_stuck = np.zeros(shape, bool)
        self._held = np.zeros(shape)
        self._last = np.zeros(shape)
        self._look()

    def reset(self, ids: Ids) -> None:
        """Begin an episode of some robots."""
        self._first[ids] = True
        self._was_stuck[ids] = False

    def show(self, true: Array, elapsed: NDArray[np.int64]) -> Array:
        """Return the readings of true observations `(N, observations)`.

        Args:
            true: what sensors without a fault read; not written.
            elapsed: `(N,)` control steps since the start of each episode.
        """
        if self._signals.revision != self._revision:
            self._look()
        reading = true.copy()
        for ids, apply in ((self._biased, self._bias), (self._held_up, self._hold)):
            if len(ids):
                reading[ids] = apply(ids, reading[ids])
        self._was_stuck[:] = self._stuck
        self._last[:] = reading
        self._first[:] = False
        if len(self._lossy):
            lost = self._lost(self._lossy, elapsed)
            reading[self._lossy] = np.where(lost, self._nothing, reading[self._lossy])
        return reading

    def _look(self) -> None:
        """Look which robots have which faults."""
        self._revision = self._signals.revision
        self._stuck = self._signals["sensor_stuck"] > 0.5
        faults = (self._signals["sensor_offset"], self._stuck, self._signals["sensor_dropped"])
        found = (np.flatnonzero(fault.any(axis=1)) for fault in faults)
        self._biased, self._held_up, self._lossy = found

    def _bias(self, ids: Ids, reading: Array) -> Array:
        offset = self._signals["sensor_offset"][ids]
        biased = np.clip(reading + offset, self._low, self._high)
        return np.where(offset != 0, biased, reading)

    def _hold(self, ids: Ids, reading: Array) -> Array:
        begun = np.where(self._first[ids, None], reading, self._last[ids])
        starts = self._stuck[ids] & ~self._was_stuck[ids]
        self._held[ids] = np.where(starts, begun, self._held[ids])
        return np.where(self._stuck[ids], self._held[ids], reading)

    def _lost(self, ids: Ids, elapsed: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Return which readings of some robots are lost, `(n, observations)`."""
        probability = self._signals["sensor_dropped"][ids]
        lost = probability >= 1
        rows = np.flatnonzero(((probability > 0) & ~lost).any(axis=1))
        if len(rows):
            lost[rows] = self._draws.at(ids[rows], elapsed[ids[rows]]) < probability[rows]
        return lost
