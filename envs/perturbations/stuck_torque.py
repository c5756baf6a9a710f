"""An actuator that pushes with a constant force, whatever it is told."""

from __future__ import annotations

from typing import ClassVar, Literal

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.perturbations.actuator import limited_joints, refuse_nonlinear
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError


class StuckTorque(Perturbation):
    """An actuator that gives a constant `share` of its full force, whatever the command.

    Writes `actuator_forcelimited` and `actuator_forcerange`: limits that leave room for one value
    are exact for motors and servos alike. Full is what the actuator can give: its force range, or
    gain times command range, or the limit of its joint (a weak one has less of it). Unit: pure
    number in [-1, 1]; negative pushes the other way. Derived constants stay valid. Source: MuJoCo
    documentation, XML reference, actuator/forcerange.
    """

    kind: Literal["stuck-torque"]
    share: Law

    target_type: ClassVar = "actuator"
    parameters: ClassVar = (
        Parameter("stuck", "-", 0.0, 0.0, 1.0, struck=1.0),
        Parameter("share", "-", 0.0, -1.0, 1.0),
    )
    fields: ClassVar = ("actuator_forcelimited", "actuator_forcerange")
    stale: ClassVar = False
    stage: ClassVar = 2

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the actuators; each must have a limit to take a share of."""
        names = super().resolve(model)
        refuse_nonlinear(model, names, self.name)
        for name in names:
            if not _limited(model, np.array([model.actuator(name).id])).any():
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


def _limited(model: mujoco.MjModel, actuators: Ids) -> np.ndarray:
    """Return by what the force of actuators is limited, `(3, k)`: itself, command, joint."""
    motor = model.actuator_biastype[actuators] == mujoco.mjtBias.mjBIAS_NONE
    motor &= model.actuator_gaintype[actuators] == mujoco.mjtGain.mjGAIN_FIXED
    motor &= model.actuator_dyntype[actuators] == mujoco.mjtDyn.mjDYN_NONE
    by_joint = np.zeros(len(actuators), bool)
    by_joint[limited_joints(model, actuators)[0]] = True
    command = motor & model.actuator_ctrllimited[actuators].astype(bool)
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


def _within(ends: Array, limits: Array) -> Array:
    """Return intervals `(..., 2)` cut to limits."""
    return np.clip(ends, limits[..., :1], limits[..., 1:])
