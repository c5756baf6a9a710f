"""Backlash: a gap in the gear between an actuator and its joint."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, Literal

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.perturbations.actuator import refuse_compensating
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError

if TYPE_CHECKING:
    from fastadapt.envs.environment import Environment

_SIMPLE = {
    "gaintype": int(mujoco.mjtGain.mjGAIN_FIXED),
    "dyntype": int(mujoco.mjtDyn.mjDYN_NONE),
    "trntype": int(mujoco.mjtTrn.mjTRN_JOINT),
}
_BIASES = (int(mujoco.mjtBias.mjBIAS_NONE), int(mujoco.mjtBias.mjBIAS_AFFINE))


class Backlash(Perturbation):
    """A worn gear: the joint moves freely by `gap` (degrees, or metres for a slide) at its motor.

    In the gap no force passes; at an end of it the motor pushes, and never pulls. The motor has an
    angle of its own, at first in the middle of the gap; a servo measures that angle, not the
    joint's. It moves by its own force against the armature, which stays on the joint too, and hands
    its momentum on at the end of the gap, without a rebound. Writes the signal `backlash` [rad, or
    m] and `actuator_ctrllimited` (commands are cut to their range before the gear instead). Units:
    degrees or m, in [0, 60]. Derived constants stay valid. Source: Nordin and Gutman 2002,
    "Controlling mechanical systems with backlash", section 2.
    """

    kind: Literal["backlash"]
    gap: Law

    target_type: ClassVar = "actuator"
    damage: ClassVar = True
    parameters: ClassVar = (Parameter("gap", "deg", 0.0, 0.0, 60.0),)
    fields: ClassVar = ("actuator_ctrllimited",)
    signals: ClassVar = ("backlash",)
    stage: ClassVar = 2
    probe: ClassVar = "drive"

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the actuators: motors with a rotor, and position servos, on joints.

        Raises:
            FastadaptError: one is another kind of actuator, or a motor without rotor inertia.
        """
        names = super().resolve(model)
        refuse_compensating(model, names, self.name)
        for name in names:
            actuator = model.actuator(name).id
            kinds = {key: int(getattr(model, f"actuator_{key}")[actuator]) for key in _SIMPLE}
            servo = int(model.actuator_biastype[actuator])
            if kinds != _SIMPLE or servo not in _BIASES:
                raise FastadaptError(
                    f"Perturbation '{self.name}': actuator '{name}' is no motor or position servo "
                    "on a joint, and has no gear with a gap. Leave it out of the targets."
                )
            joint = int(model.actuator_trnid[actuator, 0])
            if not rotor_inertia(model)[actuator] and not _holds(model, actuator):
                raise FastadaptError(
                    f"Perturbation '{self.name}': actuator '{name}' is a motor without inertia, "
                    "which crosses any gap at once. Give its joint "
                    f"'{model.joint(joint).name}' an armature in the model."
                )
        return names

    def parameters_of(self, environment: type[Environment], target: str) -> tuple[Parameter, ...]:
        model = environment.model()
        joint = int(model.actuator_trnid[model.actuator(target).id, 0])
        slides = model.jnt_type[joint] == mujoco.mjtJoint.mjJNT_SLIDE
        return (
            dataclasses.replace(self.parameters[0], unit="m") if slides else self.parameters[0],
        )

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        model, gap = edit.model, values[..., 0]
        hinge = model.jnt_type[model.actuator_trnid[targets, 0]] == mujoco.mjtJoint.mjJNT_HINGE
        edit.signal("backlash")[:, targets] += gap * np.where(hinge, np.pi / 180, 1.0)
        rows, columns = np.nonzero(gap > 0)
        edit["actuator_ctrllimited"][rows, targets[columns]] = False


def rotor_inertia(model: mujoco.MjModel) -> Array:
    """Return the inertia of the motors of actuators on joints, at the joint, `(nu,)` [kg m^2].

    That is the armature of the joint and of the actuator; 0 for other actuators.
    """
    on_joint = model.actuator_trntype == _SIMPLE["trntype"]
    dofs = model.jnt_dofadr[np.where(on_joint, model.actuator_trnid[:, 0], 0)]
    return np.where(on_joint, model.dof_armature[dofs] + model.actuator_armature, 0.0)


def _holds(model: mujoco.MjModel, actuator: int) -> bool:
    """Return whether an actuator has a spring or a damper of its own, as a servo has."""
    return bool((model.actuator_biasprm[actuator, 1:3] < 0).any())
