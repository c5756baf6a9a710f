"""Objective: run forward without falling."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from fastadapt.envs.arrays import Array
from fastadapt.envs.environment import Channel, from_model
from fastadapt.envs.objectives.moving_robot import MovingRobot, nominal_height
from fastadapt.envs.success import Success


class RunForward(MovingRobot):
    """Run along the world's x axis.

    Reward = `forward` * velocity along x over the control step [m/s] + `healthy` - `sideways` *
    |velocity along y| - `heading` * (1 - cos(yaw)) - the costs of `MovingRobot`. Terminates where
    the root leaves `healthy_height` or tilts beyond `healthy_tilt`. A success: no fall, and at
    least half of `healthy_distance`.

    Observation: gravity, angular velocity, velocity (each x, y, z in body axes); cosine and sine of
    the heading (from a compass, or integrated from an inertial unit); joint angles from nominal;
    joint velocities; previous action.
    """

    weights: ClassVar = {
        "forward": 1.0,
        "healthy": 0.2,
        "sideways": 0.2,
        "heading": 0.2,
        "effort": 0.1,
        "action_rate": 0.2,
        "acceleration": 0.0,
        "drag": 0.2,
        "tilt": 0.2,
        "bounce": 0.0,
        "wobble": 0.0,
        "height": 0.0,
    }
    healthy_distance: ClassVar[float] = from_model(lambda cls: cls.walking_distance())
    """Distance of a healthy robot in an episode [m] (default: see `walking_distance`)."""
    distance_name: ClassVar = "metres run forward"
    success: ClassVar = from_model(lambda cls: Success(at_least=0.5 * cls.healthy_distance))
    travels: ClassVar = True
    observations: ClassVar[tuple[Channel, ...]] = from_model(lambda cls: cls.channels())

    @classmethod
    def channels(cls) -> tuple[Channel, ...]:
        """Return the channels of the observation."""
        heading = [Channel(f"{f} heading", "-", -1.0, 1.0) for f in ("cos", "sin")]
        own = [*cls.body_channels(), *heading]
        return (*own, *cls.joint_channels(), *cls.action_channels())

    @classmethod
    def walking_distance(cls) -> float:
        """Return the distance of an episode at a walk, from the height of the root [m].

        The speed is sqrt(0.25 g h), that of a Froude number of 0.25: animals of all sizes walk at
        about it (Alexander 1989, "Optimization and gaits in the locomotion of vertebrates").
        """
        height = max(nominal_height(cls), 0.05)
        speed = math.sqrt(0.25 * 9.81 * height)
        return round(speed * cls.horizon * cls.control_step(), 1)

    def observation(self) -> Array:
        motion = self.body.read()
        heading = np.stack([np.cos(motion.yaw), np.sin(motion.yaw)], axis=1)
        parts = [self.body_state(motion), heading, self.joint_state(), self.previous_action()]
        return np.concatenate(parts, axis=1)

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        motion = self.body.read()
        along, across = ((motion.position[:, :2] - before[:, -3:-1]) / self.control_step()).T
        gains = {"forward": along, "healthy": np.ones(self.sim.num_sims)}
        costs = {"sideways": np.abs(across), "heading": 1.0 - np.cos(motion.yaw)}
        costs |= self.costs(motion, before, action)
        reward, terms = self.weighted(gains, costs)
        return reward, terms | {"x_position": motion.position[:, 0], "x_velocity": along}

    def distance(self) -> Array:
        return self.body.read().position[:, 0] - self.body.start[0]
