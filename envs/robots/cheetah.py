"""The planar cheetah, as Gymnasium's HalfCheetah-v5."""

from __future__ import annotations

from typing import ClassVar

import mujoco
import numpy as np
from scipy.special import ndtri

from fastadapt.envs.arrays import Array, Ids, Mask
from fastadapt.envs.environment import Channel, Environment, HiddenGoal
from fastadapt.envs.model.sources import gymnasium_spec
from fastadapt.envs.success import Success

_LEGS = ("bthigh", "bshin", "bfoot", "fthigh", "fshin", "ffoot")


def _channels() -> tuple[Channel, ...]:
    position = [Channel("rootz", "m"), Channel("rooty", "rad")]
    position += [Channel(joint, "rad") for joint in _LEGS]
    velocity = [Channel("rootx velocity", "m/s"), Channel("rootz velocity", "m/s")]
    velocity += [Channel(f"{joint} velocity", "rad/s") for joint in ("rooty", *_LEGS)]
    return tuple(position + velocity)


class Cheetah(Environment):
    """Run forward: reward = velocity of the root along x [m/s] - 0.1 |action|^2, every 50 ms.

    Observation (17): heights and angles, then velocities, in the order of the model's joints
    without the position along x. Action (6): torques as a share of each gear, in [-1, 1]. Never
    terminates; an episode lasts 10 s (200 control steps). Same numbers as Gymnasium's
    HalfCheetah-v5 for the same states and actions when nothing is perturbed. A success: at least
    26.6 m, half the distance of a trained healthy robot.
    `info["overturned"]` is 1 where the torso is pitched by more than 90 degrees: sliding on its
    back pays some 350 an episode, and learners end there by chance.

    Versions: v0, first release; `cheetah-v1` (`UprightCheetah`) has to stay on its feet.
    """

    name = "cheetah"
    version = 0
    summary = "planar cheetah, run forward (Gymnasium's HalfCheetah-v5)"
    lockable = _LEGS
    physics_steps = 5
    horizon = 200
    observations: ClassVar = _channels()
    reset_draws = 18
    distance_name = "metres run forward"
    success: ClassVar = Success(at_least=26.6)  # half of plain PPO, docs/results/learnable.md
    travels = True
    feet = ("bfoot", "ffoot")

    @staticmethod
    def spec() -> mujoco.MjSpec:
        return gymnasium_spec("half_cheetah.xml")

    def reset(self, ids: Ids, draws: Array) -> None:
        """Draw positions uniform within 0.1 of nominal and normal velocities of std 0.1."""
        qpos0 = self.sim.model.qpos0
        self.sim.data("qpos")[ids] = qpos0 + 0.2 * draws[:, :9] - 0.1
        self.sim.data("qvel")[ids] = 0.1 * ndtri(draws[:, 9:])

    def observation(self) -> Array:
        return np.concatenate([self.sim.data("qpos")[:, 1:], self.sim.data("qvel")], axis=1)

    def before_step(self) -> Array:
        return self.sim.data("qpos")[:, 0].copy()

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        x = self.sim.data("qpos")[:, 0].copy()
        velocity = (x - before) / self.control_step()
        cost = 0.1 * np.square(action).sum(axis=1)
        terms = {"reward_forward": velocity, "reward_ctrl": -cost, "x_position": x}
        measures = {"x_velocity": velocity, "overturned": self.overturned().astype(float)}
        return velocity - cost, terms | measures

    def overturned(self) -> Mask:
        """Return which robots' torsos are pitched by more than 90 degrees, `(N,)`."""
        return np.cos(self.sim.data("qpos")[:, 2]) < 0.0

    def distance(self) -> Array:
        return self.sim.data("qpos")[:, 0].copy()


_COST = 0.05


class CheetahVelocity(Cheetah):
    """Run at a hidden speed: reward = -|v - velocity| - 0.05 |action|^2, every 50 ms.

    v [m/s] is the mean velocity of the root along x over the control step, `velocity` the goal.
    Observation, action and horizon (200 control steps) are the cheetah's; only the reward depends
    on the goal. Never terminates. A success: a mean v from the third second on within 0.2 m/s of
    the goal. Source: Finn et al. 2017, section 5.3 (goals uniform in [0, 2] m/s); Rakelly et al.
    2019 draw them from [0, 3] m/s.

    Versions: v0, first release.
    """

    name = "cheetah-velocity"
    version = 0
    summary = "planar cheetah, run at a hidden velocity (Finn et al. 2017)"
    goals: ClassVar = (HiddenGoal("velocity", "m/s", 1.5),)
    success: ClassVar = Success(
        measure="speed_over_command", at_least=-0.2, at_most=0.2, average_after=2.0
    )

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        _, terms = super().reward(before, action)
        excess = terms["x_velocity"] - self.goal[:, 0]
        error = -np.abs(excess)
        cost = _COST * np.square(action).sum(axis=1)
        terms |= {"reward_forward": error, "reward_ctrl": -cost, "speed_over_command": excess}
        return error - cost, terms


class CheetahDirection(Cheetah):
    """Run in a hidden direction: reward = direction v - 0.05 |action|^2, every 50 ms.

    v [m/s] is the mean velocity of the root along x over the control step; the goal `direction` is
    +1 (forward) or -1 (backward). Observation, action and horizon (200 control steps) are the
    cheetah's; only the reward depends on the goal. Never terminates. Source: Finn et al. 2017,
    section 5.3.

    Versions: v0, first release.
    """

    name = "cheetah-direction"
    version = 0
    summary = "planar cheetah, run forward or backward, which is hidden (Finn et al. 2017)"
    goals: ClassVar = (HiddenGoal("direction", "-", 1.0),)
    distance_name = "metres run in the direction asked for"

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        _, terms = super().reward(before, action)
        forward = self.goal[:, 0] * terms["x_velocity"]
        cost = _COST * np.square(action).sum(axis=1)
        return forward - cost, terms | {"reward_forward": forward, "reward_ctrl": -cost}

    def distance(self) -> Array:
        return self.goal[:, 0] * super().distance()
