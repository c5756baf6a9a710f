"""Mass and inertia of bodies: of point masses, of geoms, and of a body that is made shorter."""

from __future__ import annotations

import functools

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.model.solids import SOLIDS, moments, shortened, volume

_EXPLAINED = 1e-6
"""Relative error up to which the geoms of a body explain its inertia."""


def point_inertia(mass: Array, offset: Array) -> Array:
    """Return the inertia of point masses `(n,)` at `(n, 3)` about the origin, `(n, 3, 3)`."""
    square = np.einsum("ni,ni->n", offset, offset)
    outer = np.einsum("ni,nj->nij", offset, offset)
    return mass[:, None, None] * (square[:, None, None] * np.eye(3) - outer)


def rotation(quat: Array) -> Array:
    """Return the rotation matrices `(n, 3, 3)` of unit quaternions `(n, 4)`, w first."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_quat(quat, scalar_first=True).as_matrix()


def quaternion(matrix: Array) -> Array:
    """Return the unit quaternions `(n, 4)`, w first, of rotation matrices `(n, 3, 3)`."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(matrix).as_quat(scalar_first=True)


def shortened_inertia(
    model: mujoco.MjModel, body: int, fixed: Array, factor: Array
) -> tuple[Array, Array, Array, Array]:
    """Return mass and inertia of a body that is `factor` `(n,)` times as long.

    Args:
        model: the nominal model.
        body: the body.
        fixed: `(3,)` position of its joint, which does not move.
        factor: `(n,)` multiples of its length.

    Returns:
        Masses `(n,)`, centres of mass `(n, 3)`, moments `(n, 3)` and the quaternions `(n, 4)` of
        their axes, as in the model.
    """
    geoms, masses = geom_masses(model, body)
    if len(geoms) == 0:
        return _rod(model, body, fixed, factor)
    parts = []
    for geom, mass in zip(geoms, masses, strict=True):
        kind = int(model.geom_type[geom])
        before = model.geom_size[geom][None]
        size = shortened(kind, np.repeat(before, len(factor), axis=0), factor)
        part = mass * (volume(kind, size) / volume(kind, before))
        centre = fixed + factor[:, None] * (model.geom_pos[geom] - fixed)
        parts.append((part, centre, _turn(model, body, geom), moments(kind, size)))
    total = sum((part for part, *_ in parts), np.zeros(len(factor)))
    middle = sum(((part / total)[:, None] * c for part, c, *_ in parts), np.zeros((1, 3)))
    inertia = np.zeros((len(factor), 3, 3))
    frame = rotation(model.body_iquat[body][None])[0]
    for part, centre, turn, unit in parts:
        inertia += part[:, None, None] * (turn @ (unit[:, :, None] * turn.T))
        inertia += point_inertia(part, (centre - middle) @ frame)
    return total, middle, *_principal(inertia, model.body_iquat[body])


def _principal(inertia: Array, axes: Array) -> tuple[Array, Array]:
    """Return moments and axes of inertias `(n, 3, 3)` given in the frame of `axes` `(4,)`."""
    diagonal = np.einsum("nii->ni", inertia).copy()
    same = np.repeat(axes[None], len(inertia), axis=0)
    off = np.abs(inertia - diagonal[:, :, None] * np.eye(3)).max(axis=(1, 2))
    if (off <= 1e-9 * diagonal.max(axis=1)).all():
        return diagonal, same
    values, vectors = np.linalg.eigh(inertia)
    vectors[np.linalg.det(vectors) < 0, :, 0] *= -1  # a frame is right-handed
    return values, quaternion(rotation(same) @ vectors)


def _rod(
    model: mujoco.MjModel, body: int, fixed: Array, factor: Array
) -> tuple[Array, Array, Array, Array]:
    """Return the inertia of a body that shrinks along its axis of least inertia.

    Half the sum of the moments less one of them is the second moment of mass along that axis,
    which is proportional to the mass and to the square of the length.
    """
    nominal = model.body_inertia[body]
    second = nominal.sum() / 2 - nominal
    longest = second.argmax()
    second = np.repeat(second[None], len(factor), axis=0)
    second[:, longest] *= factor**2
    inertia = factor[:, None] * (second.sum(axis=1, keepdims=True) - second)
    along = rotation(model.body_iquat[body][None])[0][:, longest]
    offset = (model.body_ipos[body] - fixed) @ along
    centre = model.body_ipos[body] + ((factor - 1) * offset)[:, None] * along
    axes = np.repeat(model.body_iquat[body][None], len(factor), axis=0)
    return model.body_mass[body] * factor, centre, inertia, axes


@functools.lru_cache(maxsize=256)
def geom_masses(model: mujoco.MjModel, body: int) -> tuple[Ids, Array]:
    """Return the geoms that make up a body and the mass of each, `(g,)`; none if they do not.

    A compiled model does not keep the masses of geoms: they are fitted to the mass, the centre of
    mass and the inertia of the body, ten numbers in all.
    """
    from scipy.optimize import nnls

    own = np.flatnonzero(model.geom_bodyid == body)
    geoms = own[np.isin(model.geom_type[own], SOLIDS)]
    mass, ipos = model.body_mass[body], model.body_ipos[body]
    if len(geoms) == 0 or mass <= 0:
        return geoms[:0], np.zeros(0)
    scale = np.sqrt(model.body_inertia[body].max() / mass)
    columns = [_ten(1.0, model.geom_pos[g] - ipos, _tensor(model, g), scale) for g in geoms]
    frame = rotation(model.body_iquat[body][None])[0]
    tensor = frame @ (model.body_inertia[body][:, None] * frame.T)
    wanted = _ten(mass, np.zeros(3), tensor, scale)
    masses, error = nnls(np.stack(columns, axis=1), wanted)
    if error > _EXPLAINED * mass:
        return geoms[:0], np.zeros(0)
    found = masses > 1e-9 * mass
    exact = np.array([mass]) if found.sum() == 1 else masses[found]
    return geoms[found], exact


def _ten(mass: float, offset: Array, tensor: Array, scale: float) -> Array:
    """Return mass, first moment and inertia about the origin of `offset`, in like units `(10,)`."""
    upper = np.triu_indices(3)
    about = tensor + point_inertia(np.array([mass]), offset[None])[0]
    return np.concatenate([[mass], mass * offset / scale, about[upper] / scale**2])


def _tensor(model: mujoco.MjModel, geom: int) -> Array:
    """Return the inertia of a geom of unit mass about its centre, in the axes of its body."""
    frame = rotation(model.geom_quat[geom][None])[0]
    unit = moments(int(model.geom_type[geom]), model.geom_size[geom][None])[0]
    return frame @ (unit[:, None] * frame.T)


def _turn(model: mujoco.MjModel, body: int, geom: int) -> Array:
    """Return the rotation from the axes of a geom to the principal axes of its body, `(3, 3)`."""
    ours = rotation(model.body_iquat[body][None])[0]
    turn = ours.T @ rotation(model.geom_quat[geom][None])[0]
    exact = np.round(turn)
    return np.where(np.abs(turn - exact) < 1e-9, exact, turn)  # no rounding where axes agree
