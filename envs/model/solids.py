"""Volume, inertia and bounds of MuJoCo's primitive geoms, for many sizes at once."""

from __future__ import annotations

from collections.abc import Callable

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array

_Geom = mujoco.mjtGeom


def volume(kind: int, size: Array) -> Array:
    """Return the volumes `(n,)` of geoms of one kind with sizes `(n, 3)`."""
    x, y, z = size.T
    if kind == _Geom.mjGEOM_SPHERE:
        return 4 / 3 * np.pi * x * x * x
    if kind == _Geom.mjGEOM_CAPSULE:
        return np.pi * x * x * (2 * y + 4 / 3 * x)
    if kind == _Geom.mjGEOM_CYLINDER:
        return np.pi * x * x * 2 * y
    if kind == _Geom.mjGEOM_ELLIPSOID:
        return 4 / 3 * np.pi * x * y * z
    return 8 * x * y * z


def moments(kind: int, size: Array) -> Array:
    """Return the moments of inertia `(n, 3)` of solid geoms of unit mass about their own axes."""
    return _MOMENTS[_Geom(kind)](*size.T)


def _sphere(r: Array, _y: Array, _z: Array) -> Array:
    moment = 2 / 5 * r * r
    return np.stack([moment, moment, moment], axis=1)


def _capsule(r: Array, half: Array, _z: Array) -> Array:
    caps = 4 / 3 * r / (2 * half + 4 / 3 * r)  # share of the two half spheres in the mass
    tube = 1 - caps
    across = tube * (r * r / 4 + half * half / 3)
    across += caps * (2 / 5 * r * r + half * half + 3 / 4 * half * r)
    along = tube * r * r / 2 + caps * 2 / 5 * r * r
    return np.stack([across, across, along], axis=1)


def _cylinder(r: Array, half: Array, _z: Array) -> Array:
    across = r * r / 4 + half * half / 3
    return np.stack([across, across, r * r / 2], axis=1)


def _box(x: Array, y: Array, z: Array) -> Array:
    return np.stack([y * y + z * z, x * x + z * z, x * x + y * y], axis=1) / 3


def _ellipsoid(x: Array, y: Array, z: Array) -> Array:
    return np.stack([y * y + z * z, x * x + z * z, x * x + y * y], axis=1) / 5


_MOMENTS: dict[mujoco.mjtGeom, Callable[[Array, Array, Array], Array]] = {
    _Geom.mjGEOM_SPHERE: _sphere,
    _Geom.mjGEOM_CAPSULE: _capsule,
    _Geom.mjGEOM_CYLINDER: _cylinder,
    _Geom.mjGEOM_BOX: _box,
    _Geom.mjGEOM_ELLIPSOID: _ellipsoid,
}

SOLIDS = tuple(int(kind) for kind in _MOMENTS)
"""Kinds of geoms that are supported."""


def half_extents(kind: int, size: Array) -> Array:
    """Return the half sizes `(n, 3)` of the boxes around geoms."""
    x, y, _ = size.T
    if kind == _Geom.mjGEOM_SPHERE:
        return np.stack([x, x, x], axis=1)
    if kind == _Geom.mjGEOM_CAPSULE:
        return np.stack([x, x, x + y], axis=1)
    if kind == _Geom.mjGEOM_CYLINDER:
        return np.stack([x, x, y], axis=1)
    return size.copy()


def bounding_radius(kind: int, size: Array) -> Array:
    """Return the radii `(n,)` of the spheres around geoms."""
    x, y, z = size.T
    if kind == _Geom.mjGEOM_SPHERE:
        return x.copy()
    if kind == _Geom.mjGEOM_CAPSULE:
        return x + y
    if kind == _Geom.mjGEOM_CYLINDER:
        return np.sqrt(x * x + y * y)
    if kind == _Geom.mjGEOM_ELLIPSOID:
        return size.max(axis=1)
    return np.sqrt(x * x + y * y + z * z)


def shortened(kind: int, size: Array, factor: Array) -> Array:
    """Return sizes with the length of the geoms times `factor` `(n,)`; they stay as thick.

    The length is that of the axis of capsules and cylinders and the longest side of others; a
    sphere has none.
    """
    out = size.copy()
    if kind in (_Geom.mjGEOM_CAPSULE, _Geom.mjGEOM_CYLINDER):
        out[:, 1] *= factor
    elif kind != _Geom.mjGEOM_SPHERE:
        longest = size.argmax(axis=1)
        out[np.arange(len(size)), longest] *= factor
    return out
