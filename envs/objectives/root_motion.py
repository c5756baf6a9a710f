"""Position, orientation and velocity of a robot's root body."""

from __future__ import annotations

from typing import NamedTuple

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array
from fastadapt.envs.model.names import names_of
from fastadapt.envs.model.rotations import rotation_matrices, unit
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.errors import unknown_name


class Motion(NamedTuple):
    """The motion of N root bodies.

    Body axes coincide with the world's in the nominal pose: x points forward and z up, whatever the
    orientation of the root's own frame in the MJCF file.

    Attributes:
        position: of the origin of the body, in the world, `(N, 3)` [m].
        axes: `axes[:, :, k]` is body axis k in the world, `(N, 3, 3)`.
        velocity: of the origin of the body, in the world, `(N, 3)` [m/s].
        spin: angular velocity, in body axes, `(N, 3)` [rad/s], as a gyroscope measures it.
    """

    position: Array
    axes: Array
    velocity: Array
    spin: Array

    def to_body(self, vectors: Array) -> Array:
        """Return world vectors `(N, 3)` in body axes."""
        return np.einsum("nji,nj->ni", self.axes, vectors)

    @property
    def yaw(self) -> Array:
        """The heading, `(N,)` [rad]: the angle of the body's x axis in the ground plane."""
        return np.arctan2(self.axes[:, 1, 0], self.axes[:, 0, 0])


class RootMotion:
    """Reads the motion of one body in N simulations.

    A body with a free joint is read from `qpos` and `qvel`, which are always current. Any other
    body is read from `xpos`, `xmat` and `cvel`, so its environment sets `needs_forward`.
    """

    def __init__(self, sim: Simulation, body: str, qpos: Array) -> None:
        """Find the body.

        Args:
            sim: the simulations.
            body: its name.
            qpos: the nominal pose, `(nq,)`.
        """
        self._sim = sim
        self._body = body_id(sim.model, body)
        data = mujoco.MjData(sim.model)
        data.qpos[:] = qpos
        mujoco.mj_kinematics(sim.model, data)
        self._nominal = data.xmat[self._body].reshape(3, 3).copy()
        self.start = data.xpos[self._body].copy()
        self._joint = free_joint(sim.model, body)
        self._tree = int(sim.model.body_rootid[self._body])
        self._seen: tuple[Array, Array, Motion] | None = None

    def read(self) -> Motion:
        """Return the current motion; do not write to it."""
        return self._from_derived() if self._joint is None else self._from_state(self._joint)

    def _from_state(self, joint: int) -> Motion:
        q, v = self._sim.model.jnt_qposadr[joint], self._sim.model.jnt_dofadr[joint]
        place, speed = self._sim.data("qpos")[:, q : q + 7], self._sim.data("qvel")[:, v : v + 6]
        if self._seen is not None:  # observation, reward and failure read it in one control step
            seen_place, seen_speed, motion = self._seen
            if (place == seen_place).all() and (speed == seen_speed).all():
                return motion
        place, speed = place.copy(), speed.copy()
        axes = rotation_matrices(unit(place[:, 3:])) @ self._nominal.T
        spin = speed[:, 3:] @ self._nominal.T  # given in the body's own frame
        motion = Motion(place[:, :3], axes, speed[:, :3], spin)
        self._seen = place, speed, motion
        return motion

    def _from_derived(self) -> Motion:
        sim, body = self._sim, self._body
        position = sim.data("xpos")[:, body].copy()
        axes = sim.data("xmat")[:, body].reshape(-1, 3, 3) @ self._nominal.T
        twist = sim.data("cvel")[:, body]  # about the tree's centre of mass
        lever = position - sim.data("subtree_com")[:, self._tree]
        velocity = twist[:, 3:] + np.cross(twist[:, :3], lever)
        return Motion(position, axes, velocity, np.einsum("nji,nj->ni", axes, twist[:, :3]))


def body_id(model: mujoco.MjModel, body: str) -> int:
    """Return the id of a body.

    Raises:
        FastadaptError: there is none of that name.
    """
    index = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, body)
    if index < 0:
        raise unknown_name("root body", body, names_of(model, "body"))
    return index


def free_joint(model: mujoco.MjModel, body: str) -> int | None:
    """Return the free joint of a body, None if it has none."""
    first = int(model.body_jntadr[body_id(model, body)])
    if first < 0 or model.jnt_type[first] != mujoco.mjtJoint.mjJNT_FREE:
        return None
    return first


def can_travel(model: mujoco.MjModel, body: str) -> bool:
    """Return whether a free joint or a slide moves a body, directly or through its ancestors."""
    index = body_id(model, body)
    kinds = (int(mujoco.mjtJoint.mjJNT_FREE), int(mujoco.mjtJoint.mjJNT_SLIDE))
    while index > 0:
        first, count = int(model.body_jntadr[index]), int(model.body_jntnum[index])
        if any(int(model.jnt_type[first + j]) in kinds for j in range(count)):
            return True
        index = int(model.body_parentid[index])
    return False
