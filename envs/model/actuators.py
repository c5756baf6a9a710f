"""Kinds of actuators, and the activations with which they hold a pose."""

from __future__ import annotations

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array

_FILTERS = (
    int(mujoco.mjtDyn.mjDYN_NONE),
    int(mujoco.mjtDyn.mjDYN_FILTER),
    int(mujoco.mjtDyn.mjDYN_FILTEREXACT),
)

_POSITION = 1
"""Bit of `actuator_ctrlspec` of a `<pid>` whose only input is a position."""


def on_joint(model: mujoco.MjModel, actuator: int) -> bool:
    """Return whether an actuator drives a joint."""
    return int(model.actuator_trntype[actuator]) == int(mujoco.mjtTrn.mjTRN_JOINT)


def is_servo(model: mujoco.MjModel, actuator: int) -> bool:
    """Return whether an actuator is a position servo on a joint: force = kp (target - q) - ...

    The target is the control, or the filtered control. Where the control is a velocity that is
    integrated (`intvelocity`), it is no position servo. A `<pid>` whose input is a position is one.
    """
    dynamics = int(model.actuator_dyntype[actuator])
    regulates = (
        on_joint(model, actuator)
        and int(model.actuator_gaintype[actuator]) == int(mujoco.mjtGain.mjGAIN_PID)
        and int(model.actuator_ctrlspec[actuator]) == _POSITION
    )
    return regulates or (dynamics in _FILTERS and _follows_position(model, actuator))


def activations(model: mujoco.MjModel, qpos: Array, ctrl: Array, act: Array) -> Array:
    """Return the activations that hold a pose, `(na,)`.

    A filtered servo has reached its control, and an integrated velocity the position of its joint;
    other actuators have the given activation.

    Args:
        model: the compiled model.
        qpos: the pose, `(nq,)`.
        ctrl: the controls in that pose, `(nu,)`.
        act: the activations of the keyframe, or zeros, `(na,)`.
    """
    found = np.array(act, float)
    for i in range(model.nu):
        last = int(model.actuator_actadr[i] + model.actuator_actnum[i]) - 1
        if model.actuator_actadr[i] < 0 or not _follows_position(model, i):
            continue
        if int(model.actuator_dyntype[i]) in _FILTERS:
            found[last] = ctrl[i]
        elif int(model.actuator_dyntype[i]) == int(mujoco.mjtDyn.mjDYN_INTEGRATOR):
            joint = int(model.actuator_trnid[i, 0])
            found[last] = model.actuator_gear[i, 0] * qpos[model.jnt_qposadr[joint]]
    return found


def _follows_position(model: mujoco.MjModel, actuator: int) -> bool:
    """Return whether its force is kp (something - position of the joint) - ..."""
    kp = model.actuator_gainprm[actuator, 0]
    return bool(
        on_joint(model, actuator)
        and int(model.actuator_gaintype[actuator]) == int(mujoco.mjtGain.mjGAIN_FIXED)
        and int(model.actuator_biastype[actuator]) == int(mujoco.mjtBias.mjBIAS_AFFINE)
        and kp > 0
        and model.actuator_biasprm[actuator, 1] == -kp
    )
