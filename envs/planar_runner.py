"""What Gymnasium's Hopper-v5 and Walker2d-v5 have in common: planar legs that must not fall."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.environment import Array, Channel, Environment
from fastadapt.envs.simulation import Ids

_ROOT = ("rootx", "rootz", "rooty")
_FASTEST = 10.0
"""Velocities are observed up to this much [m/s, rad/s]."""


def planar_channels(joints: tuple[str, ...]) -> tuple[Channel, ...]:
    """Return the observation of a planar robot: all but the position along x, velocities limited.

    Args:
        joints: names of the joints after the three of the root, in the model's order.
    """
    position = [Channel("rootz", "m"), Channel("rooty", "rad")]
    position += [Channel(joint, "rad") for joint in joints]
    units = ["m/s", "m/s", *["rad/s"] * (len(joints) + 1)]
    velocity = [
        Channel(f"{joint} velocity", unit, -_FASTEST, _FASTEST)
        for joint, unit in zip((*_ROOT, *joints), units, strict=True)
    ]
    return tuple(position + velocity)


class PlanarRunner(Environment):
    """Run forward and stay upright; see the robots for the numbers.

    Reward of a control step of 8 ms = velocity along x [m/s] + 1 while upright - 0.001 |action|^2.
    The episode terminates when the robot is no longer upright. Source: Gymnasium, Hopper-v5 and
    Walker2d-v5.
    """

    height: ClassVar[tuple[float, float]]
    """Heights of the torso [m] between which the robot is upright."""
    tilt: ClassVar[tuple[float, float]]
    """Angles of the torso [rad] between which the robot is upright."""

    physics_steps = 4
    horizon = 1000
    distance_name = "metres run forward"
    travels = True

    def reset(self, ids: Ids, draws: Array) -> None:
        """Draw positions and velocities uniform within 0.005 of the nominal standing pose."""
        qpos0 = self.sim.model.qpos0
        noise = 0.01 * draws - 0.005
        self.sim.data("qpos")[ids] = qpos0 + noise[:, : len(qpos0)]
        self.sim.data("qvel")[ids] = noise[:, len(qpos0) :]

    def observation(self) -> Array:
        velocity = np.clip(self.sim.data("qvel"), -_FASTEST, _FASTEST)
        return np.concatenate([self.sim.data("qpos")[:, 1:], velocity], axis=1)

    def before_step(self) -> Array:
        return self.sim.data("qpos")[:, 0].copy()

    def healthy(self) -> NDArray[np.bool_]:
        """Return where the robot is upright, `(N,)`; from its true state."""
        z, angle = self.sim.data("qpos")[:, 1:3].T
        (low, high), (back, front) = self.height, self.tilt
        return (low < z) & (z < high) & (back < angle) & (angle < front)

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        x = self.sim.data("qpos")[:, 0].copy()
        velocity = (x - before) / self.control_step()
        upright = self.healthy().astype(float)
        cost = 1e-3 * np.square(action).sum(axis=1)
        terms = {"reward_forward": velocity, "reward_ctrl": -cost, "reward_survive": upright}
        terms |= {"x_position": x, "x_velocity": velocity}
        return velocity + upright - cost, terms

    def terminated(self) -> NDArray[np.bool_]:
        return ~self.healthy()

    def distance(self) -> Array:
        return self.sim.data("qpos")[:, 0].copy()
