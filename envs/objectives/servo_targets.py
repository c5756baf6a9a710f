"""Incremental position control: actions displace the targets of servos."""

from __future__ import annotations

from collections.abc import Mapping

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.model.actuators import is_servo
from fastadapt.envs.model.names import value_by_pattern
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.errors import FastadaptError

_HINGE_SPEED, _SLIDE_SPEED = 1.0, 0.1
"""Default speed of a target at an action of 1 [rad/s, m/s]."""


class ServoTargets:
    """Targets of position servos, displaced step by step.

    The targets are the controls of the simulations (`ctrl`), so there is no other state to save,
    restore or reset. They stay as they are in an episode that has ended.
    """

    def __init__(self, sim: Simulation, increments: tuple[float, ...], leash: float) -> None:
        """Bind to N simulations.

        Args:
            sim: the simulations.
            increments: displacement of each target by an action of 1, `(nu,)` [rad or m].
            leash: largest distance of a target from its actuator's position [rad or m].
        """
        self._targets, self._places = sim.data("ctrl"), sim.data("actuator_length")
        self._increments = np.array(increments)
        self._leash = leash
        model = sim.model
        limited = model.actuator_ctrllimited.astype(bool)
        ends = np.where(limited, model.actuator_ctrlrange.T, [[-np.inf], [np.inf]])
        self._low, self._high = ends
        self._gear = model.actuator_gear[:, 0]
        joint = model.actuator_trntype == mujoco.mjtTrn.mjTRN_JOINT
        owner = np.where(joint, model.actuator_trnid[:, 0], 0)
        self._qpos = np.where(joint, model.jnt_qposadr[owner], -1)

    def moved(self, action: Array) -> Array:
        """Return the targets `(N, nu)` after actions `(N, nu)`, which are clipped to +-1."""
        target = self._targets + self._increments * np.clip(action, -1.0, 1.0)
        target = np.clip(target, self._places - self._leash, self._places + self._leash)
        return np.clip(target, self._low, self._high)

    def follow(self, ids: Ids, qpos: Ids, moved: Array) -> None:
        """Displace targets together with their joints.

        Args:
            ids: which n simulations.
            qpos: addresses of the joints' positions, `(k,)`.
            moved: displacement of the joints, `(n, k)` [rad or m].
        """
        for actuator, address in enumerate(self._qpos):
            columns = np.flatnonzero(qpos == address)
            if len(columns):
                follows = self._gear[actuator] * moved[:, columns[0]]
                self._targets[ids, actuator] += follows

    def errors(self) -> Array:
        """Return targets minus positions of the actuators, `(N, nu)`."""
        return self._targets - self._places


def increments_of(
    model: mujoco.MjModel, given: float | Mapping[str, float] | None, control_step: float
) -> tuple[float, ...]:
    """Return the displacement of each target by an action of 1, `(nu,)`; empty without servos.

    Args:
        model: the compiled robot.
        given: one displacement for all, or by pattern; None: 1 rad/s and 0.1 m/s.
        control_step: duration of a control step [s].

    Raises:
        FastadaptError: some actuators are servos and others are not, or a pattern is missing.
    """
    servos = [is_servo(model, i) for i in range(model.nu)]
    if not any(servos):
        return ()
    if not all(servos):
        odd = model.actuator(servos.index(False)).name
        raise FastadaptError(
            f"Actuator '{odd}' is not a position servo, but others are; bring-object needs all of "
            "one kind. Replace it with servos = [{ joints = [...], kp = ... }]."
        )
    if isinstance(given, float | int):
        return (given,) * model.nu
    if given is not None:
        names = [model.actuator(i).name for i in range(model.nu)]
        return tuple(value_by_pattern("environment.increments", given, name) for name in names)
    hinge = int(mujoco.mjtJoint.mjJNT_HINGE)
    types = model.jnt_type[model.actuator_trnid[:, 0]]
    speeds = [_HINGE_SPEED if kind == hinge else _SLIDE_SPEED for kind in types]
    return tuple(speed * control_step for speed in speeds)


def joint_unit(model: mujoco.MjModel, joint: str) -> str:
    """Return the unit of the position of a joint with one degree of freedom."""
    return _UNITS[int(model.joint(joint).type[0])]


def length_unit(model: mujoco.MjModel, actuator: int) -> str:
    """Return the unit of the position that a servo controls, of a joint or a tendon."""
    target = model.actuator_trnid[actuator, 0]
    if model.actuator_trntype[actuator] == mujoco.mjtTrn.mjTRN_JOINT:
        return _UNITS.get(int(model.jnt_type[target]), "rad")
    return "m"


_UNITS = {int(mujoco.mjtJoint.mjJNT_HINGE): "rad", int(mujoco.mjtJoint.mjJNT_SLIDE): "m"}
