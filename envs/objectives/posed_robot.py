"""Actions and joints relative to a nominal pose, and the previous action."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.environment import Channel, from_model
from fastadapt.envs.model.actuators import activations, is_servo, on_joint
from fastadapt.envs.model.names import value_by_pattern
from fastadapt.envs.objectives.objective import NotNegative, Objective, Positive, RobotModel
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.errors import FastadaptError, unknown_name

_SCALAR = (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE))


class PosedRobot(Objective):
    """Base of objectives with actions in [-1, 1] about a nominal pose.

    A position servo holds the nominal angle at action 0 and is sent `action_scale` away from it at
    action 1; any other actuator gets its control range, so a torque motor with `ctrlrange="-1 1"`
    gets the action itself. Actions beyond [-1, 1] count as the limit.

    The previous action, and `remembered` numbers of the objective, are stored in `userdata` of each
    simulation, which resets clear and snapshots of the state contain.
    """

    settings = ("action_scale", "start_noise", "start_speed")

    keyframe: ClassVar[str | None] = None
    """Keyframe with the nominal pose; None: the first one, or `qpos0` where there is none."""
    observed_joints: ClassVar[tuple[str, ...] | None] = None
    """Hinges and slides that are observed and start with noise (default: those with an actuator).
    """
    action_scale: ClassVar[Positive | Mapping[str, Positive]] = 0.3
    """Displacement of a servo's target at an action of 1 [rad or m], or a table of them by patterns
    of actuator names, of which the first match counts."""
    start_noise: ClassVar[NotNegative] = 0.05
    """Initial joint positions are uniform within this of the nominal pose [rad or m]."""
    start_speed: ClassVar[NotNegative] = 0.05
    """Initial joint velocities are uniform within this of 0 [rad/s or m/s]."""
    remembered: ClassVar[int] = 0
    """Numbers that the objective keeps per robot, beside the previous action."""

    lockable: ClassVar[tuple[str, ...]] = from_model(lambda cls: _driven(cls.spec()))
    reset_draws: ClassVar[int] = from_model(lambda cls: 2 * len(cls.joints()[0]) + cls.extra_draws)
    extra_draws: ClassVar[int] = 0
    """Uniform draws of a reset that the objective itself uses."""

    def __init__(self, sim: Simulation) -> None:
        super().__init__(sim)
        joints, self._qpos, self._qvel = self.joints()
        self._pose, self._centre, self._scale = self.nominal()
        self._activation = self.nominal_activation()
        self._range = sim.model.jnt_range[joints].T
        limited = sim.model.jnt_limited[joints].astype(bool)
        self._range = np.where(limited, self._range, [[-np.inf], [np.inf]])
        self._memory = sim.data("userdata")

    @classmethod
    def prepare(cls, spec: mujoco.MjSpec) -> None:
        spec.nuserdata = max(spec.nuserdata, len(spec.actuators) + cls.remembered)

    @classmethod
    def fit(cls, table: Any, robot: RobotModel) -> Mapping[str, Any]:
        return {"keyframe": robot.keyframe, "observed_joints": robot.joints}

    @classmethod
    def nominal(cls) -> tuple[Array, Array, Array]:
        """Return the nominal `qpos`, and the controls: centre and reach of every action."""
        model = cls.model()
        qpos, ctrl, _ = _keyframe(model, cls.keyframe)
        centre, reach = np.empty(model.nu), np.empty(model.nu)
        for i in range(model.nu):
            if is_servo(model, i):
                gear = model.actuator_gear[i, 0]
                held = gear * qpos[model.jnt_qposadr[model.actuator_trnid[i, 0]]]
                centre[i] = ctrl[i] if ctrl.any() else held
                reach[i] = gear * _scale_of(cls.action_scale, model.actuator(i).name)
            else:
                low, high = _control_range(model, i)
                centre[i], reach[i] = (low + high) / 2, (high - low) / 2
        return qpos, centre, reach

    @classmethod
    def nominal_activation(cls) -> Array:
        """Return the activations at which action 0 holds the nominal pose, `(na,)`."""
        qpos, centre, _ = cls.nominal()
        *_, act = _keyframe(cls.model(), cls.keyframe)
        return activations(cls.model(), qpos, centre, act)

    @classmethod
    def joints(cls) -> tuple[Ids, Ids, Ids]:
        """Return the ids, `qpos` and `qvel` addresses of the observed joints, `(k,)` each."""
        model = cls.model()
        if cls.observed_joints is not None:
            found = [model.joint(name).id for name in cls.observed_joints]
        else:
            scalar = [j for j in range(model.njnt) if int(model.jnt_type[j]) in _SCALAR]
            moved = {model.actuator_trnid[i, 0] for i in range(model.nu) if on_joint(model, i)}
            found = [j for j in scalar if j in moved]
        ids = np.array(found, np.intp)
        return ids, model.jnt_qposadr[ids].astype(np.intp), model.jnt_dofadr[ids].astype(np.intp)

    @classmethod
    def actions(cls) -> tuple[Channel, ...]:
        """Return the channels of the action; an action of 1 is one of the channel's unit."""
        model = cls.model()
        _, _, reach = cls.nominal()
        names = [model.actuator(i).name for i in range(model.nu)]
        units = [_unit(model, i, reach[i]) for i in range(model.nu)]
        return tuple(Channel(*both, -1.0, 1.0) for both in zip(names, units, strict=True))

    @classmethod
    def joint_channels(cls) -> list[Channel]:
        """Return the channels of `joint_state`."""
        model = cls.model()
        joints = [int(j) for j in cls.joints()[0]]
        named = [(model.joint(j).name, _length(model, j)) for j in joints]
        places = [Channel(f"{name} - nominal", unit) for name, unit in named]
        return places + [Channel(f"{name} velocity", f"{unit}/s") for name, unit in named]

    @classmethod
    def action_channels(cls) -> list[Channel]:
        """Return the channels of `previous_action`."""
        return [Channel(f"previous {a.name}", "-", -1.0, 1.0) for a in cls.actions()]

    def controls(self, action: Array) -> Array:
        return self._centre + self._scale * np.clip(action, -1.0, 1.0)

    def remember(self, ids: Ids, action: Array) -> None:
        self._memory[ids, : action.shape[1]] = np.clip(action[ids], -1.0, 1.0)

    def previous_action(self) -> Array:
        """Return the previous commanded action, 0 after a reset, `(N, actions)`."""
        return self._memory[:, : len(self._centre)].copy()

    @property
    def own_memory(self) -> Array:
        """View of the numbers that the objective keeps, `(N, remembered)`; 0 after a reset."""
        first = len(self._centre)
        return self._memory[:, first : first + self.remembered]

    def joint_state(self) -> Array:
        """Return joint angles from nominal, then joint velocities, `(N, 2 joints)`."""
        angles = self.sim.data("qpos")[:, self._qpos] - self._pose[self._qpos]
        return np.concatenate([angles, self.sim.data("qvel")[:, self._qvel]], axis=1)

    def reset(self, ids: Ids, draws: Array) -> None:
        """Write a state near the nominal pose with small joint velocities."""
        count = len(self._qpos)
        away = self.start_noise * (2 * draws[:, :count] - 1)
        speed = self.start_speed * (2 * draws[:, count : 2 * count] - 1)
        self.sim.data("qpos")[ids] = self._pose
        angles = np.clip(self._pose[self._qpos] + away, *self._range)
        self.sim.data("qpos")[np.ix_(ids, self._qpos)] = angles
        self.sim.data("qvel")[ids] = 0.0
        self.sim.data("qvel")[np.ix_(ids, self._qvel)] = speed
        self.sim.data("ctrl")[ids] = self._centre
        if len(self._activation):
            self.sim.data("act")[ids] = self._activation


def _length(model: mujoco.MjModel, joint: int) -> str:
    """Return the unit of a joint's position."""
    return "m" if int(model.jnt_type[joint]) == int(mujoco.mjtJoint.mjJNT_SLIDE) else "rad"


def _unit(model: mujoco.MjModel, actuator: int, reach: float) -> str:
    """Return the unit of an action of 1."""
    gear = model.actuator_gear[actuator, 0]
    if not on_joint(model, actuator):
        return f"{reach:.3g} of its control"
    length = _length(model, int(model.actuator_trnid[actuator, 0]))
    if is_servo(model, actuator):
        return f"{reach / gear:.3g} {length} from nominal"
    force = reach * gear * model.actuator_gainprm[actuator, 0]
    return f"{force:.3g} {'N' if length == 'm' else 'N m'}"


def _keyframe(model: mujoco.MjModel, name: str | None) -> tuple[Array, Array, Array]:
    """Return positions, controls and activations of a keyframe."""
    known = [model.key(i).name for i in range(model.nkey)]
    if name is not None and name not in known:
        raise unknown_name("keyframe", name, known)
    if not known:
        return model.qpos0.copy(), np.zeros(model.nu), np.zeros(model.na)
    key = known.index(name) if name is not None else 0
    return model.key_qpos[key].copy(), model.key_ctrl[key].copy(), model.key_act[key].copy()


def _scale_of(scale: float | Mapping[str, float], actuator: str) -> float:
    if isinstance(scale, Mapping):
        return value_by_pattern("action_scale", scale, actuator)
    return float(scale)


def _control_range(model: mujoco.MjModel, actuator: int) -> tuple[float, float]:
    if not model.actuator_ctrllimited[actuator]:
        raise FastadaptError(
            f"Actuator '{model.actuator(actuator).name}' is not a position servo and has no "
            "ctrlrange, so an action of 1 is undefined. Add a ctrlrange to the actuator."
        )
    low, high = model.actuator_ctrlrange[actuator]
    return float(low), float(high)


def _driven(spec: Any) -> tuple[str, ...]:
    """Return the names of the joints that have an actuator, in the order of the model."""
    targets = {a.target for a in spec.actuators if a.trntype == mujoco.mjtTrn.mjTRN_JOINT}
    return tuple(joint.name for joint in spec.joints if joint.name in targets)
