"""Perturbations of friction in the joints: dry and viscous."""

from __future__ import annotations

from typing import ClassVar, Literal

import mujoco
import numpy as np

from fastadapt.envs.laws import Law
from fastadapt.envs.perturbations.base import Array, Edit, Parameter, Perturbation
from fastadapt.envs.simulation import Ids


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
    stale: ClassVar = False

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        dofs, joints = dofs_of(edit.model, targets)
        edit["dof_damping"][:, dofs] *= values[:, joints, 0]


def dofs_of(model: mujoco.MjModel, joints: Ids) -> tuple[Ids, Ids]:
    """Return the degrees of freedom of joints `(k,)`, and for each the position of its joint."""
    dofs = np.flatnonzero(np.isin(model.dof_jntid, joints))
    order = np.argsort(joints)
    return dofs, order[np.searchsorted(joints, model.dof_jntid[dofs], sorter=order)]
