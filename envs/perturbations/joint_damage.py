"""Damage to joints: locked in place, or with a reduced range of motion."""

from __future__ import annotations

from typing import ClassVar, Literal

import mujoco
import numpy as np
from numpy.typing import NDArray
from pydantic import model_validator

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.model.joint_locks import lock_id
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.errors import FastadaptError

HERE = -1.0
"""Value of `fraction` for a lock at the current position of the joint."""

_ROTOR = 1e3
"""Armature of a locked joint, as a multiple of its nominal inertia."""

_ROUNDING = 1e-9
"""Difference between pure numbers up to which they are the same."""


class LockedJoint(Perturbation):
    """A joint stuck where it is, or at a `fraction` of its range (0: lower end, 1: upper end).

    Writes `eq_active` and `eq_data` of a joint equality that robots carry compiled inactive (free
    and without any effect while off), and `dof_armature`; unit: a switch, and a pure number in
    [0, 1] or -1 for "here". Derived constants go stale. At reset the robot starts with the joint at
    the angle of its lock, moved into the joint's remaining range. A lock that begins within an
    episode holds the joint where it is then, at a fraction too: damage brakes, it does not drive.
    It stays there until it is repaired. `between` gives the angles of fractions 0 and 1 where they
    are not the ends of the range. Source: MuJoCo documentation, XML reference, equality/joint.

    The armature is that of a heavy rotor: it resists the motion of this joint alone, and a locked
    joint does not move, so nothing else changes. Without it the joint creeps, because MuJoCo
    integrates joint damping after it has solved the constraints (measured on the cheetah: 1 degree
    without, 0.001 with it).
    """

    kind: Literal["locked-joint"]
    fraction: Law | None = None
    between: tuple[float, float] | None = None
    """Positions of fractions 0 and 1 [degrees; metres for a slide] (default: the joint's range)."""

    target_type: ClassVar = "joint"
    damage: ClassVar = True
    parameters: ClassVar = (
        Parameter("locked", "-", 0.0, 0.0, 1.0, default=1.0),
        Parameter("fraction", "-", HERE, HERE, 1.0, default=HERE),
    )
    fields: ClassVar = ("eq_data", "dof_armature")
    stale: ClassVar = frozenset({"dof_armature"})
    stage: ClassVar = 2
    probe: ClassVar = "drive"

    @model_validator(mode="after")
    def _fraction_of_something(self) -> LockedJoint:
        if self.between is not None and self.fraction is None:
            raise ValueError("'between' is the range of a 'fraction': give a law for it too")
        return self

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the joints, which need a lock, and a range for a `fraction`."""
        names = super().resolve(model)
        refuse_unlimitable(model, names, self.name, "be locked")
        _refuse_disabled(model, self.name, "equality", mujoco.mjtDisableBit.mjDSBL_EQUALITY)
        for name in names:
            lock_id(model, model.joint(name).id)
            low, high = model.joint(name).range
            if self.fraction is not None and self.between is None and high <= low:
                raise FastadaptError(
                    f"Perturbation '{self.name}': joint '{name}' has no range to take a fraction "
                    "of. Give 'between', or leave 'fraction' out to lock it at its current "
                    "position."
                )
            if self.between is not None and model.jnt_limited[model.joint(name).id]:
                self._refuse_outside(model, name)
        return names

    def probe_of(self, parameter: str) -> str | None:
        """Return the joint's position for its fraction, its travel for the lock."""
        return "position" if parameter == "fraction" else self.probe

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        model = edit.model
        equalities = np.array([lock_id(model, int(joint)) for joint in targets])
        address = model.jnt_qposadr[targets]
        low, high = self._ends(model, targets)
        fraction = values[..., 1]
        here = _here(edit, equalities, address)
        chosen = (fraction >= 0) & edit.at_reset
        angle = np.where(chosen, low + fraction * (high - low), here)
        angle = _within_limits(edit, targets, angle)
        locked = values[..., 0] > 0.5
        offset = np.where(locked, angle - model.qpos0[address], edit["eq_data"][:, equalities, 0])
        edit["eq_data"][:, equalities, 0] = offset
        edit.eq_active[:, equalities] |= locked
        dofs = model.jnt_dofadr[targets]
        edit["dof_armature"][:, dofs] += np.where(locked, _ROTOR * model.dof_M0[dofs], 0.0)

    def pose(self, sim: Simulation, ids: Ids, targets: Ids) -> None:
        """Move locked joints to the position of their lock, at rest."""
        model = sim.model
        locks = np.array([lock_id(model, int(joint)) for joint in targets])
        locked = sim.data("eq_active")[np.ix_(ids, locks)].astype(bool)
        if not locked.any():
            return
        qpos, qvel = model.jnt_qposadr[targets], model.jnt_dofadr[targets]
        angle = sim.field("eq_data")[np.ix_(ids, locks)][..., 0] + model.qpos0[qpos]
        rows, columns = np.nonzero(locked)
        sim.data("qpos")[ids[rows], qpos[columns]] = angle[rows, columns]
        sim.data("qvel")[ids[rows], qvel[columns]] = 0.0

    def in_force(self, sim: Simulation, ids: Ids, targets: Ids, values: Array) -> Array:
        """Return the fractions at which joints are locked; "here" where none is locked yet."""
        if self.fraction is None:
            return values
        model, out = sim.model, values.copy()
        locks = np.array([lock_id(model, int(joint)) for joint in targets])
        on = sim.data("eq_active")[np.ix_(ids, locks)].astype(bool)
        angle = sim.field("eq_data")[np.ix_(ids, locks)][..., 0]
        low, high = self._ends(model, targets)
        held = (angle + model.qpos0[model.jnt_qposadr[targets]] - low) / (high - low)
        held = np.where(on, held, HERE)
        out[..., 1] = np.where(values[..., 0] > 0.5, _where_it_differs(held, values[..., 1]), HERE)
        return out

    def _refuse_outside(self, model: mujoco.MjModel, name: str) -> None:
        joint = model.joint(name)
        ends, (low, high) = self._ends(model, np.array([joint.id]))[:, 0], joint.range
        if min(ends) < low - 1e-9 or max(ends) > high + 1e-9:
            unit = 180 / np.pi if joint.type[0] == mujoco.mjtJoint.mjJNT_HINGE else 1.0
            raise FastadaptError(
                f"Perturbation '{self.name}': between = {list(self.between or ())} is beyond the "
                f"range of joint '{name}', {low * unit:g} to {high * unit:g}. Stay within it."
            )

    def _ends(self, model: mujoco.MjModel, joints: Ids) -> Array:
        """Return the positions of fractions 0 and 1 of joints, `(2, k)` [rad, or m]."""
        if self.between is None:
            return model.jnt_range[joints].T
        hinge = model.jnt_type[joints] == mujoco.mjtJoint.mjJNT_HINGE
        return np.array(self.between)[:, None] * np.where(hinge, np.pi / 180, 1.0)


class RangeCut(Perturbation):
    """A joint that keeps the `width` of its range of motion, at `place` within it.

    Writes `jnt_range`: the limits of the joint, as stiff as its own. Place 0 leaves the lower end
    of the range, 1 the upper end, 0.5 the middle. Units: multiple of the nominal range in
    [0.01, 1], and a pure number in [0, 1]. Derived constants stay valid. At reset a joint outside
    of the remaining range starts at its nearer end, at rest. Within an episode nothing drives it
    there: the end that it is beyond waits where the joint is then, and moves on to its own place
    when the task is written again (at each step of a ramp, and as anything of it begins or ends),
    as far as the joint has come. Source: MuJoCo documentation, XML reference, joint/range.
    """

    kind: Literal["range-cut"]
    width: Law
    place: Law | None = None

    target_type: ClassVar = "joint"
    damage: ClassVar = True
    parameters: ClassVar = (
        Parameter("width", "x", 1.0, 0.01, 1.0),
        Parameter("place", "-", 0.5, 0.0, 1.0, default=0.5),
    )
    fields: ClassVar = ("jnt_range",)
    probe: ClassVar = "drive"

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the joints, which must have a range."""
        names = super().resolve(model)
        refuse_unlimitable(model, names, self.name, "have its range cut")
        _refuse_disabled(model, self.name, "limit", mujoco.mjtDisableBit.mjDSBL_LIMIT)
        for name in names:
            joint = model.joint(name)
            if not model.jnt_limited[joint.id]:
                raise FastadaptError(
                    f"Perturbation '{self.name}': joint '{name}' has no range that could be cut. "
                    "Give it one in the model."
                )
        return names

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        width, place = values[..., 0], values[..., 1]
        limits = edit["jnt_range"]
        low, high = limits[:, targets, 0], limits[:, targets, 1]
        lost = (1 - width) * (high - low)
        ends = np.stack([low + place * lost, high - (1 - place) * lost], axis=-1)
        limits[:, targets] = ends if edit.at_reset else _waiting(edit, targets, ends)

    def in_force(self, sim: Simulation, ids: Ids, targets: Ids, values: Array) -> Array:
        """Return width and place of the ranges that are left where an end waits for its joint.

        Not in a ramp, which moves the ends on.
        """
        if self.ramp is not None:
            return values
        model, out = sim.model, values.copy()
        nominal = model.jnt_range[targets]
        left, whole = sim.field("jnt_range")[np.ix_(ids, targets)], np.diff(nominal)[:, 0]
        width = np.diff(left)[..., 0] / whole
        lost = np.maximum(1 - width, 0.0)
        place = np.divide((left[..., 0] - nominal[:, 0]) / whole, lost,
                          out=np.full_like(lost, 0.5), where=lost > _ROUNDING)  # fmt: skip
        cut = (values[..., 0] < 1) & (width < 1 - _ROUNDING)
        for column, held in enumerate((width, place)):
            told = _where_it_differs(held, values[..., column])
            out[..., column] = np.where(cut, told, values[..., column])
        return out

    def pose(self, sim: Simulation, ids: Ids, targets: Ids) -> None:
        """Move joints outside of their remaining range to its end, at rest."""
        model = sim.model
        limits = sim.field("jnt_range")[np.ix_(ids, targets)]
        position = sim.data("qpos")[np.ix_(ids, model.jnt_qposadr[targets])]
        within = np.clip(position, limits[..., 0], limits[..., 1])
        cut = (limits != model.jnt_range[targets]).any(axis=-1)
        rows, columns = np.nonzero(cut & (within != position))
        sim.data("qpos")[ids[rows], model.jnt_qposadr[targets[columns]]] = within[rows, columns]
        sim.data("qvel")[ids[rows], model.jnt_dofadr[targets[columns]]] = 0.0


def _where_it_differs(held: Array, drawn: Array) -> Array:
    """Return values held, or the very values drawn where they differ by rounding alone."""
    return np.where(np.abs(held - drawn) < _ROUNDING, drawn, held)


def _waiting(edit: Edit, joints: Ids, ends: Array) -> Array:
    """Return ends of ranges `(n, k, 2)`, those moved out that a joint in motion is beyond.

    An end that is in force already stays: a joint that leans on it is a little beyond it.
    """
    here = edit.qpos[:, edit.model.jnt_qposadr[joints]]
    before = edit.sim.field("jnt_range")[edit.ids][:, joints]
    (low, high), (low_before, high_before) = np.moveaxis(ends, 2, 0), np.moveaxis(before, 2, 0)
    lower = np.where(low > low_before, np.clip(here, low_before, low), low)
    upper = np.where(high < high_before, np.clip(here, high, high_before), high)
    return np.stack([lower, upper], axis=-1)


def _here(edit: Edit, equalities: Ids, address: NDArray[np.int32]) -> Array:
    """Return the positions at which joints lock: current ones, or those of locks already on."""
    held = edit.sim.data("eq_active")[np.ix_(edit.ids, equalities)].astype(bool)
    now = edit.qpos[:, address]
    if not held.any():
        return now
    anchor = edit.sim.field("eq_data")[np.ix_(edit.ids, equalities)][..., 0]
    return np.where(held, anchor + edit.model.qpos0[address], now)


def _within_limits(edit: Edit, joints: Ids, angle: Array) -> Array:
    """Return angles `(n, k)` moved into the remaining ranges of their joints.

    Some robots start outside of a range, and part of it may be cut off.
    """
    model = edit.model
    limits = edit["jnt_range"] if "jnt_range" in edit else model.jnt_range[None]
    limited = model.jnt_limited[joints].astype(bool)
    low, high = limits[:, joints, 0], limits[:, joints, 1]
    return np.where(limited, np.clip(angle, low, high), angle)


def _refuse_disabled(
    model: mujoco.MjModel, owner: str, flag: str, bit: mujoco.mjtDisableBit
) -> None:
    """Refuse models in which the constraints that the damage is made of are switched off.

    Raises:
        FastadaptError: they are.
    """
    for name, off in ((flag, bit), ("constraint", mujoco.mjtDisableBit.mjDSBL_CONSTRAINT)):
        if model.opt.disableflags & int(off):
            raise FastadaptError(
                f"Perturbation '{owner}' has no effect on a model with <flag {name}=\"disable\"/>. "
                "Take the flag out of the model, or leave the perturbation out."
            )


def refuse_unlimitable(
    model: mujoco.MjModel, names: tuple[str, ...], owner: str, what: str
) -> None:
    """Refuse joints with more than one degree of freedom.

    Raises:
        FastadaptError: it is a ball joint or free.
    """
    for name in names:
        kind = mujoco.mjtJoint(int(model.joint(name).type[0])).name.removeprefix("mjJNT_").lower()
        if kind in ("ball", "free"):
            raise FastadaptError(
                f"Perturbation '{owner}': joint '{name}' is a {kind} joint and cannot {what}; only "
                "hinges and slides can. Leave it out of the targets."
            )
