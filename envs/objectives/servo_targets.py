"""Actions that move the targets of position servos, rather than set them."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.simulation.interface import Simulation


class ServoTargets:
    """Targets of position servos, moved step by step.

    The targets are the controls of the simulations (`ctrl`): nothing else has to be kept, restored
    or reset. An episode that has ended keeps its own.
    """

    def __init__(self, sim: Simulation, increments: tuple[float, ...], leash: float) -> None:
        """Keep how far an action of 1 moves each target and how far it may get away `(nu,)`."""
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
        """Return the targets `(N, nu)` after actions `(N, nu)`, which count up to +-1."""
        target = self._targets + self._increments * np.clip(action, -1.0, 1.0)
        target = np.clip(target, self._places - self._leash, self._places + self._leash)
        return np.clip(target, self._low, self._high)

    def follow(self, ids: Ids, qpos: NDArray[np.intp], moved: Array) -> None:
        """Move targets along with joints: positions at `qpos` `(k,)` were moved by `(n, k)`."""
        for actuator, address in enumerate(self._qpos):
            columns = np.flatnonzero(qpos == address)
            if len(columns):
                follows = self._gear[actuator] * moved[:, columns[0]]
                self._targets[ids, actuator] += follows

    def errors(self) -> Array:
        """Return targets minus positions of the actuators, `(N, nu)`."""
        return self._targets - self._places


def joint_unit(model: mujoco.MjModel, joint: str) -> str:
    """Return the unit of the position of a joint with one degree of freedom."""
    return _UNITS[int(model.joint(joint).type[0])]


def length_unit(model: mujoco.MjModel, actuator: int) -> str:
    """Return the unit of the position that a servo controls: a joint's, or a tendon's."""
    target = model.actuator_trnid[actuator, 0]
    if model.actuator_trntype[actuator] == mujoco.mjtTrn.mjTRN_JOINT:
        return _UNITS.get(int(model.jnt_type[target]), "rad")
    return "m"


_UNITS = {int(mujoco.mjtJoint.mjJNT_HINGE): "rad", int(mujoco.mjtJoint.mjJNT_SLIDE): "m"}
