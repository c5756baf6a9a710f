"""Triangle meshes of MuJoCo geoms, for the replays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array

if TYPE_CHECKING:
    import mujoco

_SEGMENTS = 14  # of a round geom
_BOX_FACES = [
    [0, 1, 3], [0, 3, 2], [4, 6, 7], [4, 7, 5], [0, 4, 5], [0, 5, 1],
    [2, 3, 7], [2, 7, 6], [0, 2, 6], [0, 6, 4], [1, 5, 7], [1, 7, 3],
]  # fmt: skip


def mesh_of(model: mujoco.MjModel, geom: int) -> tuple[Array, NDArray[np.uint32]] | None:
    """Return vertices `(V, 3)` and faces `(F, 3)` of a geom, or None if it is not drawn."""
    import mujoco

    kind, size = mujoco.mjtGeom(int(model.geom_type[geom])), model.geom_size[geom]
    angles = np.linspace(-np.pi / 2, np.pi / 2, 10)
    radii, heights = np.cos(angles), np.sin(angles)
    if kind in (mujoco.mjtGeom.mjGEOM_SPHERE, mujoco.mjtGeom.mjGEOM_ELLIPSOID):
        vertices, faces = _lathe(radii, heights)
        return vertices * (size if kind == mujoco.mjtGeom.mjGEOM_ELLIPSOID else size[0]), faces
    if kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        return _lathe(size[0] * radii, size[0] * heights + size[1] * np.sign(heights))
    if kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        edge = np.array([0.0, 1.0, 1.0, 1.0, 1.0, 0.0])  # doubled, so that it is drawn sharp
        return _lathe(size[0] * edge, size[1] * np.repeat([-1.0, 1.0], 3))
    if kind == mujoco.mjtGeom.mjGEOM_BOX:
        corners = np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1], indexing="ij")).reshape(3, 8).T
        return corners * size, np.array(_BOX_FACES, np.uint32)
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        mesh = int(model.geom_dataid[geom])
        first, count = int(model.mesh_vertadr[mesh]), int(model.mesh_vertnum[mesh])
        face, faces = int(model.mesh_faceadr[mesh]), int(model.mesh_facenum[mesh])
        vertices = np.asarray(model.mesh_vert[first : first + count], float)
        return vertices, np.asarray(model.mesh_face[face : face + faces], np.uint32)
    return None


def _lathe(radii: Array, heights: Array) -> tuple[Array, NDArray[np.uint32]]:
    """Revolve a profile `(n,)` of radii at heights about z."""
    turn = np.arange(_SEGMENTS) * 2 * np.pi / _SEGMENTS
    ring = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    rings = np.broadcast_to(heights[:, None, None], (len(heights), _SEGMENTS, 1))
    vertices = np.concatenate([radii[:, None, None] * ring, rings], axis=-1).reshape(-1, 3)
    row, column = np.mgrid[: len(radii) - 1, :_SEGMENTS]
    a, b = row * _SEGMENTS + column, row * _SEGMENTS + (column + 1) % _SEGMENTS
    quads = np.stack([a, b, b + _SEGMENTS, a, b + _SEGMENTS, a + _SEGMENTS], axis=-1)
    return vertices, quads.reshape(-1, 3).astype(np.uint32)
