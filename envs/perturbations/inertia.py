"""Moments of inertia, and what has to follow where a body's centre of mass moves."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array
from fastadapt.envs.perturbations.edit import Edit


def move_inertial_frame(edit: Edit, moved: NDArray[np.bool_]) -> None:
    """Do what a moved inertial frame takes in robots where any is `moved`, `(n, ...)`.

    MuJoCo's midphase keeps its bounding boxes in that frame and never makes them anew: contacts of
    a body with several geoms would be missed. Without it, contacts are found one geom by one.
    """
    edit["disableflags"][moved.reshape(len(moved), -1).any(axis=1)] |= int(
        mujoco.mjtDisableBit.mjDSBL_MIDPHASE
    )


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
