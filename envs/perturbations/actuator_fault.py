"""Faults of actuators: a stuck torque, and a loose contact that interrupts the power."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.perturbations.actuator import (
    WeakActuator,
    force_entries,
    limited_joints,
    refuse_compensating,
    refuse_nonlinear,
    scale_force,
)
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError

if TYPE_CHECKING:
    from fastadapt.envs.environment import Environment


class StuckTorque(Perturbation):
    """An actuator that gives a constant `share` of its full force, whatever the command.

    Writes `actuator_forcelimited` and `actuator_forcerange`: equal lower and upper limits
    are exact for motors and servos alike. The full force is the force range, or gain times command
    range, or the limit of the joint (a weak actuator has less of it), or the peak force of a
    muscle. Unit: pure number in [-1, 1]; negative pushes the other way. A muscle only pulls: its
    share is negative, as its force is in MuJoCo. Derived constants stay valid. Source: MuJoCo
    documentation, XML reference, actuator/forcerange.
    """

    kind: Literal["stuck-torque"]
    share: Law

    target_type: ClassVar = "actuator"
    damage: ClassVar = True
    parameters: ClassVar = (
        Parameter("stuck", "-", 0.0, 0.0, 1.0, default=1.0),
        Parameter("share", "-", 0.0, -1.0, 1.0),
    )
    fields: ClassVar = ("actuator_forcelimited", "actuator_forcerange")
    stage: ClassVar = 2
    probe: ClassVar = "drive"

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the actuators, whose force must have a limit."""
        names = super().resolve(model)
        refuse_nonlinear(model, names, self.name, muscles=True)
        refuse_compensating(model, names, self.name)
        for name in names:
            actuator = model.actuator(name).id
            if _is_muscle(model, actuator) and self.share.support()[1] > 0:
                raise FastadaptError(
                    f"Perturbation '{self.name}': actuator '{name}' is a muscle, which only pulls. "
                    "Give a share in [-1, 0]."
                )
            if not _limited(model, np.array([actuator])).any():
                raise FastadaptError(
                    f"Perturbation '{self.name}': actuator '{name}' has no limit of force to take "
                    "a share of. Give it a 'forcerange' (or, a motor, a 'ctrlrange') in the model."
                )
        return names

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        stuck, share = values[..., 0] > 0.5, values[..., 1]
        if not stuck.any():
            return
        low, high = _full_force(edit, targets)
        force = np.where(share >= 0, share * high, -share * low)
        rows, columns = np.nonzero(stuck)
        edit["actuator_forcelimited"][rows, targets[columns]] = True
        edit["actuator_forcerange"][rows, targets[columns]] = force[rows, columns, None]


class IntermittentActuator(Perturbation):
    """An actuator with a loose contact: unpowered `off_fraction` of the time, in random intervals.

    The intervals last `mean_off` seconds on average. Writes `actuator_gainprm`,
    `actuator_biasprm`, `actuator_forcerange`, `actuator_damping`, `actuator_dampingpoly`,
    `jnt_actfrcrange` and `tendon_actfrcrange` as a dead actuator does (no force at all, from a
    servo neither); unit: pure number in [0, 0.95] and s, at least one control
    step. Derived constants stay valid. Power fails and returns at the beginning of control steps,
    by a Markov chain of two states. Source: Gilbert 1960, "Capacity of a burst-noise channel".
    """

    kind: Literal["intermittent-actuator"]
    off_fraction: Law
    mean_off: Law

    target_type: ClassVar = "actuator"
    damage: ClassVar = True
    parameters: ClassVar = (
        Parameter("off_fraction", "-", 0.0, 0.0, 0.95),
        Parameter("mean_off", "s", 0.0, 0.0, 1e4),
    )
    fields: ClassVar = WeakActuator.fields
    intermittent: ClassVar = True
    probe: ClassVar = "power"

    def targets_in(self, environment: type[Environment]) -> tuple[str, ...]:
        """Return the names of the actuators; the distributions must fit whole control steps."""
        step = environment.control_step()
        length, fraction = self.mean_off.support()[0], self.off_fraction.support()[1]
        if length < step - 1e-9:
            raise FastadaptError(
                f"Perturbation '{self.name}': mean_off from {length:g} s is shorter than a control "
                f"step of '{environment.name}' ({step:g} s); begin at that."
            )
        most = length / (length + step)
        if fraction > most + 1e-9:
            raise FastadaptError(
                f"Perturbation '{self.name}': off_fraction up to {fraction:g} with mean_off from "
                f"{length:g} s leaves less than a control step with power; give at most {most:.3g}."
            )
        names = super().targets_in(environment)
        refuse_nonlinear(environment.model(), names, self.name, muscles=True)
        refuse_compensating(environment.model(), names, self.name)
        return names

    def entries_of(self, model: mujoco.MjModel, targets: Ids) -> dict[str, tuple[Ids, Ids]]:
        return force_entries(model, targets)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        # A target that is faulty at this step has its fraction, all others the nominal 0.
        scale_force(edit, targets, (values[..., 0] == 0).astype(float))


def _limited(model: mujoco.MjModel, actuators: Ids) -> np.ndarray:
    """Return what limits the force of actuators, `(3, k)`: itself, command or muscle, joint."""
    motor = model.actuator_biastype[actuators] == mujoco.mjtBias.mjBIAS_NONE
    motor &= model.actuator_gaintype[actuators] == mujoco.mjtGain.mjGAIN_FIXED
    motor &= model.actuator_dyntype[actuators] == mujoco.mjtDyn.mjDYN_NONE
    by_joint = np.zeros(len(actuators), bool)
    by_joint[limited_joints(model, actuators)[0]] = True
    command = motor & model.actuator_ctrllimited[actuators].astype(bool)
    command |= np.array([_is_muscle(model, int(actuator)) for actuator in actuators], bool)
    return np.array([model.actuator_forcelimited[actuators].astype(bool), command, by_joint])


def _full_force(edit: Edit, actuators: Ids) -> tuple[Array, Array]:
    """Return the most negative and the most positive force of actuators, `(n, k)` each."""
    model = edit.model
    itself, command, by_joint = _limited(model, actuators)
    shape = (len(edit.ids), len(actuators), 2)
    ends = np.broadcast_to(np.array([-np.inf, np.inf]), shape).copy()
    if command.any():
        gain = edit["actuator_gainprm"][:, actuators, :1]
        reach = np.sort(gain * model.actuator_ctrlrange[actuators], axis=-1)
        for column, actuator in enumerate(actuators):
            if _is_muscle(model, int(actuator)):
                peak = _peak_force(edit, int(actuator))
                reach[:, column] = np.stack([-peak, np.zeros_like(peak)], axis=-1)
        ends[:, command] = reach[:, command]
    if itself.any():
        own = edit["actuator_forcerange"][:, actuators]
        ends[:, itself] = _within(ends[:, itself], own[:, itself])
    if by_joint.any():
        columns, joints = limited_joints(model, actuators)
        gear = model.actuator_gear[actuators[columns], :1]
        limit = np.sort(edit["jnt_actfrcrange"][:, joints] / gear, axis=-1)
        ends[:, columns] = _within(ends[:, columns], limit)
    return np.minimum(ends[..., 0], 0.0), np.maximum(ends[..., 1], 0.0)


def _is_muscle(model: mujoco.MjModel, actuator: int) -> bool:
    return int(model.actuator_gaintype[actuator]) == int(mujoco.mjtGain.mjGAIN_MUSCLE)


def _peak_force(edit: Edit, actuator: int) -> Array:
    """Return the force of a muscle at full activation, at rest and its best length, `(n,)` [N]."""
    force, scale = np.moveaxis(edit["actuator_gainprm"][:, actuator, 2:4], 1, 0)
    given = edit.model.actuator_gainprm[actuator, 2] >= 0
    return force if given else scale / max(edit.model.actuator_acc0[actuator], mujoco.mjMINVAL)


def _within(ends: Array, limits: Array) -> Array:
    """Return intervals `(..., 2)` cut to limits."""
    return np.clip(ends, limits[..., :1], limits[..., 1:])
