"""Sensor faults: from the true observation to the readings that the agent gets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from fastadapt.envs.arrays import Array, Ids, Mask, Steps
from fastadapt.envs.environment import Channel
from fastadapt.envs.perturbations.signals import Signals
from fastadapt.envs.rng import EpisodeDraws, StepDraws, key_of

_DROPPED = key_of("sensor-dropped")
_NOISE = key_of("sensor-noise")


class SensorModel:
    """Applies the sensor faults of N robots: offset, drift, noise, then stuck, then dropped.

    A stuck channel repeats the last reading before the fault began (at reset: the first one). A
    dropped reading is 0. Offset, drift and noise of a quaternion (four channels that are called so,
    w to z) leave it of unit length, as an estimator gives it. Readings are clipped to the limits of
    their channel. Rewards, terminations and `info` are computed from the true state.
    """

    def __init__(
        self,
        signals: Signals,
        channels: Sequence[Channel],
        draws: EpisodeDraws,
        control_step: float,
    ) -> None:
        self._signals = signals
        self._step = control_step
        self._low = np.array([channel.low for channel in channels])
        self._high = np.array([channel.high for channel in channels])
        self._zero = np.clip(0.0, self._low, self._high)
        self._quaternions = _quaternions([channel.name for channel in channels])
        shape = signals["sensor_offset"].shape
        self._draws = StepDraws(draws, _DROPPED, shape[1])
        self._noise = StepDraws(draws, _NOISE, shape[1])
        self._drifted = np.zeros(shape)
        self._read = np.zeros(shape[0], np.int64)
        self._first = np.ones(shape[0], bool)
        self._was_stuck = np.zeros(shape, bool)
        self._held = np.zeros(shape)
        self._last = np.zeros(shape)
        self._find_faults()

    def reset(self, ids: Ids) -> None:
        """Begin an episode of some robots."""
        self._first[ids] = True
        self._was_stuck[ids] = False
        self._drifted[ids], self._read[ids] = 0.0, 0

    def read(self, true: Array, elapsed: Steps) -> Array:
        """Return the readings, `(N, observations)`.

        Args:
            true: the observations without faults, `(N, observations)`; not written.
            elapsed: `(N,)` control steps since the start of each episode.
        """
        if self._signals.revision != self._revision:
            self._find_faults()
        reading = true.copy()
        if len(self._with_offset):
            reading[self._with_offset] = self._add_offset(self._with_offset, reading)
        self._advance_drift(elapsed)
        if len(self._with_drift):
            reading[self._with_drift] = self._add_drift(self._with_drift, reading)
        if len(self._with_noise):
            reading[self._with_noise] = self._add_noise(self._with_noise, reading, elapsed)
        for columns, ids in self._false_turns:
            length = np.linalg.norm(reading[ids, columns], axis=1, keepdims=True)
            reading[ids, columns] /= np.maximum(length, 1e-9)
        if len(self._with_stuck):
            reading[self._with_stuck] = self._hold(self._with_stuck, reading[self._with_stuck])
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
        names = ("sensor_offset", "sensor_drift", "sensor_noise", "sensor_dropped")
        faults = (*(self._signals[name] for name in names), self._stuck)
        found = (np.flatnonzero(fault.any(axis=1)) for fault in faults)
        self._with_offset, self._with_drift, self._with_noise, self._with_dropped, stuck = found
        self._with_stuck = stuck
        shifted = np.logical_or.reduce([fault != 0 for fault in faults[:3]])
        false = ((some, shifted[:, some].any(axis=1)) for some in self._quaternions)
        self._false_turns = [(some, np.flatnonzero(rows)) for some, rows in false if rows.any()]

    def _add_offset(self, ids: Ids, reading: Array) -> Array:
        return self._shifted(reading[ids], self._signals["sensor_offset"][ids])

    def _advance_drift(self, elapsed: Steps) -> None:
        """Let the errors of drifting sensors grow; those of others end."""
        ids, rate = self._with_drift, self._signals["sensor_drift"]
        if len(ids):
            seconds = ((elapsed - self._read) * self._step)[ids, None]
            grown = self._drifted[ids] + rate[ids] * seconds
            self._drifted[ids] = np.where(rate[ids] != 0, grown, 0.0)
        self._read[:] = elapsed

    def _add_drift(self, ids: Ids, reading: Array) -> Array:
        return self._shifted(reading[ids], self._drifted[ids])

    def _add_noise(self, ids: Ids, reading: Array, elapsed: Steps) -> Array:
        std = self._signals["sensor_noise"][ids]
        return self._shifted(reading[ids], std * ndtri(self._noise.at(ids, elapsed[ids])))

    def _shifted(self, reading: Array, error: Array) -> Array:
        """Return readings with errors, within the limits of their channels."""
        shifted = np.clip(reading + error, self._low, self._high)
        return np.where(error != 0, shifted, reading)

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


def _quaternions(names: Sequence[str]) -> list[slice]:
    """Return the columns of the channels that are quaternions, by their names."""
    found = []
    for i, name in enumerate(names):
        stem = name.removesuffix(" w")
        if stem.endswith("quaternion") and list(names[i : i + 4]) == [
            f"{stem} {c}" for c in "wxyz"
        ]:
            found.append(slice(i, i + 4))
    return found
