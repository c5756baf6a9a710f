"""Where the root body of a robot is, how it is turned, and how fast it moves."""

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

    Body axes are the ones that agree with the world's in the nominal pose: x points wherever the
    robot would run, z is up when it stands, however its maker has turned the root's own frame.

    Attributes:
        position: of the origin of the body, in the world, `(N, 3)` [m].
        axes: `axes[:, :, k]` is body axis k in the world, `(N, 3, 3)`.
        velocity: of the origin of the body, in the world, `(N, 3)` [m/s].
        spin: angular velocity, in body axes, `(N, 3)` [rad/s]: what a gyroscope reads.
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

    A body with a free joint is read from `qpos` and `qvel`, which are always current; any other one
    from `xpos`, `xmat` and `cvel`, for which the environment needs `needs_forward`.
    """

    def __init__(self, sim: Simulation, body: str, qpos: Array) -> None:
        """Look the body up; `qpos` is the nominal pose."""
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
        """Return the current motion; it is not to be written to."""
        return self._from_derived() if self._joint is None else self._from_state(self._joint)

    def _from_state(self, joint: int) -> Motion:
        q, v = self._sim.model.jnt_qposadr[joint], self._sim.model.jnt_dofadr[joint]
        place, speed = self._sim.data("qpos")[:, q : q + 7], self._sim.data("qvel")[:, v : v + 6]
        if self._seen is not None:  # a control step reads it for observation, reward, failure, ...
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
