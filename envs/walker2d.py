"""The planar two-legged walker, as Gymnasium's Walker2d-v5."""

from __future__ import annotations

from typing import ClassVar

import mujoco

from fastadapt.envs.gymnasium_models import gymnasium_spec
from fastadapt.envs.planar_runner import PlanarRunner, planar_channels

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
    there, are called as their joints.

    Versions: v0, first release.
    """

    name = "walker2d"
    version = 0
    summary = "planar two-legged walker, walk forward (Gymnasium's Walker2d-v5)"
    lockable = (*_RIGHT, *_LEFT)
    observations: ClassVar = planar_channels((*_RIGHT, *_LEFT))
    reset_draws = 18
    feet = ("foot_geom", "foot_left_geom")
    height = (0.8, 2.0)
    tilt = (-1.0, 1.0)

    @staticmethod
    def spec() -> mujoco.MjSpec:
        return gymnasium_spec("walker2d_v5.xml")
