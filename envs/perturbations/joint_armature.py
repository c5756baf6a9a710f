"""A rotor with another inertia."""

from __future__ import annotations

from typing import ClassVar, Literal

import mujoco
from pydantic import model_validator

from fastadapt.envs.errors import FastadaptError
from fastadapt.envs.laws import Law
from fastadapt.envs.perturbations.base import Array, Edit, Parameter, Perturbation
from fastadapt.envs.perturbations.friction import dofs_of
from fastadapt.envs.simulation import Ids


class JointArmature(Perturbation):
    """Inertia of the rotor of a joint, times `scale`, and `add` on top of it.

    Writes `dof_armature`: it resists the motion of this joint alone and weighs nothing. Units:
    multiple of the nominal value in [0.01, 100], and kg m^2 for hinges (kg for slides) in
    [0, 1000]. Derived constants go stale. Source: MuJoCo documentation, XML reference,
    joint/armature.
    """

    kind: Literal["joint-armature"]
    scale: Law | None = None
    add: Law | None = None

    target_type: ClassVar = "joint"
    parameters: ClassVar = (
        Parameter("scale", "x", 1.0, 0.01, 100.0, struck=1.0),
        Parameter("add", "kg m^2", 0.0, 0.0, 1e3, struck=0.0),
    )
    fields: ClassVar = ("dof_armature",)
    stale: ClassVar = True

    @model_validator(mode="after")
    def _something(self) -> JointArmature:
        if self.scale is None and self.add is None:
            raise ValueError("give a law for at least one of 'scale' and 'add'")
        return self

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the joints; only those with a rotor, and one to scale if asked."""
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
