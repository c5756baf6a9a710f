"""Sensor faults: from the true observation to the readings that the agent gets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastadapt.envs.arrays import Array, Ids, Mask, Steps
from fastadapt.envs.environment import Channel
from fastadapt.envs.perturbations.signals import Signals
from fastadapt.envs.rng import EpisodeDraws, StepDraws, key_of

_DROPPED = key_of("sensor-dropped")


class SensorModel:
    """Applies the sensor faults of N robots: first offset, then stuck, then dropped readings.

    A stuck channel repeats the last reading before the fault began (at reset: the first one). A
    dropped reading is 0. Readings are clipped to the limits of their channel. Rewards, terminations
    and `info` are computed from the true state.
    """

    def __init__(self, signals: Signals, channels: Sequence[Channel], draws: EpisodeDraws) -> None:
        self._signals = signals
        self._low = np.array([channel.low for channel in channels])
        self._high = np.array([channel.high for channel in channels])
        self._zero = np.clip(0.0, self._low, self._high)
        shape = signals["sensor_offset"].shape
        self._draws = StepDraws(draws, _DROPPED, shape[1])
        self._first = np.ones(shape[0], bool)
        self._was_stuck = np.zeros(shape, bool)
        self._held = np.zeros(shape)
        self._last = np.zeros(shape)
        self._find_faults()

    def reset(self, ids: Ids) -> None:
        """Begin an episode of some robots."""
        self._first[ids] = True
        self._was_stuck[ids] = False

    def read(self, true: Array, elapsed: Steps) -> Array:
        """Return the readings, `(N, observations)`.

        Args:
            true: the observations without faults, `(N, observations)`; not written.
            elapsed: `(N,)` control steps since the start of each episode.
        """
        if self._signals.revision != self._revision:
            self._find_faults()
        reading = true.copy()
        for ids, apply in ((self._with_offset, self._add_offset), (self._with_stuck, self._hold)):
            if len(ids):
                reading[ids] = apply(ids, reading[ids])
        self._was_stuck[:] = self._stuck
        self._last[:] = reading
        self._first[:] = False
        if len(self._with_dropped):
            ids = self._with_dropped
            reading[ids] = np.where(self._dropped(ids, elapsed), self._zero, reading[ids])
        return reading

    def _find_faults(self) -> None:
        """Find the robots with each kind of fault."""
        self._revision = self._signals.revision
        self._stuck = self._signals["sensor_stuck"] > 0.5
        faults = (self._signals["sensor_offset"], self._stuck, self._signals["sensor_dropped"])
        found = (np.flatnonzero(fault.any(axis=1)) for fault in faults)
        self._with_offset, self._with_stuck, self._with_dropped = found

    def _add_offset(self, ids: Ids, reading: Array) -> Array:
        offset = self._signals["sensor_offset"][ids]
        shifted = np.clip(reading + offset, self._low, self._high)
        return np.where(offset != 0, shifted, reading)

    def _hold(self, ids: Ids, reading: Array) -> Array:
        begun = np.where(self._first[ids, None], reading, self._last[ids])
        starts = self._stuck[ids] & ~self._was_stuck[ids]
        self._held[ids] = np.where(starts, begun, self._held[ids])
        return np.where(self._stuck[ids], self._held[ids], reading)

    def _dropped(self, ids: Ids, elapsed: Steps) -> Mask:
        """Return the readings of some robots that are dropped, `(n, observations)`."""
        probability = self._signals["sensor_dropped"][ids]
        dropped = probability >= 1
        rows = np.flatnonzero(((probability > 0) & ~dropped).any(axis=1))
        if len(rows):
            dropped[rows] = self._draws.at(ids[rows], elapsed[ids[rows]]) < probability[rows]
        return dropped
