"""Perturbations of the resistance of joints and tendons: friction, damping, inertia, springs."""

from __future__ import annotations

from typing import ClassVar, Literal

import mujoco
import numpy as np
from pydantic import model_validator

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.model.names import match_suitable, names_of
from fastadapt.envs.perturbations.actuator import NO_DAMPING
from fastadapt.envs.perturbations.edit import Edit, in_use
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError

_FREE = mujoco.mjtJoint.mjJNT_FREE
_SPRINGS = ("tendon_stiffness", "tendon_stiffnesspoly")
_DAMPERS = ("tendon_damping", "tendon_dampingpoly")
_ON_JOINTS = (int(mujoco.mjtTrn.mjTRN_JOINT), int(mujoco.mjtTrn.mjTRN_JOINTINPARENT))


class JointFriction(Perturbation):
    """Dry friction added to a joint: it resists with up to `torque` at any speed.

    Writes `dof_frictionloss` (nominal + value); unit: N m for hinges, N for slides, in [0, 10000].
    Derived constants stay valid. Source: MuJoCo documentation, XML reference, joint/frictionloss.
    """

    kind: Literal["joint-friction"]
    torque: Law

    target_type: ClassVar = "joint"
    parameters: ClassVar = (Parameter("torque", "N m", 0.0, 0.0, 1e4),)
    fields: ClassVar = ("dof_frictionloss",)
    probe: ClassVar = "coast"

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the joints that are not free."""
        return _with_bearing(model, self.targets, self.name)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        dofs, joints = dofs_of(edit.model, targets)
        edit["dof_frictionloss"][:, dofs] += values[:, joints, 0]


class JointDamping(Perturbation):
    """Viscous damping of a joint, times `scale`.

    Writes `dof_damping` and `dof_dampingpoly`, and `actuator_damping` and `actuator_dampingpoly` of
    the actuators on the joint, which MuJoCo adds to them; unit: multiple of the nominal value, in
    [0, 100] (large damping is unstable under an explicit integrator). Derived constants stay valid.
    Source: MuJoCo documentation, XML reference, joint/damping and actuator/damping.
    """

    kind: Literal["joint-damping"]
    scale: Law

    target_type: ClassVar = "joint"
    parameters: ClassVar = (Parameter("scale", "x", 1.0, 0.0, 100.0),)
    fields: ClassVar = (
        "dof_damping",
        "dof_dampingpoly",
        "actuator_damping",
        "actuator_dampingpoly",
    )
    probe: ClassVar = "coast"

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the joints that are not free."""
        return _with_bearing(model, self.targets, self.name)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        model = edit.model
        dofs, joints = dofs_of(model, targets)
        edit["dof_damping"][:, dofs] *= values[:, joints, 0]
        for field in in_use(model, ("dof_dampingpoly",)):
            edit[field][:, dofs] *= values[:, joints, :1]
        for field in in_use(model, ("actuator_damping", "actuator_dampingpoly")):
            for k, joint in enumerate(targets):
                scale = np.maximum(values[:, k], NO_DAMPING)
                scale = scale[:, 0] if edit[field].ndim == 2 else scale
                for actuator in drivers_of(model, int(joint)):
                    edit[field][:, actuator] *= scale


class JointArmature(Perturbation):
    """Rotor inertia of a joint, times `scale`, and `add` on top of it.

    Writes `dof_armature`, and `actuator_armature` of the actuators on the joint, which MuJoCo adds
    to it: it resists the motion of this joint alone and adds no weight. Units: multiple of the
    nominal value in [0.01, 100], and kg m^2 for hinges (kg for slides) in
    [0, 1000]. Derived constants go stale. Source: MuJoCo documentation, XML reference,
    joint/armature.
    """

    kind: Literal["joint-armature"]
    scale: Law | None = None
    add: Law | None = None

    target_type: ClassVar = "joint"
    parameters: ClassVar = (
        Parameter("scale", "x", 1.0, 0.01, 100.0, default=1.0),
        Parameter("add", "kg m^2", 0.0, 0.0, 1e3, default=0.0),
    )
    fields: ClassVar = ("dof_armature", "actuator_armature")
    stale: ClassVar = frozenset(fields)
    probe: ClassVar = "turn"

    @model_validator(mode="after")
    def _some_change(self) -> JointArmature:
        if self.scale is None and self.add is None:
            raise ValueError("give a law for at least one of 'scale' and 'add'")
        return self

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the joints, which must have a rotor, and one to scale if asked."""
        names = _with_bearing(model, self.targets, self.name)
        for name in names:
            drivers = drivers_of(model, model.joint(name).id)
            rotors = model.joint(name).armature.any() or model.actuator_armature[drivers].any()
            if self.scale is not None and not rotors:
                raise FastadaptError(
                    f"Perturbation '{self.name}': joint '{name}' has no armature to scale. Use "
                    "'add', or give it one in the model."
                )
        return names

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        dofs, joints = dofs_of(edit.model, targets)
        edit["dof_armature"][:, dofs] *= values[:, joints, 0]
        edit["dof_armature"][:, dofs] += values[:, joints, 1]
        for field in in_use(edit.model, ("actuator_armature",)):
            for k, joint in enumerate(targets):
                edit[field][:, drivers_of(edit.model, int(joint))] *= values[:, k, :1]


class TendonFriction(Perturbation):
    """Dry friction added to a tendon: it resists a change of length with up to `force`.

    Writes `tendon_frictionloss` (nominal + value); unit: N (N m where the length of the tendon is a
    sum of angles), in [0, 10000]. Derived constants stay valid. Source: MuJoCo documentation, XML
    reference, tendon/frictionloss.
    """

    kind: Literal["tendon-friction"]
    force: Law

    target_type: ClassVar = "tendon"
    parameters: ClassVar = (Parameter("force", "N", 0.0, 0.0, 1e4),)
    fields: ClassVar = ("tendon_frictionloss",)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        edit["tendon_frictionloss"][:, targets] += values[..., 0]


class TendonTension(Perturbation):
    """Tendons whose springs are `stiffness` times as stiff, and whose dampers `damping` times.

    Writes `tendon_stiffness`, `tendon_stiffnesspoly`, `tendon_damping` and `tendon_dampingpoly`;
    units: multiples of the nominal values, in [0, 100] (0: a torn spring, a damper that has leaked
    out). Derived constants stay valid. An actuator on a tendon is weakened by `weak-actuator`.
    Source: MuJoCo documentation, XML reference, tendon/stiffness and tendon/damping.
    """

    kind: Literal["tendon-tension"]
    stiffness: Law | None = None
    damping: Law | None = None

    target_type: ClassVar = "tendon"
    parameters: ClassVar = (
        Parameter("stiffness", "x", 1.0, 0.0, 100.0, default=1.0),
        Parameter("damping", "x", 1.0, 0.0, 100.0, default=1.0),
    )
    fields: ClassVar = (*_SPRINGS, *_DAMPERS)

    @model_validator(mode="after")
    def _some_change(self) -> TendonTension:
        if self.stiffness is None and self.damping is None:
            raise ValueError("give a law for at least one of 'stiffness' and 'damping'")
        return self

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the tendons, which must have what is to be scaled.

        Raises:
            FastadaptError: one has no spring, or no damper.
        """
        names = super().resolve(model)
        asked = (("stiffness", self.stiffness, _SPRINGS), ("damping", self.damping, _DAMPERS))
        for name in names:
            tendon = model.tendon(name).id
            for key, law, fields in asked:
                if law is not None and not any(np.any(getattr(model, f)[tendon]) for f in fields):
                    raise FastadaptError(
                        f"Perturbation '{self.name}': tendon '{name}' has no {key} to scale. Leave "
                        f"'{key}' out, or give it one in the model."
                    )
        return names

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        for column, fields in enumerate((_SPRINGS, _DAMPERS)):
            scale = values[..., column]
            for field in in_use(edit.model, fields):
                entries = edit[field]
                entries[:, targets] *= scale if entries.ndim == 2 else scale[..., None]


def _with_bearing(model: mujoco.MjModel, patterns: tuple[str, ...], owner: str) -> tuple[str, ...]:
    """Return the names of the matching joints without free ones, which are no bearings.

    Raises:
        FastadaptError: a pattern matches no other joint.
    """
    bearings = [n for n in names_of(model, "joint") if model.joint(n).type[0] != _FREE]
    lack = "is free: it has no bearing and no rotor"
    return match_suitable(model, "joint", patterns, owner, bearings, lack)


def drivers_of(model: mujoco.MjModel, joint: int) -> Ids:
    """Return the actuators that act on one joint alone, `(a,)`."""
    on_joint = np.isin(model.actuator_trntype, _ON_JOINTS)
    return np.flatnonzero(on_joint & (model.actuator_trnid[:, 0] == joint))


def dofs_of(model: mujoco.MjModel, joints: Ids) -> tuple[Ids, Ids]:
    """Return the degrees of freedom of joints `(k,)`, and for each the position of its joint."""
    dofs = np.flatnonzero(np.isin(model.dof_jntid, joints))
    order = np.argsort(joints)
    return dofs, order[np.searchsorted(joints, model.dof_jntid[dofs], sorter=order)]
