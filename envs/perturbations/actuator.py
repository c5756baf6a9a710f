"""Perturbations of the strength of actuators: weak, dead, or built stronger or weaker."""

from __future__ import annotations

from typing import ClassVar, Literal

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError

_FIELDS = ("actuator_gainprm", "actuator_biasprm", "actuator_forcerange")
_GAINS = (int(mujoco.mjtGain.mjGAIN_FIXED), int(mujoco.mjtGain.mjGAIN_AFFINE))
_BIASES = (int(mujoco.mjtBias.mjBIAS_NONE), int(mujoco.mjtBias.mjBIAS_AFFINE))
_ON_JOINTS = (int(mujoco.mjtTrn.mjTRN_JOINT), int(mujoco.mjtTrn.mjTRN_JOINTINPARENT))


def scale_force(edit: Edit, actuators: Ids, strength: Array) -> None:
    """Scale the force `gain(ctrl) + bias` of actuators by `strength`, `(n, k)`.

    Gain and bias are scaled together, because scaling the command of a position servo would move
    its set point. So are the limits of the force, those of the joint included, so that a saturated
    actuator is weakened in the same proportion.
    """
    for field in _FIELDS:
        edit[field][:, actuators] *= strength[..., None]
    if edit.model.jnt_actfrclimited.any():
        columns, joints = limited_joints(edit.model, actuators)
        edit["jnt_actfrcrange"][:, joints] *= strength[:, columns, None]


def force_entries(model: mujoco.MjModel, actuators: Ids) -> dict[str, tuple[Ids, Ids]]:
    """Return the entries of its fields that `scale_force` changes for each actuator.

    Returns:
        Positions in `actuators`, and the entries of the field, of the same length.
    """
    each = np.arange(len(actuators))
    entries: dict[str, tuple[Ids, Ids]] = {field: (each, actuators) for field in _FIELDS}
    if model.jnt_actfrclimited.any():
        entries["jnt_actfrcrange"] = limited_joints(model, actuators)
    return entries


def limited_joints(model: mujoco.MjModel, actuators: Ids) -> tuple[Ids, Ids]:
    """Return the actuators whose force a joint limits, as positions, and those joints."""
    on_joint = np.isin(model.actuator_trntype[actuators], _ON_JOINTS)
    joints = np.where(on_joint, model.actuator_trnid[actuators, 0], 0)
    columns = np.flatnonzero(on_joint & model.jnt_actfrclimited[joints].astype(bool))
    return columns, joints[columns]


def refuse_nonlinear(model: mujoco.MjModel, names: tuple[str, ...], owner: str) -> None:
    """Refuse actuators whose force is not proportional to their parameters.

    Raises:
        FastadaptError: a muscle or the like, or two actuators that share the limit of a joint.
    """
    drivers = model.actuator_trnid[np.isin(model.actuator_trntype, _ON_JOINTS), 0]
    for name in names:
        actuator = model.actuator(name).id
        gain = int(model.actuator_gaintype[actuator])
        bias = int(model.actuator_biastype[actuator])
        if gain not in _GAINS or bias not in _BIASES:
            other = mujoco.mjtGain(gain) if gain not in _GAINS else mujoco.mjtBias(bias)
            kind = other.name.split("_")[1].lower()
            raise FastadaptError(
                f"Perturbation '{owner}': actuator '{name}' is of the kind '{kind}', whose force "
                "does not scale with its gain. Only motors and servos (gain and bias fixed or "
                "affine) can be weakened; leave it out of the targets."
            )
        _, joints = limited_joints(model, np.array([actuator]))
        if any(np.count_nonzero(drivers == joint) > 1 for joint in joints):
            raise FastadaptError(
                f"Perturbation '{owner}': actuator '{name}' shares the 'actuatorfrcrange' of joint "
                f"'{model.joint(int(joints[0])).name}' with another one. Give the actuators a "
                "'forcerange' of their own in place of it."
            )


class _Strength(Perturbation):
    """Base of the kinds that scale the force of an actuator."""

    target_type: ClassVar = "actuator"
    fields: ClassVar = (*_FIELDS, "jnt_actfrcrange")
    probe: ClassVar = "drive"

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the actuators, whose force must be proportional to the gain."""
        names = super().resolve(model)
        refuse_nonlinear(model, names, self.name)
        return names


class WeakActuator(_Strength):
    """An actuator that gives `strength` times its nominal force.

    Writes `actuator_gainprm` and `actuator_biasprm` (both, so that a servo keeps its set point),
    `actuator_forcerange` and, where the joint limits the force, `jnt_actfrcrange`; unit: pure
    number in [0, 10]. Derived constants stay valid. Muscles are refused. Source: MuJoCo
    documentation, Computation, "Actuation model".
    """

    kind: Literal["weak-actuator"]
    strength: Law

    parameters: ClassVar = (Parameter("strength", "-", 1.0, 0.0, 10.0),)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        scale_force(edit, targets, values[..., 0])


class MotorStrength(_Strength):
    """Actuators built `scale` times as strong as their data sheet says: variation, not damage.

    The same physics as `WeakActuator`: writes `actuator_gainprm`, `actuator_biasprm`,
    `actuator_forcerange` and `jnt_actfrcrange`; unit: multiple of the nominal value, in [0, 10].
    Derived constants stay valid. Source: Kumar et al. 2021, "RMA: Rapid Motor Adaptation for Legged
    Robots" (there on the set point of the servos, here on their torque).
    """

    kind: Literal["motor-strength"]
    scale: Law

    parameters: ClassVar = (Parameter("scale", "x", 1.0, 0.0, 10.0),)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        scale_force(edit, targets, values[..., 0])


class DeadActuator(_Strength):
    """An actuator without power: no force at all, the joint swings freely.

    Writes `actuator_gainprm`, `actuator_biasprm`, `actuator_forcerange` and `jnt_actfrcrange`;
    unit: a switch, 0 or 1. Derived constants stay valid. A joint that is stuck is a `LockedJoint`.
    """

    kind: Literal["dead-actuator"]

    parameters: ClassVar = (Parameter("dead", "-", 0.0, 0.0, 1.0, default=1.0),)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        scale_force(edit, targets, (values[..., 0] < 0.5).astype(float))
