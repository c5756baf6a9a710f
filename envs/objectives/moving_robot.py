"""Root sensors, costs and falls of robots that move about."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.environment import Channel, from_model
from fastadapt.envs.model.actuators import is_servo, on_joint
from fastadapt.envs.model.bodies import are_severed, welded_to
from fastadapt.envs.model.names import ids_of, names_of
from fastadapt.envs.model.rotations import unit
from fastadapt.envs.objectives.objective import Keys, Positive, Range, RobotModel
from fastadapt.envs.objectives.posed_robot import PosedRobot
from fastadapt.envs.objectives.root_motion import Motion, RootMotion, can_travel, free_joint
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.errors import FastadaptError, unknown_name


class MovingKeys(Keys):
    """Keys of a declared robot that moves about."""

    root: str | None = None
    """The body that is to move (default: the first with a free joint, or the first that moves)."""


class MovingRobot(PosedRobot):
    """Base of objectives for robots with a moving root: root sensors, costs, and falls.

    Observed of the root, in body axes: the direction of gravity and the angular velocity (both from
    an inertial unit) and the velocity (from a state estimator).

    Costs, each multiplied by its entry of `weights` and subtracted from the reward:

    - `effort`: mean over the actuators of (force / limit)^2, in the last physics step;
    - `action_rate`: mean over the actions of (action - previous action)^2;
    - `tilt`: squared sine of the angle between the body and upright;
    - `bounce`: squared vertical velocity [m^2/s^2];
    - `wobble`: squared roll rate + squared pitch rate [rad^2/s^2];
    - `height`: ((height - nominal height) / nominal height)^2;
    - `acceleration`: mean over the joints of (change of velocity / control step / 100 rad/s^2)^2;
    - `drag`: mean over the feet of horizontal speed [m/s] * (1 - lift / `foot_clearance`)^2, lift
      from 0 to `foot_clearance`, in the last physics step: a foot should be at rest or lifted. A
      foot of a severed limb costs nothing.
    """

    settings = (*PosedRobot.settings, "healthy_height", "healthy_tilt")
    keys = MovingKeys
    moves_about = True

    root: ClassVar[str]
    """Name of the root body."""
    healthy_height: ClassVar[Range] = (0.0, np.inf)
    """Heights of the root [m] outside of which the episode ends (default in a table: from 0.4 times
    the nominal height, where that is above 0)."""
    healthy_tilt: ClassVar[Positive] = np.inf
    """Tilt of the root [rad] beyond which the episode ends (default in a table: 1)."""
    foot_clearance: ClassVar[float] = 0.04
    """Height above its nominal one to which a foot should be lifted [m]."""
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
        self._find_feet(sim)

    @classmethod
    def fit(cls, table: Any, robot: RobotModel) -> Mapping[str, Any]:
        if cls.travels and not can_travel(robot.model, robot.root):
            raise FastadaptError(
                f"The robot cannot leave its place: no free joint and no slide moves body "
                f"'{robot.root}', so it cannot {table.objective}. Choose another objective, or "
                "another root."
            )
        height = _height(robot.model, robot.root, robot.qpos)
        lowest = 0.4 * height if height > 0.02 else -np.inf
        healthy = {"healthy_height": (lowest, np.inf), "healthy_tilt": 1.0}
        return {**super().fit(table, robot), "root": robot.root, **healthy}

    def _find_feet(self, sim: Simulation) -> None:
        if not self.feet:
            return
        self._feet = feet_ids(sim.model, self.feet)
        self._soles = sim.model.geom_bodyid[self._feet]
        self._trees = sim.model.body_rootid[self._soles]
        self._ground = nominal_places(sim.model, self._pose)[self._feet, 2]
        self._places, self._twists = sim.data("geom_xpos"), sim.data("cvel")
        self._centres = sim.data("subtree_com")
        self._mass = sim.field("body_mass")
        self._legs = [welded_to(sim.model, int(body)) for body in self._soles]

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
        down = motion.to_body(unit(self._gravity))
        return np.clip(down, -1.0, 1.0)  # rounding must not leave the range

    def before_step(self) -> Array:
        """Return the previous action, joint velocities, and the position of the root."""
        parts = [self.previous_action(), self.sim.data("qvel")[:, self._qvel]]
        return np.concatenate([*parts, self.body.read().position], axis=1)

    def costs(self, motion: Motion, before: Array, action: Array) -> dict[str, Array]:
        """Return the costs by name, each `(N,)`; see the class.

        Args:
            motion: after the step.
            before: from `before_step`.
            action: as commanded, `(N, actions)`.
        """
        previous, speeds = before[:, : action.shape[1]], before[:, action.shape[1] : -3]
        change = np.clip(action, -1.0, 1.0) - previous
        gained = (self.sim.data("qvel")[:, self._qvel] - speeds) / self.control_step()
        nominal = self.body.start[2] or 1.0  # custom robots: a root at height 0, or no joints
        count = max(gained.shape[1], 1)
        return {
            "effort": np.square(self._force / self._limit).mean(axis=1),
            "action_rate": np.square(change).mean(axis=1),
            "acceleration": np.square(gained / 100.0).sum(axis=1) / count,
            "drag": self._drag(),
            "tilt": np.square(motion.axes[:, 2, :2]).sum(axis=1),
            "bounce": np.square(motion.velocity[:, 2]),
            "wobble": np.square(motion.spin[:, :2]).sum(axis=1),
            "height": np.square((motion.position[:, 2] - nominal) / nominal),
        }

    def _drag(self) -> Array:
        if not self.feet:
            return np.zeros(self.sim.num_sims)
        places = self._places[:, self._feet]
        twist = self._twists[:, self._soles]  # about the tree's centre of mass
        lever = places - self._centres[:, self._trees]
        speed = np.hypot(
            twist[..., 3] + twist[..., 1] * lever[..., 2] - twist[..., 2] * lever[..., 1],
            twist[..., 4] + twist[..., 2] * lever[..., 0] - twist[..., 0] * lever[..., 2],
        )
        lift = np.clip((places[..., 2] - self._ground) / self.foot_clearance, 0.0, 1.0)
        gone = [are_severed(self.sim.model, self._mass, leg) for leg in self._legs]
        return np.where(np.transpose(gone), 0.0, speed * np.square(1.0 - lift)).mean(axis=1)

    def weighted(
        self, gains: Mapping[str, Array], costs: Mapping[str, Array]
    ) -> tuple[Array, dict[str, Array]]:
        """Return the reward `(N,)`, and its terms as `reward_<name>`; costs are negative."""
        terms = {f"reward_{name}": self.weights[name] * gain for name, gain in gains.items()}
        terms |= {f"reward_{name}": -self.weights[name] * cost for name, cost in costs.items()}
        # Term by term: `np.sum` adds in another order where there is only one robot.
        return functools.reduce(np.add, terms.values()), terms

    def terminated(self) -> NDArray[np.bool_]:
        motion = self.body.read()
        low, high = self.healthy_height
        height, upright = motion.position[:, 2], motion.axes[:, 2, 2]
        fallen = (height < low) | (height > high)
        return fallen | (upright < np.cos(min(self.healthy_tilt, np.pi)))


def nominal_height(environment: type[MovingRobot]) -> float:
    """Return the height of the root in the nominal pose [m]."""
    pose, _, _ = environment.nominal()
    return _height(environment.model(), environment.root, pose)


def _height(model: mujoco.MjModel, root: str, qpos: Array) -> float:
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    mujoco.mj_kinematics(model, data)
    return float(data.body(root).xpos[2])


def feet_ids(model: mujoco.MjModel, feet: tuple[str, ...]) -> Ids:
    """Return the ids of geoms, `(feet,)`.

    Raises:
        FastadaptError: there is none of that name.
    """
    known = names_of(model, "geom")
    for name in feet:
        if name not in known:
            raise unknown_name("foot geom", name, known)
    return ids_of(model, "geom", feet)


def nominal_places(model: mujoco.MjModel, qpos: Array) -> Array:
    """Return the positions of the geoms in a pose, `(ngeom, 3)` [m]."""
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    mujoco.mj_kinematics(model, data)
    return data.geom_xpos.copy()


def force_limits(model: mujoco.MjModel) -> Array:
    """Return the largest force of each actuator, `(nu,)`.

    Its own limit, or else the one of its joint, or else the force of its largest control; for a
    servo without any limit, its force at an error of 1 rad or 1 m.
    """
    return np.array([_force_limit(model, i) for i in range(model.nu)])


def _force_limit(model: mujoco.MjModel, actuator: int) -> float:
    if model.actuator_forcelimited[actuator]:
        return float(np.abs(model.actuator_forcerange[actuator]).max())
    joint = model.actuator_trnid[actuator, 0]
    if on_joint(model, actuator) and model.jnt_actfrclimited[joint]:
        return float(np.abs(model.jnt_actfrcrange[joint]).max() / model.actuator_gear[actuator, 0])
    gain = abs(model.actuator_gainprm[actuator, 0])
    largest = 1.0
    if model.actuator_ctrllimited[actuator] and not is_servo(model, actuator):
        largest = np.abs(model.actuator_ctrlrange[actuator]).max()
    return float(gain * largest) or 1.0
