"""The hexapod of Cully et al. 2015."""

from __future__ import annotations

from typing import ClassVar

import mujoco
import numpy as np

from fastadapt.envs.model.sources import shipped_robot
from fastadapt.envs.objectives.run_forward import RunForward


class Hexapod(RunForward):
    """Walk forward: six legs, 18 position servos, 3.4 kg; the classic of damage recovery.

    Reward = velocity along x [m/s] - 0.2 |velocity along y| - 0.2 (1 - cos(yaw)) - 2 effort - 0.5
    action_rate - 0.1 acceleration - 0.5 drag - 0.2 tilt - 0.05 wobble (`RunForward`; the costs are
    described in `MovingRobot`), every 40 ms. Observation (65): gravity, angular velocity, velocity
    in body axes; cosine and sine of the heading; joint angles from nominal; joint velocities;
    previous action. The robot can measure all of it; Cully et al. measured velocity and heading
    with a depth camera on the robot. Action (18): displacements of the servo targets from standing,
    as a share of the largest. Terminates where the torso tilts by more than 60 degrees (a robot
    without two legs may rest on its belly and go on); an episode lasts 10 s (250 control steps).

    Bodies of leg X (l1, l2, l3, r1, r2, r3: left or right, from front to rear) are X_coxa, X_femur
    and X_tibia, each with a joint and an actuator of the same name. Dimensions:
    `assets/robots/hexapod.xml`.

    Versions: v0, first release.
    """

    name = "hexapod"
    version = 0
    summary = "six-legged robot (Cully et al. 2015), walk forward"
    physics_steps = 8
    horizon = 250
    feet = tuple(f"{side}{number}_foot" for side in "lr" for number in (1, 2, 3))
    root = "torso"
    keyframe = "stand"
    action_scale: ClassVar = {"*_coxa": 0.4, "*": 0.4}
    healthy_tilt = np.deg2rad(60)
    healthy_distance: ClassVar = 9.1  # of plain PPO, docs/results/learnable.md
    weights: ClassVar = {
        **RunForward.weights,
        "healthy": 0.0,
        "effort": 2.0,  # the heat of a servo: walking, not running at the limit of the torque
        "action_rate": 0.5,
        "acceleration": 0.1,
        "drag": 0.5,
        "wobble": 0.05,
    }

    @staticmethod
    def spec() -> mujoco.MjSpec:
        return shipped_robot("hexapod")
