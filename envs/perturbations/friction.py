"""Perturbations of contact friction and of friction in the joints."""

from __future__ import annotations

from typing import ClassVar, Literal

import mujoco
import numpy as np
from pydantic import field_validator

from fastadapt.envs.laws import Law
from fastadapt.envs.perturbations.base import (
    Array,
    Edit,
    Parameter,
    Perturbation,
    ids_of,
    match_names,
)
from fastadapt.envs.simulation import Ids


class ContactFriction(Perturbation):
    """Sliding friction between the target geoms and the geoms `against`, times `scale`.

    Writes column 0 of `geom_friction` on both sides of the contact: MuJoCo takes the larger of the
    two coefficients, so scaling one side alone is silent until it dominates; scaling both makes the
    friction of the contact exactly `scale` times what it was. The scale must be shared by the
    targets for that reason. Unit: multiple of the nominal value, in [0.001, 100]. Derived constants
    stay valid. Source: MuJoCo documentation, Modeling, "Contact parameters".
    """

    kind: Literal["contact-friction"]
    scale: Law
    against: tuple[str, ...]
    """Names or patterns of the geoms on the other side."""
    shared: bool = True

    target_type: ClassVar = "geom"
    parameters: ClassVar = (Parameter("scale", "x", 1.0, 0.001, 100.0),)
    fields: ClassVar = ("geom_friction",)
    stale: ClassVar = False

    @field_validator("shared")
    @classmethod
    def _must_be_shared(cls, shared: bool) -> bool:
        if not shared:
            raise ValueError("contact friction is shared by its targets: leave 'shared' out")
        return shared

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the geoms; those of the other side must exist too."""
        match_names(model, "geom", self.against, self.name)
        return super().resolve(model)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        names = match_names(edit.model, "geom", self.against, self.name)
        others = [i for i in ids_of(edit.model, "geom", names) if i not in targets]
        friction = edit["geom_friction"]
        friction[:, targets, 0] *= values[..., 0]
        friction[:, others, 0] *= values[:, :1, 0]


class JointFriction(Perturbation):
    """Dry friction added to a joint: it resists with up to `torque` whatever the speed.

    Writes `dof_frictionloss` (nominal + value); unit: N m for hinges, N for slides, in [0, 10000].
    Derived constants stay valid. Source: MuJoCo documentation, XML reference, joint/frictionloss.
    """

    kind: Literal["joint-friction"]
    torque: Law

    target_type: ClassVar = "joint"
    parameters: ClassVar = (Parameter("torque", "N m", 0.0, 0.0, 1e4),)
    fields: ClassVar = ("dof_frictionloss",)
    stale: ClassVar = False

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        dofs, joints = _dofs(edit.model, targets)
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
    stale: ClassVar = False

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        dofs, joints = _dofs(edit.model, targets)
        edit["dof_damping"][:, dofs] *= values[:, joints, 0]


def _dofs(model: mujoco.MjModel, joints: Ids) -> tuple[Ids, Ids]:
    """Return the degrees of freedom of joints `(k,)`, and for each the position of its joint."""
    dofs = np.flatnonzero(np.isin(model.dof_jntid, joints))
    order = np.argsort(joints)
    return dofs, order[np.searchsorted(joints, model.dof_jntid[dofs], sorter=order)]
