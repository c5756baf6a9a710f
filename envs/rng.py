"""Keyed random numbers: each value is a function of (key, index, slot) and of nothing else.

A counter-based generator has no state, so a draw does not depend on the batch size, on the order of
the draws or on the process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from fastadapt.envs.arrays import Ids
from fastadapt.errors import FastadaptError

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_BELOW_ONE = np.nextafter(1.0, 0.0)


def philox(counter: NDArray[np.uint64], key: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").

    Args:
        counter: `(..., 4)` 32-bit words held in uint64.
        key: `(..., 2)` 32-bit words held in uint64.

    Returns:
        `(..., 4)` random 32-bit words held in uint64.
    """
    c0, c1, c2, c3 = (counter[..., i] for i in range(4))
    k0, k1 = key[..., 0], key[..., 1]
    for _ in range(10):
        p0, p1 = _MULTIPLIERS[0] * c0, _MULTIPLIERS[1] * c2
        c0, c1, c2, c3 = (p1 >> _HALF) ^ c1 ^ k0, p1 & _LOW, (p0 >> _HALF) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _WEYL[0]) & _LOW, (k1 + _WEYL[1]) & _LOW
    return np.stack(np.broadcast_arrays(c0, c1, c2, c3), axis=-1)


def key_of(*words: str | int) -> int:
    """Return the 64-bit key of a stream of draws, e.g. `key_of(seed, "train", "mass")`."""
    kinds = ("str" if isinstance(word, str) else "int" for word in words)  # NumPy's integers too
    text = "\x1f".join(f"{kind}:{word}" for kind, word in zip(kinds, words, strict=True))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little")


def uniforms(key: ArrayLike, index: ArrayLike, slots: int) -> NDArray[np.float64]:
    """Return uniform draws in the open interval (0, 1).

    Args:
        key: 64-bit key (see `key_of`), a scalar or `(n,)`.
        index: 64-bit index within the stream (task number, episode number), `(n,)` or a scalar.
        slots: number of draws for each index.

    Returns:
        `(n, slots)`. Row i depends on `key[i]` and `index[i]` only, column j on j only.
    """
    keys, indices = np.broadcast_arrays(
        np.atleast_1d(np.asarray(key, np.uint64)), np.atleast_1d(np.asarray(index, np.uint64))
    )
    blocks = np.arange(-(-slots // 2), dtype=np.uint64)
    counter = np.zeros((len(indices), len(blocks), 4), np.uint64)
    counter[..., 0] = blocks
    counter[..., 2] = (indices & _LOW)[:, None]
    counter[..., 3] = (indices >> _HALF)[:, None]
    halves = np.stack([keys & _LOW, keys >> _HALF], axis=-1)[:, None, :]
    words = philox(counter, halves)
    # 53 random bits, shifted by half a step so that neither 0 nor 1 can occur.
    bits = (words[..., 0::2] >> np.uint64(5)) * np.uint64(1 << 26) + (
        words[..., 1::2] >> np.uint64(6)
    )
    values = (bits.astype(np.float64) + 0.5) * 2.0**-53
    np.minimum(values, _BELOW_ONE, out=values)  # the largest one would round up to 1
    return values.reshape(len(indices), -1)[:, :slots]


def normals(key: ArrayLike, index: ArrayLike, slots: int) -> NDArray[np.float64]:
    """Return standard normal draws, `(n, slots)`, keyed as in `uniforms`."""
    return ndtri(uniforms(key, index, slots))


_RESET = np.uint64(key_of("reset"))


class EpisodeDraws:
    """The streams of draws of N robots.

    A draw is a function of the robot's seed and of the number of episodes since the seed was set;
    it does not depend on other robots. A robot without a given seed has a random one.

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
                N robots; None keeps its seed and begins the next episode of it.

        Raises:
            FastadaptError: the number of seeds is wrong.
        """
        seeds = robot_seeds(seed, self.num_robots)
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
            stream: key of the stream.
            ids: which robots.
            first: `(n,)` number of the first control step in each robot's episode.
            count: how many steps.
            slots: how many for each robot and step.
        """
        index = (self.episodes[ids] << 32)[:, None] + first[:, None] + np.arange(count)
        keys = np.repeat(self.seeds[ids] ^ np.uint64(stream), count)
        drawn = uniforms(keys, index.ravel().astype(np.uint64), slots)
        return drawn.reshape(len(ids), count, slots)


def robot_seeds(seed: int | Sequence[int | None] | None, count: int) -> Sequence[int | None]:
    """Return one seed for each of `count` robots; None where none is given.

    Args:
        seed: robot i gets `seed + i`, or entry i of a sequence.
        count: how many robots.

    Raises:
        FastadaptError: it is neither, or the number of seeds is wrong.
    """
    if seed is None:
        return [None] * count
    if _is_whole(seed):
        return [int(seed) + i for i in range(count)]
    if not isinstance(seed, Sequence | np.ndarray) or isinstance(seed, str):
        raise FastadaptError(f"A seed is a whole number, or one for each robot; got {seed!r}.")
    if len(seed) != count:
        raise FastadaptError(f"Got {len(seed)} seeds for {count} robots.")
    for given in seed:
        if given is not None and not _is_whole(given):
            raise FastadaptError(f"Seeds must be whole numbers; got {given!r}.")
    return seed


def _is_whole(seed: object) -> TypeGuard[int]:
    return isinstance(seed, int | np.integer) and not isinstance(seed, bool)


_SPAN = 16
"""Control steps that are drawn together: one call costs about as much for one as for all."""


class StepDraws:
    """The draws `(N, slots)` of one stream for every control step of N robots.

    They equal those of `EpisodeDraws.of_steps`. Draws are made several steps ahead, and anew for a
    robot that has begun another episode.
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
