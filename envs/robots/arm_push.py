"""A seven-joint arm that pushes an object across a table."""

from __future__ import annotations

from typing import ClassVar

import mujoco

from fastadapt.envs.model.sources import shipped_robot
from fastadapt.envs.objectives.bring_object import BringObject

_JOINTS = tuple(f"joint{i}" for i in range(1, 8))


class ArmPush(BringObject):
    """Push the puck to the goal on the table and leave it there.

    Reward = 0.2 exp(-t / 0.1 m) + 0.4 exp(-d / 0.1 m) + 0.4 exp(-(d / 0.03 m)^2)
    - 0.005 |action|^2, every 40 ms, where d [m] is the distance from the puck to the goal and t [m]
    the distance from the tip to the point 7 cm behind the puck's centre, seen from the goal, where
    to push. Action (7): 1 moves the target of a joint's position servo by 0.05 rad (1.25 rad/s), at
    most 0.2 rad away from the joint. Observation (42): joint angles, velocities, targets minus
    angles; tip; puck minus tip; x and z axis, velocity and spin of the puck; goal minus puck.

    The puck starts within 3 x 5 cm of a place in front of the tip, the goal is 8 to 18 cm away in
    any direction. Never terminates; an episode lasts 4 s (100 control steps);
    `info["at_goal"]` is 1 where d < 3 cm. A success: d < 3 cm for the last half second.

    Versions: v0, first release.
    """

    name = "arm-push"
    version = 0
    summary = "7-joint arm (Franka Panda class), push a puck to goals on a table"
    joints = _JOINTS
    lockable = _JOINTS
    physics_steps = 10
    horizon = 100
    increments: ClassVar = (0.05,) * 7
    goal_distance = (0.08, 0.18)
    standoff = 0.07

    @staticmethod
    def spec() -> mujoco.MjSpec:
        return shipped_robot("arm-push")
