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

    Attributes:
        num_robots: N.
        seeds: `(N,)` seed of each robot.
        episodes: `(N,)` number of its episode since that seed was given.
    """

    def __init__(self, num_robots: int) -> None:
        entropy = np.random.SeedSequence().generate_state(1, np.uint64)
        self.num_robots = num_robots
        self.seeds = entropy + np.arange(num_robots, dtype=np.uint64)
        self.episodes = np.full(num_robots, -1, np.int64)

    def begin(self, ids: NDArray[np.intp], seed: int | Sequence[int | None] | None) -> None:
        """Begin an episode of some robots.

        Args:
            ids: which robots.
            seed: robot i gets `seed + i`, or the i-th of a sequence with one entry for each of all
                N robots; None goes on to the next episode of the seed that it has.

        Raises:
            FastadaptError: the number of seeds is wrong.
        """
        if seed is None:
            self.episodes[ids] += 1
            return
        count = self.num_robots
        if _is_whole(seed):
            seeds: Sequence[int | None] = [int(seed) + i for i in range(count)]
        elif isinstance(seed, Sequence | np.ndarray) and not isinstance(seed, str):
            seeds = seed
        else:
            raise FastadaptError(f"A seed is a whole number, or one for each robot; got {seed!r}.")
        if len(seeds) != count:
            raise FastadaptError(f"Got {len(seeds)} seeds for {count} robots.")
        for given in seeds:
            if given is not None and not _is_whole(given):
                raise FastadaptError(f"Seeds must be whole numbers; got {given!r}.")
        self.episodes[ids] += 1
        for i in ids:
            given = seeds[i]
            if given is not None:
                self.seeds[i], self.episodes[i] = np.uint64(int(given) % 2**64), 0

    def uniforms(self, ids: NDArray[np.intp], slots: int) -> NDArray[np.float64]:
        """Return the draws of the current episodes of some robots, `(n, slots)` in (0, 1)."""
        return uniforms(self.seeds[ids] ^ _RESET, self.episodes[ids].astype(np.uint64), slots)

    def of_steps(
        self, stream: int, ids: NDArray[np.intp], first: NDArray[np.int64], count: int, slots: int
    ) -> NDArray[np.float64]:
        """Return draws of consecutive control steps, `(n, count, slots)` in (0, 1).

        Args:
            stream: key of what they are for.
            ids: which robots.
            first: `(n,)` number of the first control step in each robot's episode.
            count: how many steps.
            slots: how many for each robot and step.
        """
        index = (self.episodes[ids] << 32)[:, None] + first[:, None] + np.arange(count)
        keys = np.repeat(self.seeds[ids] ^ np.uint64(stream), count)
        drawn = uniforms(keys, index.ravel().astype(np.uint64), slots)
        return drawn.reshape(len(ids), count, slots)


def _is_whole(seed: object) -> TypeGuard[int]:
    return isinstance(seed, int | np.integer) and not isinstance(seed, bool)
