"""Objective: bring an object to a goal by pushing or carrying it."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.environment import Channel, from_model
from fastadapt.envs.model.actuators import activations
from fastadapt.envs.model.additions import add_goal
from fastadapt.envs.objectives.object_motion import (
    ObjectMotion,
    goal_body_of,
    mocap_of,
    site_of,
)
from fastadapt.envs.objectives.objective import (
    Keys,
    NotNegative,
    Objective,
    Positive,
    Range,
    RobotModel,
)
from fastadapt.envs.objectives.servo_targets import (
    ServoTargets,
    increments_of,
    joint_unit,
    length_unit,
)
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.envs.success import Success
from fastadapt.errors import FastadaptError, unknown_name


class BringObjectKeys(Keys):
    """Keys of a declared robot that brings an object to a goal."""

    object: str
    """Body with a free joint that is to be moved."""
    site: str
    """Site of the robot that pushes or grasps."""
    increments: Positive | Mapping[str, Positive] | None = None
    """Displacement of a servo's target by an action of 1 in one control step [rad or m], or a table
    of them by patterns of actuator names (default: 1 rad/s, 0.1 m/s)."""


class BringObject(Objective):
    """Bring a free object to a visible goal and keep it there.

    Reward per control step, with d [m] from object to goal and t [m] from the tip to the object (or
    to the point `standoff` behind it, seen from the goal), both after the step:

        w_reach exp(-t / 0.1) + w_near exp(-d / 0.1) + w_there exp(-(d / 0.03)^2)
        - w_ctrl |action|^2 - w_effort |target - position|^2

    The last term counts with `increments` only: a servo far from its target is blocked.

    Action: with `increments`, 1 moves the target of a position servo by that much, more counts as
    1, and 0 holds the target; without, an action is the control. Never terminates;
    `info["at_goal"]` is 1 where d is below `success_distance`. A success: d below it for the last
    half second of the episode.

    Observation: joint positions; joint velocities; with `increments`, target minus position of each
    actuator; position of the tip; object minus tip; x and z axis of the object in the world; its
    velocity in the world; its angular velocity in its own axes; goal minus object.

    An episode begins near the keyframe, with the targets where the joints are; the object is moved
    by up to `object_region` and turned by an angle in `object_yaw`; the goal is drawn relative to
    the object's initial position.
    """

    settings = (
        "leash", "joint_noise", "object_region", "object_yaw", "goal_distance", "goal_direction",
        "goal_height", "standoff", "success_distance",
    )  # fmt: skip
    keys = BringObjectKeys

    joints: ClassVar[tuple[str, ...]]
    """Joints of the robot that are observed, each with one degree of freedom."""
    object_body: ClassVar[str] = "object"
    """Body that is to be moved; it has a free joint."""
    goal_body: ClassVar[str] = "goal"
    """Mocap body at the goal."""
    tip: ClassVar[str] = "tip"
    """Site of the robot that pushes or grasps."""
    keyframe: ClassVar[str] = "nominal"
    """Keyframe with the nominal positions and controls of an episode's start."""
    increments: ClassVar[tuple[float, ...]] = ()
    """Displacement of each actuator's target by an action of 1 [rad or m]."""
    leash: ClassVar[Positive] = 0.2
    """Largest distance of a target from its actuator's position [rad or m]: no windup when blocked.
    """
    joint_noise: ClassVar[NotNegative] = 0.03
    """Initial joint positions are uniform within this of the keyframe's [rad or m]."""
    noisy_joints: ClassVar[tuple[str, ...] | None] = None
    """Joints that start with noise (default: all of `joints`)."""
    object_region: ClassVar[tuple[float, float]] = (0.03, 0.05)
    """The object starts uniform within this of its nominal x and y [m]."""
    object_yaw: ClassVar[Range] = (-np.pi, np.pi)
    """Initial rotation of the object about the vertical, uniform between these [rad]."""
    goal_distance: ClassVar[Range] = (0.1, 0.2)
    """Horizontal distance of the goal from the object's initial position [m]."""
    goal_direction: ClassVar[Range] = (-np.pi, np.pi)
    """Direction of the goal from that position, measured from the x axis [rad]."""
    goal_height: ClassVar[Range] = (0.0, 0.0)
    """Height of the goal above that position [m]."""
    standoff: ClassVar[NotNegative] = 0.0
    """Distance of the pushing point behind the object's centre [m]; 0: the centre itself."""
    success_distance: ClassVar[Positive] = 0.03
    """Distance from object to goal that counts as success [m]."""
    weights: ClassVar[Mapping[str, float]] = {
        "reach": 0.2,
        "near": 0.4,
        "there": 0.4,
        "ctrl": 0.005,
        "effort": 0.0,
    }
    """Weights of the terms of the reward."""

    needs_forward: ClassVar = True
    observations: ClassVar = from_model(lambda cls: cls.channels())
    reset_draws: ClassVar = from_model(lambda cls: len(cls.joints) + 6)
    distance_name: ClassVar = "metres from object to goal at the end"
    success: ClassVar = from_model(lambda cls: Success(at_most=cls.success_distance, held=0.5))

    def __init__(self, sim: Simulation) -> None:
        super().__init__(sim)
        model = sim.model
        self._object = ObjectMotion(sim, self.object_body)
        self._mocap, self._tip = mocap_of(model, self.goal_body), site_of(model, self.tip)
        self._goals, self._sites = sim.data("mocap_pos"), sim.data("site_xpos")
        self._start = keyframe_of(model, self.keyframe)
        self._activation = activations(model, *self._start, model.key(self.keyframe).act)
        self._servos = ServoTargets(sim, self.increments, self.leash) if self.increments else None
        joints = [model.joint(name) for name in self.joints]
        self._qpos = np.array([joint.qposadr[0] for joint in joints])
        self._dofs = np.array([joint.dofadr[0] for joint in joints])
        noisy = self.joints if self.noisy_joints is None else self.noisy_joints
        self._noise = np.where(np.isin(self.joints, noisy), self.joint_noise, 0.0)

    @classmethod
    def fit(cls, table: Any, robot: RobotModel) -> Mapping[str, Any]:
        return {
            "keyframe": robot.keyframe,
            "joints": robot.joints,
            "object_body": table.object,
            "goal_body": goal_body_of(robot.model, cls.goal_body),
            "tip": table.site,
            "increments": increments_of(robot.model, table.increments, robot.control_step),
        }

    @classmethod
    def actions(cls) -> tuple[Channel, ...]:
        channels = super().actions()
        if not cls.increments:
            for channel in channels:
                if channel.low >= channel.high:
                    raise FastadaptError(
                        f"Actuator '{channel.name}' has no ctrlrange, so the range of its action "
                        "is undefined. Add a ctrlrange to the actuator, or use position servos "
                        "with increments."
                    )
            return channels
        units = (length_unit(cls.model(), i) for i in range(len(channels)))
        rows = zip(channels, cls.increments, units, strict=True)
        return tuple(Channel(c.name, f"{step:g} {unit}", -1.0, 1.0) for c, step, unit in rows)

    @classmethod
    def prepare(cls, spec: mujoco.MjSpec) -> None:
        """Add a visible goal where the model has none."""
        super().prepare(spec)
        add_goal(spec, cls.goal_body, cls.success_distance)

    @classmethod
    def channels(cls) -> tuple[Channel, ...]:
        """Return the channels of the observation."""
        joints = {name: joint_unit(cls.model(), name) for name in cls.joints}
        actuators = [channel.name for channel in cls.actions()]
        sensed = [Channel(f"{joint} position", unit) for joint, unit in joints.items()]
        sensed += [Channel(f"{joint} velocity", f"{unit}/s") for joint, unit in joints.items()]
        if cls.increments:
            units = (length_unit(cls.model(), i) for i in range(len(actuators)))
            sensed += [
                Channel(f"{name} target - position", unit)
                for name, unit in zip(actuators, units, strict=True)
            ]
        sensed += [Channel(f"tip {axis}", "m") for axis in "xyz"]
        sensed += [Channel(f"object - tip {axis}", "m") for axis in "xyz"]
        sensed += [
            Channel(f"object {b} axis along {a}", "-", -1.0, 1.0) for b in "xz" for a in "xyz"
        ]
        sensed += [Channel(f"object velocity {axis}", "m/s") for axis in "xyz"]
        sensed += [Channel(f"object spin {axis}", "rad/s") for axis in "xyz"]
        return (*sensed, *(Channel(f"goal - object {axis}", "m") for axis in "xyz"))

    def controls(self, action: Array) -> Array:
        """Return the actions themselves or, with `increments`, the displaced servo targets."""
        return action if self._servos is None else self._servos.moved(action)

    def reset(self, ids: Ids, draws: Array) -> None:
        """Write a state near the keyframe; draw the pose of the object and the goal."""
        count = len(self.joints)
        noise = (2 * draws[:, :count] - 1) * self._noise
        self.sim.data("qpos")[ids], self.sim.data("ctrl")[ids] = self._start
        if len(self._activation):
            self.sim.data("act")[ids] = self._activation
        self.sim.data("qpos")[np.ix_(ids, self._qpos)] += noise
        if self._servos is not None:
            self._servos.follow(ids, self._qpos, noise)
        x, y = 2 * draws[:, count : count + 2].T - 1
        ranges = (self.object_yaw, self.goal_distance, self.goal_direction, self.goal_height)
        yaw, far, direction, height = (
            low + (high - low) * draw
            for draw, (low, high) in zip(draws[:, count + 2 :].T, ranges, strict=True)
        )
        place = np.stack([x, y], axis=1) * self.object_region
        start = self._object.place(ids, place, yaw)
        offset = np.stack([far * np.cos(direction), far * np.sin(direction), height], axis=1)
        self._goals[ids, self._mocap] = start + offset

    def observation(self) -> Array:
        sim = self.sim
        tip, place = self._sites[:, self._tip], self._object.position()
        axes = np.clip(self._object.axes(), -1.0, 1.0)  # against rounding
        parts = [sim.data("qpos")[:, self._qpos], sim.data("qvel")[:, self._dofs]]
        if self._servos is not None:
            parts.append(self._servos.errors())
        parts += [tip, place - tip, axes[:, :, 0], axes[:, :, 2]]
        parts += [self._object.velocity(), self._object.spin(), self._to_goal()]
        return np.concatenate(parts, axis=1)

    def before_step(self) -> Array:
        return np.empty(0)

    def reward(self, before: Array, action: Array) -> tuple[Array, dict[str, Array]]:
        distance, weight = self.distance(), self.weights
        terms = {
            "reward_reach": weight["reach"] * np.exp(-self._to_contact() / 0.1),
            "reward_near": weight["near"] * np.exp(-distance / 0.1),
            "reward_there": weight["there"] * np.exp(-np.square(distance / 0.03)),
            "reward_ctrl": -weight["ctrl"] * np.square(action).sum(axis=1),
        }
        if self._servos is not None and weight["effort"]:
            effort = np.square(self._servos.errors()).sum(axis=1)
            terms["reward_effort"] = -weight["effort"] * effort
        at_goal = (distance < self.success_distance).astype(float)
        return functools.reduce(np.add, terms.values()), terms | {"at_goal": at_goal}

    def distance(self) -> Array:
        return np.linalg.norm(self._to_goal(), axis=1)

    def _to_goal(self) -> Array:
        return self._goals[:, self._mocap] - self._object.position()

    def _to_contact(self) -> Array:
        """Return the distance of the tip from the point where it should push, `(N,)` [m]."""
        to_goal = self._to_goal()
        distance = np.linalg.norm(to_goal, axis=1, keepdims=True)
        # The direction fades out close to the goal, where it is ill-defined.
        behind = self.standoff * to_goal / np.maximum(distance, 0.02)
        tip = self._sites[:, self._tip]
        return np.linalg.norm(self._object.position() - behind - tip, axis=1)


def keyframe_of(model: mujoco.MjModel, name: str) -> tuple[Array, Array]:
    """Return positions and controls of a keyframe.

    Raises:
        FastadaptError: there is none of that name.
    """
    known = [model.key(i).name for i in range(model.nkey)]
    if name not in known:
        raise unknown_name("keyframe", name, known)
    key = model.key(name)
    return key.qpos.copy(), key.ctrl.copy()
