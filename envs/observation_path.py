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
        self._draws = draws
        self._low = np.array([channel.low for channel in channels])
        self._high = np.array([channel.high for channel in channels])
        shape = signals["sensor_offset"].shape
        self._robots = np.arange(shape[0])
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
        offset = self._signals["sensor_offset"]
        biased = np.clip(true + offset, self._low, self._high)
        reading = np.where(offset != 0, biased, true)
        stuck = self._signals["sensor_stuck"] > 0.5
        begun = np.where(self._first[:, None], reading, self._last)
        self._held = np.where(stuck & ~self._was_stuck, begun, self._held)
        self._was_stuck = stuck
        self._last = reading = np.where(stuck, self._held, reading)
        self._first[:] = False
        return np.where(self._is_lost(elapsed), np.clip(0.0, self._low, self._high), reading)

    def _is_lost(self, elapsed: NDArray[np.int64]) -> NDArray[np.bool_]:
        probability = self._signals["sensor_dropped"]
        sometimes = ((probability > 0) & (probability < 1)).any(axis=1)
        lost = probability >= 1
        if sometimes.any():
            ids = self._robots[sometimes]
            u = self._draws.of_step(_LOST, ids, elapsed[ids], probability.shape[1])
            lost[ids] = u < probability[ids]
        return lost
