"""Random numbers of single control steps, made for many steps at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.episode_draws import EpisodeDraws
from fastadapt.envs.simulation import Ids

_SPAN = 16
"""Control steps that are drawn together: a call costs much the same for one as for all of them."""


class StepDraws:
    """The draws `(N, slots)` of one stream for every control step of N robots.

    They are those of `EpisodeDraws.of_steps`, whatever was asked for before: what was drawn ahead
    is forgotten where a robot has begun another episode.
    """

    def __init__(self, draws: EpisodeDraws, stream: int, slots: int) -> None:
        self._draws = draws
        self._stream = stream
        self._span = np.full(draws.num_robots, -1, np.int64)
        self._episode = np.full(draws.num_robots, -1, np.int64)
        self._seed = np.zeros(draws.num_robots, np.uint64)
        self._ahead = np.empty((draws.num_robots, _SPAN, slots))

    def at(self, ids: Ids, elapsed: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the draws of some robots in one control step, `(n, slots)` in (0, 1).

        Args:
            ids: which robots.
            elapsed: `(n,)` number of the control step in each robot's episode.
        """
        span, step = np.divmod(elapsed, _SPAN)
        seed, episode = self._draws.seeds[ids], self._draws.episodes[ids]
        old = (self._span[ids] != span) | (self._episode[ids] != episode)
        old |= self._seed[ids] != seed
        if old.any():
            new = ids[old]
            self._span[new], self._episode[new], self._seed[new] = (
                span[old],
                episode[old],
                seed[old],
            )
            slots = self._ahead.shape[2]
            first = span[old] * _SPAN
            self._ahead[new] = self._draws.of_steps(self._stream, new, first, _SPAN, slots)
        return self._ahead[ids, step]
