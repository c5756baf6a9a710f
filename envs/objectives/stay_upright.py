"""Objective: stay upright and in place."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.environment import Channel, from_model
from fastadapt.envs.objectives.moving_robot import MovingRobot
from fastadapt.envs.objectives.objective import NotNegative
from fastadapt.envs.success import Success


class StayUpright(MovingRobot):
    """Keep the root upright, and where it started.

    Reward = `upright` * cosine of the angle between the root's nominal upward axis and the vertical
    + `healthy` - `drift` * min(d / 1 m, 1)^2 - the costs of `MovingRobot`, where d [m] is the
    horizontal distance from the nominal position. Terminates where the root leaves
    `healthy_height` or tilts beyond `healthy_tilt`. At a reset the root's velocities are uniform
    within `root_speed` of 0. A success: no fall, and d below 1 m at the end.

    Observation: gravity, angular velocity, velocity (each x, y, z in body axes); horizontal
    displacement from the start, in body axes; joint angles from nominal; joint velocities; previous
    action.
    """

    settings = (*MovingRobot.settings, "root_speed")

    root_speed: ClassVar[NotNegative] = 0.1
    """Largest initial velocity of the root, in each of its degrees of freedom [m/s, rad/s]."""

    weights: ClassVar = {
        "upright": 1.0,
        "healthy": 0.2,
        "drift": 0.5,
        "effort": 0.1,
        "action_rate": 0.05,
        "acceleration": 0.0,
        "drag": 0.0,
        "tilt": 0.0,
        "bounce": 0.0,
        "wobble": 0.01,
        "height": 0.0,
    }
    extra_draws: ClassVar[int] = from_model(lambda cls: int(_root(cls).dofnum[0]))
    distance_name: ClassVar = "metres drifted at the end"
    success: ClassVar = Success(at_most=1.0)
    observations: ClassVar[tuple[Channel, ...]] = from_model(lambda cls: cls.channels())

    @classmethod
    def channels(cls) -> tuple[Channel, ...]:
        """Return the channels of the observation."""
        drift = [Channel(f"displacement {axis}", "m") for axis in "xy"]
        own = [*cls.body_channels(), *drift]
        return (*own, *cls.joint_channels(), *cls.action_channels())

    def reset(self, ids: Ids, draws: Array) -> None:
        """Write a state near the nominal pose, with a small velocity of the root."""
        super().reset(ids, draws)
        body = _root(type(self))
        first, count = int(body.dofadr[0]), int(body.dofnum[0])
        push = self.root_speed * (2 * draws[:, draws.shape[1] - count :] - 1)
        self.sim.data("qvel")[ids, first : first + count] += push

    def observation(self) -> Array:
        motion = self.body.read()
        away = motion.to_body(motion.position - self.body.start)[:, :2]
        parts = [self.body_state(motion), away, self.joint_state(), self.previous_action()]
        return np.concatenate(parts, axis=1)

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        motion = self.body.read()
        gains = {"upright": motion.axes[:, 2, 2], "healthy": np.ones(self.sim.num_sims)}
        costs = {"drift": np.square(np.minimum(self.distance(), 1.0))}
        reward, terms = self.weighted(gains, costs | self.costs(motion, before, action))
        return reward, terms | {"upright": motion.axes[:, 2, 2].copy()}

    def distance(self) -> Array:
        return np.linalg.norm((self.body.read().position - self.body.start)[:, :2], axis=1)


def _root(cls: type[MovingRobot]) -> Any:
    return cls.model().body(cls.root)
