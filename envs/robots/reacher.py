"""A redundant planar arm that carries an object to a goal."""

from __future__ import annotations

from typing import ClassVar

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.environment import Channel, Environment
from fastadapt.envs.model.sources import shipped_robot
from fastadapt.envs.success import Success

_JOINTS = ("joint1", "joint2", "joint3", "joint4")
_NEAR, _THERE = 0.1, 0.02
"""Length scales [m] of the two terms for closeness: approach, and precision."""


def _channels() -> tuple[Channel, ...]:
    angles = [Channel(f"{f} {joint}", "-", -1.0, 1.0) for f in ("cos", "sin") for joint in _JOINTS]
    speeds = [Channel(f"{joint} velocity", "rad/s") for joint in _JOINTS]
    places = [Channel(f"{what} {axis}", "m") for what in ("tip", "goal - tip") for axis in "xz"]
    return tuple(angles + speeds + places)


class Reacher(Environment):
    """Bring the object at the tip of the arm to the goal and hold it there, against gravity.

    Reward = 0.5 exp(-(d / 0.1 m)^2) + 0.5 exp(-(d / 0.02 m)^2) - 0.5 d - 0.02 |action|^2, every
    40 ms, where d [m] is the distance from the tip to the goal after the step. Observation (16):
    cosine and sine of the joint angles, joint velocities, tip position, goal minus tip. Action (4):
    torques as a share of each gear, in [-1, 1]. Never terminates; an episode lasts 3 s (75 control
    steps), each with a new visible goal between 0.35 and 0.85 m from the base, in the upper half
    plane. A success: d below 3 cm for the last half second.

    Versions: v0, first release.
    """

    name = "reacher"
    version = 0
    summary = "planar arm with four joints, carry an object to goals against gravity"
    lockable = _JOINTS
    physics_steps = 8
    horizon = 75
    needs_forward = True
    observations: ClassVar = _channels()
    reset_draws = 10
    distance_name = "metres from tip to goal at the end"
    success: ClassVar = Success(at_most=0.03, held=0.5)

    @staticmethod
    def spec() -> mujoco.MjSpec:
        return shipped_robot("reacher")

    def reset(self, ids: Ids, draws: Array) -> None:
        """Write a state near "arm up, elbow bent" and draw a goal in the upper half plane."""
        start = np.array([np.pi / 2, -0.6, 0.6, 0.6])
        self.sim.data("qpos")[ids] = start + 0.6 * draws[:, :4] - 0.3
        self.sim.data("qvel")[ids] = 0.1 * draws[:, 4:8] - 0.05
        radius = np.sqrt(0.35**2 + (0.85**2 - 0.35**2) * draws[:, 8])  # uniform in area
        angle = np.pi * draws[:, 9]
        goal = np.stack(
            [radius * np.cos(angle), np.zeros(len(ids)), radius * np.sin(angle)], axis=1
        )
        self.sim.data("mocap_pos")[ids, 0] = goal

    def _to_goal(self) -> Array:
        tip, goal = self.sim.data("site_xpos")[:, 0], self.sim.data("mocap_pos")[:, 0]
        return (goal - tip)[:, ::2]

    def observation(self) -> Array:
        qpos, tip = self.sim.data("qpos"), self.sim.data("site_xpos")[:, 0]
        parts = [np.cos(qpos), np.sin(qpos), self.sim.data("qvel"), tip[:, ::2], self._to_goal()]
        return np.concatenate(parts, axis=1)

    def before_step(self) -> Array:
        return np.empty(0)

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        distance = self.distance()
        near, there = (np.exp(-np.square(distance / scale)) for scale in (_NEAR, _THERE))
        close = 0.5 * near + 0.5 * there
        cost = 0.02 * np.square(action).sum(axis=1)
        terms = {"reward_close": close, "reward_distance": -0.5 * distance, "reward_ctrl": -cost}
        return close - 0.5 * distance - cost, terms

    def distance(self) -> Array:
        x, z = self._to_goal().T
        return np.sqrt(x * x + z * z)
