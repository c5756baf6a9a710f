"""A seven-joint arm that grasps an object and lifts it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array
from fastadapt.envs.environment import Channel
from fastadapt.envs.model.sources import shipped_robot
from fastadapt.envs.objectives.bring_object import BringObject
from fastadapt.envs.simulation.interface import Simulation

_ARM = tuple(f"joint{i}" for i in range(1, 8))

_FINGERS = ("left_finger", "right_finger")
_SATURATION = 50.0
"""Saturation of the fingers' force sensors [N]."""
_FIRM = 5.0
"""Force of a finger on the block that gets the full reward [N]."""
_OPEN, _AROUND = 0.04, 0.022
"""Distance of each finger from the middle: fully open, and (nearly) on the block [m]."""


class ArmLift(BringObject):
    """Grasp the block, lift it and hold it at the goal.

    Reward = 0.2 exp(-t / 0.1 m) + 0.1 (c + g) exp(-(t / 0.02 m)^2) + 0.8 exp(-d / 0.1 m)
    + 0.4 exp(-(d / 0.03 m)^2) - 0.005 |action|^2 - 0.5 |e|^2, every 40 ms, where d [m] is the
    distance from the block to the goal, t [m] from the middle between the finger tips to the block,
    c in [0, 1] how far the fingers have closed towards the width of the block, g in [0, 1] the
    smaller one of their two forces on it / 5 N, and e [rad, m] targets minus positions.

    Action (8): 1 moves the target of a joint's position servo by 0.02 rad (0.5 rad/s), at most 0.2
    rad away from the joint, and the target of the fingers by 2 cm. Observation (47): joint angles
    and opening; velocities; targets minus positions; tip; block minus tip; x and z axis, velocity
    and spin of the block; goal minus block; the forces of the fingers on the block.

    The block starts within 3 x 3 cm of a place below the open hand, turned by up to 0.3 rad; the
    goal is 10 to 20 cm above it. Never terminates; an episode lasts 5 s (125 control steps);
    `info["at_goal"]` is 1 where d < 3 cm. A success: d < 3 cm for the last half second.

    Versions: v0, first release.
    """

    name = "arm-lift"
    version = 0
    summary = "7-joint arm with a gripper (Franka Panda class), lift a block and hold it"
    joints: ClassVar = (*_ARM, "left_finger")
    noisy_joints = _ARM
    lockable = _ARM
    physics_steps = 10
    horizon = 125
    increments: ClassVar = (0.02,) * 7 + (0.02,)
    object_region = (0.03, 0.03)
    object_yaw = (-0.3, 0.3)
    goal_distance = (0.0, 0.0)
    goal_height = (0.1, 0.2)
    weights: ClassVar[Mapping[str, float]] = {
        **BringObject.weights,
        "near": 0.8,
        "grasp": 0.1,
        "effort": 0.5,
    }

    def __init__(self, sim: Simulation) -> None:
        super().__init__(sim)
        first = [sim.model.sensor(name).adr[0] for name in _FINGERS]
        self._columns = np.add.outer(first, np.arange(3))
        self._forces = sim.data("sensordata")

    @staticmethod
    def spec() -> mujoco.MjSpec:
        return shipped_robot("arm-lift")

    @classmethod
    def channels(cls) -> tuple[Channel, ...]:
        forces = (Channel(f"{name} on object", "N", 0.0, _SATURATION) for name in _FINGERS)
        return (*super().channels(), *forces)

    def _grip(self) -> Array:
        """Return the forces of the two fingers on the object, `(N, 2)` [N]."""
        forces = np.linalg.norm(self._forces[:, self._columns], axis=2)
        return np.minimum(forces, _SATURATION)

    def observation(self) -> Array:
        return np.concatenate([super().observation(), self._grip()], axis=1)

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        reward, terms = super().reward(before, action)
        held = np.clip(self._grip().min(axis=1) / _FIRM, 0.0, 1.0)
        opening = self.sim.data("qpos")[:, self._qpos[-1]]
        closed = np.clip((_OPEN - opening) / (_OPEN - _AROUND), 0.0, 1.0)
        grasp = (
            self.weights["grasp"] * (closed + held) * np.exp(-np.square(self._to_contact() / 0.02))
        )
        return reward + grasp, {**terms, "reward_grasp": grasp}
