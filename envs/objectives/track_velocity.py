"""Objective: track a commanded velocity."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.environment import Channel, from_model
from fastadapt.envs.objectives.moving_robot import MovingRobot
from fastadapt.envs.objectives.objective import Positive, Range
from fastadapt.envs.success import Success


class TrackVelocity(MovingRobot):
    """Move straight ahead at a commanded speed, drawn at each reset and observed.

    Reward = `speed` * exp(-((vx - command)^2 + vy^2) / `speed_width`^2) + `turn` * exp(-(yaw rate /
    `turn_width`)^2) + `healthy` - the costs of `MovingRobot`; vx and vy [m/s] in body axes after
    the step. Terminates where the root leaves `healthy_height` or tilts beyond `healthy_tilt`. A
    success: no fall, and from the second second on a mean vx within 0.2 m/s of the command
    (`info["speed_over_command"]`).

    Observation: command; gravity, angular velocity, velocity (each x, y, z in body axes); joint
    angles from nominal; joint velocities; previous action.
    """

    settings = (*MovingRobot.settings, "speeds", "speed_width", "turn_width")

    speeds: ClassVar[Range] = (0.3, 1.2)
    """Commands are uniform between these [m/s]."""
    speed_width: ClassVar[Positive] = 0.4
    """Error of the velocity at which its reward falls to 1/e [m/s]."""
    turn_width: ClassVar[Positive] = 0.6
    """Yaw rate at which its reward falls to 1/e [rad/s]."""

    weights: ClassVar = {
        "speed": 1.0,
        "turn": 0.3,
        "healthy": 0.0,
        "effort": 0.1,
        "action_rate": 0.2,
        "acceleration": 0.02,
        "drag": 0.3,
        "tilt": 1.0,
        "bounce": 0.2,
        "wobble": 0.05,
        "height": 0.5,
    }
    remembered: ClassVar = 1
    extra_draws: ClassVar = 1
    distance_name: ClassVar = "metres run forward"
    success: ClassVar = Success(
        measure="speed_over_command", at_least=-0.2, at_most=0.2, average_after=1.0
    )
    travels: ClassVar = True
    observations: ClassVar[tuple[Channel, ...]] = from_model(lambda cls: cls.channels())

    @classmethod
    def channels(cls) -> tuple[Channel, ...]:
        """Return the channels of the observation."""
        command = Channel("commanded velocity x", "m/s")
        return (command, *cls.body_channels(), *cls.joint_channels(), *cls.action_channels())

    @property
    def command(self) -> Array:
        """The commanded velocity, `(N,)` [m/s]."""
        return self.own_memory[:, 0].copy()

    def reset(self, ids: Ids, draws: Array) -> None:
        """Write a state near the nominal pose and draw a command."""
        super().reset(ids, draws)
        low, high = self.speeds
        self.own_memory[ids, 0] = low + (high - low) * draws[:, -1]

    def observation(self) -> Array:
        body = self.body_state(self.body.read())
        parts = [self.command[:, None], body, self.joint_state(), self.previous_action()]
        return np.concatenate(parts, axis=1)

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        motion = self.body.read()
        along, across, _ = motion.to_body(motion.velocity).T
        error = along - self.command
        squared = np.square(error) + np.square(across)
        gains = {
            "speed": np.exp(-squared / self.speed_width**2),
            "turn": np.exp(-np.square(motion.spin[:, 2] / self.turn_width)),
            "healthy": np.ones(self.sim.num_sims),
        }
        reward, terms = self.weighted(gains, self.costs(motion, before, action))
        measures = {"velocity_error": np.abs(error), "speed_over_command": error}
        measures["walking"] = (along >= 0.5 * self.command).astype(float)
        return reward, terms | measures | {"x_velocity": along}

    def distance(self) -> Array:
        return self.body.read().position[:, 0] - self.body.start[0]
