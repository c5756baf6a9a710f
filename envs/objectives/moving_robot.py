"""A robot that moves about: how its root moves, what it costs, and when it has fallen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.environment import Array, Channel
from fastadapt.envs.objectives.from_model import from_model
from fastadapt.envs.objectives.posed_robot import PosedRobot
from fastadapt.envs.objectives.root_motion import Motion, RootMotion, free_joint
from fastadapt.envs.simulation import Simulation


class MovingRobot(PosedRobot):
    """What objectives of robots with a moving root share: body sensors, costs, and falling.

    Observed of the root, in body axes: the direction of gravity and the angular velocity (an
    inertial unit has both) and the velocity (what a state estimator makes of legs and inertial
    unit). Costs, each multiplied by its entry of `weights` and subtracted from the reward:

    - `effort`: mean over the actuators of (force / limit)^2, in the last physics step;
    - `action_rate`: mean over the actions of (action - previous action)^2;
    - `tilt`: squared sine of the angle between the body and upright;
    - `bounce`: squared vertical velocity [m^2/s^2];
    - `wobble`: squared roll rate + squared pitch rate [rad^2/s^2];
    - `height`: ((height - nominal height) / nominal height)^2.
    """

    root: ClassVar[str]
    """Name of the root body."""
    healthy_height: ClassVar[tuple[float, float]] = (0.0, np.inf)
    """The robot has fallen where its root is not within these heights [m] ..."""
    healthy_tilt: ClassVar[float] = np.inf
    """... or is tilted by more than this [rad]."""
    weights: ClassVar[Mapping[str, float]]
    """Weight of each term of the reward."""

    needs_forward: ClassVar[bool] = from_model(
        lambda cls: free_joint(cls.model(), cls.root) is None
    )

    def __init__(self, sim: Simulation) -> None:
        super().__init__(sim)
        self.body = RootMotion(sim, self.root, self._pose)
        self._gravity = sim.field("gravity")
        self._force = sim.data("actuator_force")
        self._limit = force_limits(sim.model)

    @classmethod
    def body_channels(cls) -> list[Channel]:
        """Return the channels of `body_state`."""
        gravity = [Channel(f"gravity {axis}", "-", -1.0, 1.0) for axis in "xyz"]
        spin = [Channel(f"angular velocity {axis}", "rad/s") for axis in "xyz"]
        return gravity + spin + [Channel(f"velocity {axis}", "m/s") for axis in "xyz"]

    def body_state(self, motion: Motion) -> Array:
        """Return direction of gravity, angular velocity and velocity in body axes, `(N, 9)`."""
        parts = [self.down(motion), motion.spin, motion.to_body(motion.velocity)]
        return np.concatenate(parts, axis=1)

    def down(self, motion: Motion) -> Array:
        """Return the direction of gravity in body axes, `(N, 3)`; 0 where there is none."""
        size = np.linalg.norm(self._gravity, axis=1, keepdims=True)
        unit = self._gravity / np.where(size > 0, size, 1.0)
        return np.clip(motion.to_body(unit), -1.0, 1.0)  # rounding must not leave the range

    def costs(self, motion: Motion, previous: Array, action: Array) -> dict[str, Array]:
        """Return the costs by name, each `(N,)`; see the class."""
        share = self._force / self._limit
        change = np.clip(action, -1.0, 1.0) - previous
        nominal = self.body.start[2] or 1.0  # a root at height 0 has no cost of that kind
        return {
            "effort": np.square(share).mean(axis=1),
            "action_rate": np.square(change).mean(axis=1),
            "tilt": np.square(motion.axes[:, 2, :2]).sum(axis=1),
            "bounce": np.square(motion.velocity[:, 2]),
            "wobble": np.square(motion.spin[:, :2]).sum(axis=1),
            "height": np.square((motion.position[:, 2] - nominal) / nominal),
        }

    def weighted(
        self, gains: Mapping[str, Array], costs: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        """Return the reward, and its terms as `reward_<name>`; costs count negative."""
        terms = {f"reward_{name}": self.weights[name] * gain for name, gain in gains.items()}
        terms |= {f"reward_{name}": -self.weights[name] * cost for name, cost in costs.items()}
        return np.sum(list(terms.values()), axis=0), terms

    def terminated(self) -> NDArray[np.bool_]:
        motion = self.body.read()
        low, high = self.healthy_height
        height, upright = motion.position[:, 2], motion.axes[:, 2, 2]
        fallen = (height < low) | (height > high)
        return fallen | (upright < np.cos(min(self.healthy_tilt, np.pi)))


def force_limits(model: mujoco.MjModel) -> Array:
    """Return the largest force of each actuator, `(nu,)`; 1 where nothing limits it."""
    limits = np.ones(model.nu)
    for i in range(model.nu):
        if model.actuator_forcelimited[i]:
            limits[i] = np.abs(model.actuator_forcerange[i]).max()
        elif model.actuator_biastype[i] == 0 and model.actuator_ctrllimited[i]:
            largest = np.abs(model.actuator_ctrlrange[i]).max() * model.actuator_gainprm[i, 0]
            limits[i] = abs(largest) or 1.0
    return limits
