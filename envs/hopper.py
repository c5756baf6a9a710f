"""The planar one-legged hopper, as Gymnasium's Hopper-v5."""

from __future__ import annotations

from typing import ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.gymnasium_models import gymnasium_spec
from fastadapt.envs.planar_runner import PlanarRunner, planar_channels

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
    are called as their joints.

    Versions: v0, first release.
    """

    name = "hopper"
    version = 0
    summary = "planar one-legged hopper, hop forward (Gymnasium's Hopper-v5)"
    lockable = _JOINTS
    observations: ClassVar = planar_channels(_JOINTS)
    reset_draws = 12
    feet = ("foot_geom",)
    height = (0.7, np.inf)
    tilt = (-0.2, 0.2)

    @staticmethod
    def spec() -> mujoco.MjSpec:
        return gymnasium_spec("hopper.xml")

    def healthy(self) -> NDArray[np.bool_]:
        qpos, qvel = self.sim.data("qpos")[:, 2:], self.sim.data("qvel")
        bounded = (np.abs(qpos) < _LARGEST).all(axis=1) & (np.abs(qvel) < _LARGEST).all(axis=1)
        return super().healthy() & bounded
