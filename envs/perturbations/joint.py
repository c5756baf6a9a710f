"""Perturbations of the resistance of joints: dry friction, damping, rotor inertia."""

from __future__ import annotations

from typing import ClassVar, Literal

import mujoco
import numpy as np
from pydantic import model_validator

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError


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

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        dofs, joints = dofs_of(edit.model, targets)
        edit["dof_frictionloss"][:, dofs] += values[:, joints, 0]


class JointDamping(Perturbation):
    """Viscous damping of a joint, times `scale`.

    Writes `dof_damping`; unit: multiple of the nominal value, in [0, 100] (large damping is
    unstable under an explicit integrator). Derived constants stay valid. Source: MuJoCo
    documentation, XML reference, joint/damping.
    """

    kind: Literal["joint-damping"]
    scale: Law

    target_type: ClassVar = "joint"
    parameters: ClassVar = (Parameter("scale", "x", 1.0, 0.0, 100.0),)
    fields: ClassVar = ("dof_damping",)
    probe: ClassVar = "coast"

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        dofs, joints = dofs_of(edit.model, targets)
        edit["dof_damping"][:, dofs] *= values[:, joints, 0]


class JointArmature(Perturbation):
    """Rotor inertia of a joint, times `scale`, and `add` on top of it.

    Writes `dof_armature`: it resists the motion of this joint alone and adds no weight. Units:
    multiple of the nominal value in [0.01, 100], and kg m^2 for hinges (kg for slides) in
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
    fields: ClassVar = ("dof_armature",)
    stale: ClassVar = frozenset(fields)
    probe: ClassVar = "turn"

    @model_validator(mode="after")
    def _some_change(self) -> JointArmature:
        if self.scale is None and self.add is None:
            raise ValueError("give a law for at least one of 'scale' and 'add'")
        return self

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the joints, which must have a rotor, and one to scale if asked."""
        names = super().resolve(model)
        for name in names:
            if model.joint(name).type[0] == mujoco.mjtJoint.mjJNT_FREE:
                raise FastadaptError(
                    f"Perturbation '{self.name}': joint '{name}' is free, it has no rotor. Only "
                    "hinges, slides and ball joints have an armature."
                )
            if self.scale is not None and not model.joint(name).armature.any():
                raise FastadaptError(
                    f"Perturbation '{self.name}': joint '{name}' has no armature to scale. Use "
                    "'add', or give it one in the model."
                )
        return names

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        dofs, joints = dofs_of(edit.model, targets)
        edit["dof_armature"][:, dofs] *= values[:, joints, 0]
        edit["dof_armature"][:, dofs] += values[:, joints, 1]


def dofs_of(model: mujoco.MjModel, joints: Ids) -> tuple[Ids, Ids]:
    """Return the degrees of freedom of joints `(k,)`, and for each the position of its joint."""
    dofs = np.flatnonzero(np.isin(model.dof_jntid, joints))
    order = np.argsort(joints)
    return dofs, order[np.searchsorted(joints, model.dof_jntid[dofs], sorter=order)]
