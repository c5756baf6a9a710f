"""Rotation matrices of quaternions, vectorised."""

from __future__ import annotations

import numpy as np

from fastadapt.envs.arrays import Array

# Entries of the matrix, less 1 on its diagonal, are FACTOR (q[a] q[b] + SIGN q[c] q[d]), w first.
_A = np.array([2, 1, 1, 1, 1, 2, 1, 2, 1])
_B = np.array([2, 2, 3, 2, 1, 3, 3, 3, 1])
_C = np.array([3, 0, 0, 0, 3, 0, 0, 0, 2])
_D = np.array([3, 3, 2, 3, 3, 1, 2, 1, 2])
_SIGN = np.array([1.0, -1.0, 1.0, 1.0, 1.0, -1.0, -1.0, 1.0, 1.0])[:, None]
_FACTOR = np.where(np.eye(3) > 0, -2.0, 2.0).reshape(9, 1)
_DIAGONAL = slice(None, None, 4)


def unit(vectors: Array) -> Array:
    """Return vectors `(N, n)` normalised to length 1; zero vectors stay zero."""
    length = np.sqrt(np.add.reduce(vectors * vectors, axis=1, keepdims=True))
    return vectors / np.where(length > 0, length, 1.0)


def rotation_matrices(quaternions: Array) -> Array:
    """Return the rotation matrices `(N, 3, 3)` of unit quaternions `(N, 4)`, w first."""
    q = quaternions.T
    products = q[:, None] * q[None]
    entries = _FACTOR * (products[_A, _B] + _SIGN * products[_C, _D])
    entries[_DIAGONAL] += 1.0
    return np.moveaxis(entries.reshape(3, 3, -1), 2, 0)
