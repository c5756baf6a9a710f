"""Objective: walk at a commanded speed, where nothing but walking pays."""

from __future__ import annotations

import functools
from typing import ClassVar

import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.objectives.track_velocity import TrackVelocity


class WalkAtCommand(TrackVelocity):
    """Move straight ahead at a commanded speed; standing, rocking and falling pay next to nothing.

    Reward = quality * (`walk` * pace * exp(-(vy / `speed_width`)^2) * exp(-(yaw rate /
    `turn_width`)^2) + `healthy`), where quality = exp(-the costs of `MovingRobot`), and pace =
    max(0, 1 - |u - command| / command) rises from 0 at rest to 1 at the commanded speed. u [m/s] is
    the speed at which the robot covers new ground: its velocity along its own x axis, of which what
    follows a step back counts only once the ground has been regained. So rocking to and fro pays as
    little as standing.

    No reward is negative: however badly a robot moves, it earns more than one that has fallen.
    Terminates where the root leaves `healthy_height` or tilts beyond `healthy_tilt`. The
    observation is that of `TrackVelocity`. The product of rewards and the exponential of costs
    follows Ji et al. 2022, "Concurrent training of a control policy and a state estimator",
    section IV.
    """

    weights: ClassVar = {
        "walk": 1.0,
        "healthy": 0.1,
        **{name: cost for name, cost in TrackVelocity.weights.items()
           if name not in ("speed", "turn", "healthy")},
    }  # fmt: skip
    remembered: ClassVar = 2

    def remember(self, ids: Ids, action: Array) -> None:
        super().remember(ids, action)
        self.own_memory[ids, 1] = self._arrears(self._covered())[ids]

    def _covered(self) -> Array:
        """Return the distance covered in a control step at the current velocity, `(N,)` [m]."""
        motion = self.body.read()
        return motion.to_body(motion.velocity)[:, 0] * self.control_step()

    def _arrears(self, covered: Array) -> Array:
        """Return how far the robots stand behind where they have been, `(N,)` [m]."""
        return np.maximum(self.own_memory[:, 1] - covered, 0.0)

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        motion = self.body.read()
        along, across, _ = motion.to_body(motion.velocity).T
        gained = np.maximum(self._covered() - self.own_memory[:, 1], 0.0) / self.control_step()
        pace = np.maximum(1.0 - np.abs(gained - self.command) / self.command, 0.0)
        straight = np.exp(-np.square(across / self.speed_width))
        straight *= np.exp(-np.square(motion.spin[:, 2] / self.turn_width))
        costs = self.costs(motion, before, action)
        priced = (self.weights[name] * cost for name, cost in costs.items())
        quality = np.exp(-functools.reduce(np.add, priced))
        walk = self.weights["walk"] * pace * straight * quality
        healthy = self.weights["healthy"] * quality
        terms = {"reward_walk": walk, "reward_healthy": healthy, "quality": quality}
        error = along - self.command
        measures = {"velocity_error": np.abs(error), "speed_over_command": error}
        measures |= {"x_velocity": along, "walking": (gained >= 0.5 * self.command).astype(float)}
        return walk + healthy, terms | measures
