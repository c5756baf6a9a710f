"""A joint that is stuck."""

from __future__ import annotations

from typing import ClassVar, Literal

import mujoco
import numpy as np

from fastadapt.envs.errors import FastadaptError
from fastadapt.envs.laws import Law
from fastadapt.envs.perturbations.base import Array, Edit, Parameter, Perturbation, names_of
from fastadapt.envs.simulation import Ids, Simulation

HERE = -1.0
"""The value of `fraction` that means: wherever the joint is when it locks."""

_ROTOR = 1e3
"""Armature of a locked joint, as a multiple of its nominal inertia."""


class LockedJoint(Perturbation):
    """A joint stuck where it is, or at a `fraction` of its range (0: lower end, 1: upper end).

    Writes `eq_active` and `eq_data` of a joint equality that robots carry compiled inactive (free
    and without any effect while off), and `dof_armature`; unit: a switch, and a pure number in
    [0, 1] or -1 for "here". Derived constants go stale. At reset the robot starts with the joint at
    the angle of its lock; within an episode a lock at a fraction drives the joint there with a time
    constant of 20 ms. Source: MuJoCo documentation, XML reference, equality/joint.

    The armature is that of a heavy rotor: it resists the motion of this joint alone, and a locked
    joint has none, so nothing else changes. Without it the lock leaks, because MuJoCo integrates
    joint damping after it has solved the constraints (measured: 1 degree on the cheetah, 0.001 with
    it).
    """

    kind: Literal["locked-joint"]
    fraction: Law | None = None

    target_type: ClassVar = "joint"
    parameters: ClassVar = (
        Parameter("locked", "-", 0.0, 0.0, 1.0, struck=1.0),
        Parameter("fraction", "-", HERE, HERE, 1.0, struck=HERE),
    )
    fields: ClassVar = ("eq_data", "dof_armature")
    stale: ClassVar = True

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the joints; each must carry a lock, and a range for a `fraction`."""
        names = super().resolve(model)
        for name in names:
            _equality(model, model.joint(name).id)
            low, high = model.joint(name).range
            if self.fraction is not None and high <= low:
                raise FastadaptError(
                    f"Perturbation '{self.name}': joint '{name}' has no range to take a fraction "
                    "of. Give it one in the model, or leave 'fraction' out to lock it as it stands."
                )
        return names

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        model = edit.model
        equalities = np.array([_equality(model, int(joint)) for joint in targets])
        address = model.jnt_qposadr[targets]
        angle = edit.qpos[:, address]
        low, high = model.jnt_range[targets].T
        fraction = values[..., 1]
        angle = np.where(fraction >= 0, low + fraction * (high - low), angle)
        locked = values[..., 0] > 0.5
        offset = np.where(locked, angle - model.qpos0[address], edit["eq_data"][:, equalities, 0])
        edit["eq_data"][:, equalities, 0] = offset
        edit.eq_active[:, equalities] |= locked
        dofs = model.jnt_dofadr[targets]
        edit["dof_armature"][:, dofs] += np.where(locked, _ROTOR * model.dof_M0[dofs], 0.0)


def lock_name(joint: str) -> str:
    """Return the name of the equality constraint that locks a joint."""
    return f"lock:{joint}"


def add_locks(spec: mujoco.MjSpec, joints: tuple[str, ...]) -> None:
    """Add one inactive, stiff joint equality for each joint, so that it can be locked later."""
    for joint in joints:
        equality = spec.add_equality()
        equality.name = lock_name(joint)
        equality.type = mujoco.mjtEq.mjEQ_JOINT
        equality.objtype = mujoco.mjtObj.mjOBJ_JOINT
        equality.name1 = joint
        equality.active = False
        equality.data[:5] = 0.0  # q - qpos0 = data[0]
        equality.solimp[:2] = 0.9999  # measured: drift under load below 0.01 degrees


def pose_locked(sim: Simulation, ids: Ids, joints: Ids) -> None:
    """Put the locked ones of these joints at the angle of their lock, at rest."""
    model = sim.model
    locks = np.array([_equality(model, int(joint)) for joint in joints])
    locked = sim.data("eq_active")[np.ix_(ids, locks)].astype(bool)
    if not locked.any():
        return
    qpos, qvel = model.jnt_qposadr[joints], model.jnt_dofadr[joints]
    angle = sim.field("eq_data")[np.ix_(ids, locks)][..., 0] + model.qpos0[qpos]
    rows, columns = np.nonzero(locked)
    sim.data("qpos")[ids[rows], qpos[columns]] = angle[rows, columns]
    sim.data("qvel")[ids[rows], qvel[columns]] = 0.0


def _equality(model: mujoco.MjModel, joint: int) -> int:
    name = lock_name(model.joint(joint).name)
    index = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_EQUALITY, name)
    if index < 0:
        lockable = [n for n in names_of(model, "joint") if _has_lock(model, n)]
        raise FastadaptError(
            f"Joint '{model.joint(joint).name}' cannot be locked. Lockable: {', '.join(lockable)}."
        )
    return index


def _has_lock(model: mujoco.MjModel, joint: str) -> bool:
    return mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_EQUALITY, lock_name(joint)) >= 0
