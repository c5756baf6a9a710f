"""The random numbers of episodes: each robot has a seed of its own and counts its episodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.draws import key_of, uniforms
from fastadapt.envs.errors import FastadaptError

_RESET = np.uint64(key_of("reset"))


class EpisodeDraws:
    """Where N robots stand in their streams of draws.

    A draw is a function of the robot's seed and of the number of its episodes since that seed was
    given; the other robots do not count. A robot that was never given a seed has a random one.
    """

    def __init__(self, num_robots: int) -> None:
        entropy = np.random.SeedSequence().generate_state(1, np.uint64)
        self._seeds = entropy + np.arange(num_robots, dtype=np.uint64)
        self._episode = np.full(num_robots, -1, np.int64)

    def begin(self, ids: NDArray[np.intp], seed: int | Sequence[int | None] | None) -> None:
        """Begin an episode of some robots.

        Args:
            ids: which robots.
            seed: robot i gets `seed + i`, or the i-th of a sequence with one entry for each of all
                N robots; None goes on to the next episode of the seed that it has.

        Raises:
            FastadaptError: the number of seeds is wrong.
        """
        count = len(self._seeds)
        if seed is None:
            seeds: Sequence[int | None] = [None] * count
        elif _is_whole(seed):
            seeds = [int(seed) + i for i in range(count)]
        elif isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str):
            seeds = seed
        else:
            raise FastadaptError(f"A seed is a whole number, or one for each robot; got {seed!r}.")
        if len(seeds) != count:
            raise FastadaptError(f"Got {len(seeds)} seeds for {count} robots.")
        for given in seeds:
            if given is not None and not _is_whole(given):
                raise FastadaptError(f"Seeds must be whole numbers; got {given!r}.")
        self._episode[ids] += 1
        for i in ids:
            given = seeds[i]
            if given is not None:
                self._seeds[i], self._episode[i] = np.uint64(int(given) % 2**64), 0

    def uniforms(self, ids: NDArray[np.intp], slots: int) -> NDArray[np.float64]:
        """Return the draws of the current episodes of some robots, `(n, slots)` in (0, 1)."""
        return uniforms(self._seeds[ids] ^ _RESET, self._episode[ids].astype(np.uint64), slots)

    def of_step(
        self, stream: int, ids: NDArray[np.intp], elapsed: NDArray[np.int64], slots: int
    ) -> NDArray[np.float64]:
        """Return draws of single control steps, `(n, slots)` in (0, 1).

        Args:
            stream: key of what they are for.
            ids: which robots.
            elapsed: `(n,)` number of the control step in each robot's episode.
            slots: how many for each robot.
        """
        index = (self._episode[ids] << 32) + elapsed
        return uniforms(self._seeds[ids] ^ np.uint64(stream), index.astype(np.uint64), slots)


def _is_whole(seed: object) -> TypeGuard[int]:
    return isinstance(seed, int | np.integer) and not isinstance(seed, bool)
