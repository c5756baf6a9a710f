"""Planar runners: Gymnasium's Hopper-v5 and Walker2d-v5."""

from __future__ import annotations

from typing import ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.environment import Channel, Environment
from fastadapt.envs.model.sources import gymnasium_spec
from fastadapt.envs.success import Success

_ROOT = ("rootx", "rootz", "rooty")
_FASTEST = 10.0
"""Observed velocities are clipped to this [m/s, rad/s]."""


def planar_channels(joints: tuple[str, ...]) -> tuple[Channel, ...]:
    """Return the observation of a planar robot: all but the position along x, velocities limited.

    Args:
        joints: names of the joints after the three of the root, in the model's order.
    """
    position = [Channel("rootz", "m"), Channel("rooty", "rad")]
    position += [Channel(joint, "rad") for joint in joints]
    units = ["m/s", "m/s", *["rad/s"] * (len(joints) + 1)]
    velocity = [
        Channel(f"{joint} velocity", unit, -_FASTEST, _FASTEST)
        for joint, unit in zip((*_ROOT, *joints), units, strict=True)
    ]
    return tuple(position + velocity)


class PlanarRunner(Environment):
    """Base of planar robots that run forward and stay upright.

    Reward of a control step of 8 ms = velocity along x [m/s] + 1 while upright - 0.001 |action|^2.
    The episode terminates when the robot is no longer upright. A success: no fall, and at least
    half the distance of a trained healthy robot. Source: Gymnasium, Hopper-v5 and Walker2d-v5.
    """

    height: ClassVar[tuple[float, float]]
    """Heights of the torso [m] between which the robot is upright."""
    tilt: ClassVar[tuple[float, float]]
    """Angles of the torso [rad] between which the robot is upright."""

    physics_steps = 4
    horizon = 1000
    distance_name = "metres run forward"
    travels = True

    def reset(self, ids: Ids, draws: Array) -> None:
        """Draw positions and velocities uniform within 0.005 of the nominal standing pose."""
        qpos0 = self.sim.model.qpos0
        noise = 0.01 * draws - 0.005
        self.sim.data("qpos")[ids] = qpos0 + noise[:, : len(qpos0)]
        self.sim.data("qvel")[ids] = noise[:, len(qpos0) :]

    def observation(self) -> Array:
        velocity = np.clip(self.sim.data("qvel"), -_FASTEST, _FASTEST)
        return np.concatenate([self.sim.data("qpos")[:, 1:], velocity], axis=1)

    def before_step(self) -> Array:
        return self.sim.data("qpos")[:, 0].copy()

    def healthy(self) -> NDArray[np.bool_]:
        """Return which robots are upright, `(N,)`, from the true state."""
        z, angle = self.sim.data("qpos")[:, 1:3].T
        (low, high), (back, front) = self.height, self.tilt
        return (low < z) & (z < high) & (back < angle) & (angle < front)

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        x = self.sim.data("qpos")[:, 0].copy()
        velocity = (x - before) / self.control_step()
        upright = self.healthy().astype(float)
        cost = 1e-3 * np.square(action).sum(axis=1)
        terms = {"reward_forward": velocity, "reward_ctrl": -cost, "reward_survive": upright}
        terms |= {"x_position": x, "x_velocity": velocity}
        return velocity + upright - cost, terms

    def terminated(self) -> NDArray[np.bool_]:
        return ~self.healthy()

    def distance(self) -> Array:
        return self.sim.data("qpos")[:, 0].copy()


_JOINTS = ("thigh_joint", "leg_joint", "foot_joint")
_LARGEST = 100.0


class Hopper(PlanarRunner):
    """Hop forward: reward = velocity along x [m/s] + 1 upright - 0.001 |action|^2, every 8 ms.

    Observation (11): height and angles, then velocities limited to 10, in the order of the model's
    joints without the position along x. Action (3): torques as a share of each gear (200 N m), in
    [-1, 1]. Terminates when the torso is lower than 0.7 m, tilts by more than 0.2 rad, or any other
    number of the state but x and z leaves (-100, 100); an episode lasts at most 8 s (1000 control
    steps). Same numbers as Gymnasium's Hopper-v5 for the same states and actions when nothing is
    perturbed. Bodies, joints and geoms have Gymnasium's names; actuators, which have none there,
    are named after their joints.

    Versions: v0, first release.
    """

    name = "hopper"
    version = 0
    summary = "planar one-legged hopper, hop forward (Gymnasium's Hopper-v5)"
    lockable = _JOINTS
    observations: ClassVar = planar_channels(_JOINTS)
    reset_draws = 12
    feet = ("foot_geom",)
    success: ClassVar = Success(at_least=9.2)  # half of plain PPO, docs/results/learnable.md
    height = (0.7, np.inf)
    tilt = (-0.2, 0.2)

    @staticmethod
    def spec() -> mujoco.MjSpec:
        return gymnasium_spec("hopper.xml")

    def healthy(self) -> NDArray[np.bool_]:
        qpos, qvel = self.sim.data("qpos")[:, 2:], self.sim.data("qvel")
        bounded = (np.abs(qpos) < _LARGEST).all(axis=1) & (np.abs(qvel) < _LARGEST).all(axis=1)
        return super().healthy() & bounded


_RIGHT = ("thigh_joint", "leg_joint", "foot_joint")
_LEFT = ("thigh_left_joint", "leg_left_joint", "foot_left_joint")


class Walker2d(PlanarRunner):
    """Walk forward: reward = velocity along x [m/s] + 1 upright - 0.001 |action|^2, every 8 ms.

    Observation (17): height and angles, then velocities limited to 10, in the order of the model's
    joints without the position along x. Action (6): torques as a share of each gear (100 N m), in
    [-1, 1]. Terminates when the torso is lower than 0.8 m or higher than 2 m, or tilts by more than
    1 rad; an episode lasts at most 8 s (1000 control steps). Same numbers as Gymnasium's
    Walker2d-v5 for the same states and actions when nothing is perturbed. Bodies, joints and geoms
    have Gymnasium's names (the right leg has no side in its names); actuators, which have none
    there, are named after their joints.

    Versions: v0, first release.
    """

    name = "walker2d"
    version = 0
    summary = "planar two-legged walker, walk forward (Gymnasium's Walker2d-v5)"
    lockable = (*_RIGHT, *_LEFT)
    observations: ClassVar = planar_channels((*_RIGHT, *_LEFT))
    reset_draws = 18
    feet = ("foot_geom", "foot_left_geom")
    success: ClassVar = Success(at_least=19.4)  # half of plain PPO, docs/results/learnable.md
    height = (0.8, 2.0)
    tilt = (-1.0, 1.0)

    @staticmethod
    def spec() -> mujoco.MjSpec:
        return gymnasium_spec("walker2d_v5.xml")
