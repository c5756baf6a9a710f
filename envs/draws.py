"""Keyed random numbers: each value is a function of (key, index, slot) and of nothing else.

A counter-based generator has no state to advance, so a draw does not depend on the batch size, on
the order of the draws or on the process that makes them.
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

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
    """Return the 64-bit key that names a stream of draws, e.g. `key_of(seed, "train", "mass")`."""
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
