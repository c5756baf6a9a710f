"""A quadruped of the class of the Unitree Go1."""

from __future__ import annotations

from typing import ClassVar

import mujoco
import numpy as np

from fastadapt.envs.model.sources import shipped_robot
from fastadapt.envs.objectives.track_velocity import TrackVelocity
from fastadapt.envs.objectives.walk_at_command import WalkAtCommand


class Quadruped(TrackVelocity):
    """Walk straight ahead at a commanded speed: four legs, 12 position servos, 13.1 kg.

    Reward = exp(-((vx - command)^2 + vy^2) / (0.4 m/s)^2) + 0.3 exp(-(yaw rate / 0.6 rad/s)^2) -
    0.1 effort - 0.2 action_rate - 0.02 acceleration - 0.3 drag - tilt - 0.2 bounce - 0.05 wobble -
    0.5 height (`TrackVelocity`; the costs are described in `MovingRobot`), every 20 ms; the command
    is uniform in [0.3, 1.2] m/s and new at each reset. Observation (46): command; gravity, angular
    velocity, velocity in body axes; joint angles from nominal; joint velocities; previous action.
    The robot can measure all of it, the velocity with a state estimator. Action (12): displacements
    of the servo targets from standing, as a share of the largest. Terminates where the trunk
    is below 0.17 m or tilts by more than 45 degrees; an episode lasts 10 s (500 control steps).

    Bodies of leg XX (FL, FR, RL, RR: front or rear, left or right) are XX_hip, XX_thigh and
    XX_calf, each with a joint and an actuator of the same name. Dimensions:
    `assets/robots/quadruped.xml`.

    Versions: v0, first release; `quadruped-v1` (`PacedQuadruped`) pays for walking alone.
    """

    name = "quadruped"
    version = 0
    summary = "four-legged robot (Unitree Go1 class), walk at a commanded speed"
    physics_steps = 4
    horizon = 500
    feet = ("FL_foot", "FR_foot", "RL_foot", "RR_foot")
    root = "trunk"
    keyframe = "stand"
    action_scale: ClassVar = {"*_hip": 0.2, "*": 0.4}
    healthy_height = (0.17, 0.5)
    healthy_tilt = np.deg2rad(45)

    @staticmethod
    def spec() -> mujoco.MjSpec:
        return shipped_robot("quadruped")


class PacedQuadruped(WalkAtCommand, Quadruped):
    """Walk straight ahead at a commanded speed; only walking pays.

    Reward = quality * (pace * exp(-(vy / 0.4 m/s)^2) * exp(-(yaw rate / 0.6 rad/s)^2) + 0.1), every
    20 ms: pace rises from 0 at rest to 1 at the commanded speed, quality = exp(-(0.1 effort + 0.2
    action_rate + 0.02 acceleration + 0.3 drag + tilt + 0.2 bounce + 0.05 wobble + 0.5 height))
    (`WalkAtCommand`; the costs are described in `MovingRobot`). Robot, command, observation,
    action, termination and horizon (500 control steps) are those of `quadruped-v0`; joints start
    within 0.1 rad of standing, twice as far. `info["walking"]` is 1 where the robot covers new
    ground at half the commanded speed or more.

    In v0 standing still pays 0.37 per step where walking pays some 1.2, and moving badly costs more
    than falling; here standing pays 0.1, walking some 0.9, and no reward is negative.

    Versions: v1; v0 is `Quadruped`.
    """

    version = 1
    summary = "four-legged robot (Unitree Go1 class), walk at a commanded speed; only walking pays"
    start_noise: ClassVar = 0.1
