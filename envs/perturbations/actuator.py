"""Perturbations of the strength of actuators: weak, dead, or built stronger or weaker."""

from __future__ import annotations

from typing import ClassVar, Literal

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.perturbations.edit import Edit, in_use
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError

_FIELDS = ("actuator_gainprm", "actuator_biasprm", "actuator_forcerange")
_DAMPERS = ("actuator_damping", "actuator_dampingpoly")
NO_DAMPING = 1e-15
"""Factor that ends the damping of an actuator. Were it 0, MuJoCo would no longer look for the
actuators on the joint (`jnt_actuatorid`, a derived constant), also after a repair."""

_LIMITS = ("jnt_actfrcrange", "tendon_actfrcrange")
_GAINS = (int(mujoco.mjtGain.mjGAIN_FIXED), int(mujoco.mjtGain.mjGAIN_AFFINE))
_BIASES = (int(mujoco.mjtBias.mjBIAS_NONE), int(mujoco.mjtBias.mjBIAS_AFFINE))
_MUSCLE = int(mujoco.mjtGain.mjGAIN_MUSCLE)
_ON_JOINTS = (int(mujoco.mjtTrn.mjTRN_JOINT), int(mujoco.mjtTrn.mjTRN_JOINTINPARENT))
_ON_TENDON = int(mujoco.mjtTrn.mjTRN_TENDON)
_PEAK_FORCE = slice(2, 4)
"""Parameters of a muscle that its force is proportional to: `force` and `scale`."""


def scale_force(edit: Edit, actuators: Ids, strength: Array, damping: bool = True) -> None:
    """Scale the force `gain(ctrl) + bias` of actuators by `strength`, `(n, k)`.

    Gain and bias are scaled together, because scaling the command of a position servo would move
    its set point. So are the limits of the force, those of the joint or tendon included, so that a
    saturated actuator is weakened in the same proportion, and the damping of the actuator, which
    is the slope of its torque over speed.

    Args:
        edit: working copies for n simulations.
        actuators: `(k,)` MuJoCo ids.
        strength: `(n, k)` factors.
        damping: scale the damping of the actuators too.
    """
    model = edit.model
    muscle = model.actuator_gaintype[actuators] == _MUSCLE
    others = np.flatnonzero(~muscle)
    for field in _FIELDS:
        columns = np.arange(len(actuators)) if field == "actuator_forcerange" else others
        edit[field][:, actuators[columns]] *= strength[:, columns, None]
    if muscle.any():
        for field in ("actuator_gainprm", "actuator_biasprm"):
            peak = edit[field][:, :, _PEAK_FORCE]
            peak[:, actuators[muscle]] *= strength[:, muscle, None]
    for field in in_use(model, _DAMPERS if damping else ()):
        left = np.maximum(strength, NO_DAMPING)
        edit[field][:, actuators] *= left if edit[field].ndim == 2 else left[..., None]
    for field, (columns, limited) in _limits(model, actuators).items():
        edit[field][:, limited] *= strength[:, columns, None]


def force_entries(model: mujoco.MjModel, actuators: Ids) -> dict[str, tuple[Ids, Ids]]:
    """Return the entries of its fields that `scale_force` changes for each actuator.

    Returns:
        Positions in `actuators`, and the entries of the field, of the same length.
    """
    each = np.arange(len(actuators))
    fields = (*_FIELDS, *in_use(model, _DAMPERS))
    return {field: (each, actuators) for field in fields} | _limits(model, actuators)


def _limits(model: mujoco.MjModel, actuators: Ids) -> dict[str, tuple[Ids, Ids]]:
    """Return the limits of the forces of actuators: positions in `actuators`, and the entries."""
    limits = {}
    if model.jnt_actfrclimited.any():
        limits["jnt_actfrcrange"] = limited_joints(model, actuators)
    if model.tendon_actfrclimited.any():
        limits["tendon_actfrcrange"] = limited_tendons(model, actuators)
    return limits


def limited_joints(model: mujoco.MjModel, actuators: Ids) -> tuple[Ids, Ids]:
    """Return the actuators whose force a joint limits, as positions, and those joints."""
    return _moved(model, actuators, _ON_JOINTS, model.jnt_actfrclimited)


def limited_tendons(model: mujoco.MjModel, actuators: Ids) -> tuple[Ids, Ids]:
    """Return the actuators whose force a tendon limits, as positions, and those tendons."""
    return _moved(model, actuators, (_ON_TENDON,), model.tendon_actfrclimited)


def _moved(
    model: mujoco.MjModel, actuators: Ids, transmissions: tuple[int, ...], has: NDArray
) -> tuple[Ids, Ids]:
    """Return the actuators that move an element of some kind for which `has` is true, and it."""
    ours = np.isin(model.actuator_trntype[actuators], transmissions)
    elements = np.where(ours, model.actuator_trnid[actuators, 0], 0)
    if not ours.any():
        return elements[:0], elements[:0]
    columns = np.flatnonzero(ours & has[elements].astype(bool))
    return columns, elements[columns]


def compensating_joints(model: mujoco.MjModel, actuators: Ids) -> tuple[Ids, Ids]:
    """Return the actuators that carry the weight of their joint, as positions, and those joints.

    MuJoCo counts the gravity compensation of a joint with `actuatorgravcomp` as a force of its
    actuator.
    """
    carries = model.jnt_actgravcomp.astype(bool) & bool(model.body_gravcomp.any())
    return _moved(model, actuators, _ON_JOINTS, carries)


def refuse_nonlinear(
    model: mujoco.MjModel, names: tuple[str, ...], owner: str, muscles: bool = False
) -> None:
    """Refuse actuators whose force is not proportional to their parameters.

    Args:
        model: the nominal model.
        names: of the actuators.
        owner: name of the perturbation.
        muscles: allow them.

    Raises:
        FastadaptError: a plugin or the like, or two actuators that share a limit.
    """
    for name in names:
        actuator = model.actuator(name).id
        gain = int(model.actuator_gaintype[actuator])
        bias = int(model.actuator_biastype[actuator])
        plugin = int(model.actuator_plugin[actuator]) >= 0
        muscle = muscles and gain == _MUSCLE
        if plugin or not (muscle or (gain in _GAINS and bias in _BIASES)):
            other = mujoco.mjtGain(gain) if gain not in _GAINS else mujoco.mjtBias(bias)
            kind = "plugin" if plugin else other.name.split("_")[1].lower()
            raise FastadaptError(
                f"Perturbation '{owner}': actuator '{name}' is of the kind '{kind}', whose force "
                "does not scale with its gain. Only motors and servos (gain and bias fixed or "
                f"affine){' and muscles' if muscles else ''} can be weakened; leave it out of the "
                "targets."
            )
        _refuse_shared_limit(model, name, owner)


def _refuse_shared_limit(model: mujoco.MjModel, name: str, owner: str) -> None:
    """Refuse an actuator whose joint or tendon limits the force of several actuators."""
    everyone, this = np.arange(model.nu), model.actuator(name).id
    for kind, find in (("joint", limited_joints), ("tendon", limited_tendons)):
        _, mine = find(model, np.array([this]))
        if len(mine) and np.count_nonzero(find(model, everyone)[1] == mine[0]) > 1:
            element = getattr(model, kind)(int(mine[0])).name
            raise FastadaptError(
                f"Perturbation '{owner}': actuator '{name}' shares the 'actuatorfrcrange' of "
                f"{kind} '{element}' with another one. Give the actuators a 'forcerange' of their "
                "own in place of it."
            )


def refuse_compensating(model: mujoco.MjModel, names: tuple[str, ...], owner: str) -> None:
    """Refuse actuators that carry the weight of their joint on top of `gain(ctrl) + bias`.

    Raises:
        FastadaptError: the joint of one has `actuatorgravcomp`.
    """
    for name in names:
        _, joints = compensating_joints(model, np.array([model.actuator(name).id]))
        if len(joints):
            joint = model.joint(int(joints[0])).name
            raise FastadaptError(
                f"Perturbation '{owner}': actuator '{name}' also compensates gravity "
                f"(actuatorgravcomp of joint '{joint}'), by a force that does not scale with its "
                "gain. Use the kind 'dead-actuator', or leave it out of the targets."
            )


class _Strength(Perturbation):
    """Base of the kinds that scale the force of an actuator."""

    target_type: ClassVar = "actuator"
    fields: ClassVar = (*_FIELDS, *_DAMPERS, *_LIMITS)
    probe: ClassVar = "drive"

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the actuators, whose force must be proportional to the gain."""
        names = super().resolve(model)
        refuse_nonlinear(model, names, self.name, muscles=True)
        refuse_compensating(model, names, self.name)
        return names


class WeakActuator(_Strength):
    """An actuator that gives `strength` times its nominal force.

    Writes `actuator_gainprm` and `actuator_biasprm` (both, so that a servo keeps its set point; of
    a muscle, its peak force), `actuator_forcerange`, the actuator's own `actuator_damping` and
    `actuator_dampingpoly` and, where the joint or the tendon limits the force, `jnt_actfrcrange`
    or `tendon_actfrcrange`; unit: pure number in [0, 10]. Derived constants stay valid. Source:
    MuJoCo documentation, Computation, "Actuation model".
    """

    kind: Literal["weak-actuator"]
    strength: Law

    damage: ClassVar = True
    parameters: ClassVar = (Parameter("strength", "-", 1.0, 0.0, 10.0),)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        scale_force(edit, targets, values[..., 0])


class MotorStrength(_Strength):
    """Actuators built `scale` times as strong as their data sheet says: variation, not damage.

    The same physics as `WeakActuator`, but the damping of the actuator stays: writes
    `actuator_gainprm`, `actuator_biasprm`, `actuator_forcerange`, `jnt_actfrcrange` and
    `tendon_actfrcrange`; unit: multiple of the nominal value, in [0, 10]. Derived constants stay
    valid. Source: Kumar et al. 2021, "RMA: Rapid Motor Adaptation for Legged Robots" (there on the
    set point of the servos, here on their torque).
    """

    kind: Literal["motor-strength"]
    scale: Law

    parameters: ClassVar = (Parameter("scale", "x", 1.0, 0.0, 10.0),)
    fields: ClassVar = (*_FIELDS, *_LIMITS)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        scale_force(edit, targets, values[..., 0], damping=False)


class DeadActuator(_Strength):
    """An actuator without power: no force at all, the joint swings freely.

    Writes `actuator_gainprm`, `actuator_biasprm` (of a muscle, its peak force, passive tension
    included), `actuator_forcerange`, `actuator_damping`, `actuator_dampingpoly`,
    `jnt_actfrcrange` and `tendon_actfrcrange`, and `jnt_actfrclimited` where the actuator also
    compensates gravity; unit: a switch, 0 or 1. Derived constants stay valid. Damping and friction
    of the joint itself stay. A joint that is stuck is a `LockedJoint`.
    """

    kind: Literal["dead-actuator"]

    damage: ClassVar = True
    parameters: ClassVar = (Parameter("dead", "-", 0.0, 0.0, 1.0, default=1.0),)
    fields: ClassVar = (*_Strength.fields, "jnt_actfrclimited")

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the actuators, whose force must be proportional to the gain."""
        names = super(_Strength, self).resolve(model)
        refuse_nonlinear(model, names, self.name, muscles=True)
        drivers = np.isin(model.actuator_trntype, _ON_JOINTS)
        for name in names:
            _, joints = compensating_joints(model, np.array([model.actuator(name).id]))
            shared = drivers & np.isin(model.actuator_trnid[:, 0], joints)
            if np.count_nonzero(shared) > 1:
                refuse_compensating(model, (name,), self.name)
        return names

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        dead = values[..., 0] > 0.5
        scale_force(edit, targets, (~dead).astype(float))
        columns, joints = compensating_joints(edit.model, targets)
        if len(joints):
            rows, which = np.nonzero(dead[:, columns])
            edit["jnt_actfrclimited"][rows, joints[which]] = True
            edit["jnt_actfrcrange"][rows, joints[which]] = 0.0
