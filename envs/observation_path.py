"""From the true observation to what the agent is shown: sensors that can fail."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.draws import key_of
from fastadapt.envs.environment import Channel
from fastadapt.envs.episode_draws import EpisodeDraws
from fastadapt.envs.signals import Signals
from fastadapt.envs.simulation import Ids
from fastadapt.envs.step_draws import StepDraws

Array = NDArray[np.float64]

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
        reading, offset = true, self._signals["sensor_offset"]
        if offset.any():
            biased = np.clip(true + offset, self._low, self._high)
            reading = np.where(offset != 0, biased, true)
        stuck = self._signals["sensor_stuck"] > 0.5
        if stuck.any():
            begun = np.where(self._first[:, None], reading, self._last)
            self._held = np.where(stuck & ~self._was_stuck, begun, self._held)
            reading = np.where(stuck, self._held, reading)
        self._was_stuck = stuck
        self._last = reading.copy()
        self._first[:] = False
        lost = self._lost(elapsed)
        return reading if lost is None else np.where(lost, self._nothing, reading)

    def _lost(self, elapsed: NDArray[np.int64]) -> NDArray[np.bool_] | None:
        """Return which readings are lost, `(N, observations)`, or None where none can be."""
        probability = self._signals["sensor_dropped"]
        if not probability.any():
            return None
        lost = probability >= 1
        ids = np.flatnonzero(((probability > 0) & ~lost).any(axis=1))
        if len(ids):
            lost[ids] = self._draws.at(ids, elapsed[ids]) < probability[ids]
        return lost
