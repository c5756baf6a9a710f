"""Joints that actuators move, and the forces of actuators on joints, tendons, sites or bodies."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array
from fastadapt.envs.sanity.bench import Bench

_HINGE = int(mujoco.mjtJoint.mjJNT_HINGE)


def joint_of(model: mujoco.MjModel, target: str) -> int | None:
    """Return the joint of that name, or the joint of the actuator of that name; None: neither."""
    joint = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, target)
    if joint >= 0:
        return joint
    actuator = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_ACTUATOR, target)
    on_joint = int(mujoco.mjtTrn.mjTRN_JOINT)
    if actuator >= 0 and int(model.actuator_trntype[actuator]) == on_joint:
        return int(model.actuator_trnid[actuator, 0])
    return None


def mover_of(bench: Bench, target: str) -> int | None:
    """Return the actuator of that name, or the one that moves the joint of that name most."""
    model = bench.model
    actuator = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_ACTUATOR, target)
    if actuator >= 0:
        return actuator
    joint = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, target)
    if joint < 0 or model.nu == 0:
        return None
    mine = np.abs(_moments(bench)[:, model.jnt_dofadr[joint]])
    own = model.actuator_trntype == int(mujoco.mjtTrn.mjTRN_JOINT)
    own &= model.actuator_trnid[:, 0] == joint
    mine = np.where(own, np.inf, mine)  # its own motor takes precedence over one on a tendon
    return int(mine.argmax()) if mine.any() else None


def largest_force(bench: Bench, targets: list[str]) -> Array:
    """Return the largest static force of actuators at the ends of their commands [N, N m].

    Activations are those that a command leads to in the end.

    Args:
        bench: the robots, in the state after a reset, which is kept.
        targets: names of actuators, one for each robot.
    """
    model, sim = bench.model, bench.sim
    actuators = np.array([model.actuator(target).id for target in targets])
    limited = model.actuator_ctrllimited[actuators].astype(bool)
    ends = np.where(limited, model.actuator_ctrlrange[actuators].T, [[-1.0], [1.0]])
    rows, before = np.arange(len(targets)), sim.data("ctrl").copy()
    acted = sim.data("act").copy()
    forces = sim.data("actuator_force")
    found = []
    for end in ends:
        sim.data("ctrl")[rows, actuators] = end
        _settle(bench, actuators, end)
        sim.forward()
        found.append(np.abs(forces[rows, actuators]))
    sim.data("ctrl")[:], sim.data("act")[:] = before, acted
    sim.forward()
    return np.max(found, axis=0)


def _settle(bench: Bench, actuators: NDArray[np.intp], commands: Array) -> None:
    """Set the activation of an actuator of each robot to where a constant command leads it."""
    model, act = bench.model, bench.sim.data("act")
    for row, (actuator, command) in enumerate(zip(actuators, commands, strict=True)):
        if model.actuator_actnum[actuator] < 1:
            continue
        last = int(model.actuator_actadr[actuator] + model.actuator_actnum[actuator] - 1)
        low, high = model.actuator_actrange[actuator]
        limited = bool(model.actuator_actlimited[actuator])
        value = float(command)
        if int(model.actuator_dyntype[actuator]) == int(mujoco.mjtDyn.mjDYN_MUSCLE):
            value = min(max(value, 0.0), 1.0)
        elif int(model.actuator_dyntype[actuator]) == int(mujoco.mjtDyn.mjDYN_INTEGRATOR):
            value = (high if command > 0 else low) if limited else value  # after 1 s
        act[row, last] = min(max(value, low), high) if limited else value


def force_unit(model: mujoco.MjModel, target: str) -> str:
    """Return the unit of `largest_force` for an actuator."""
    actuator = model.actuator(target).id
    kind, moved = int(model.actuator_trntype[actuator]), int(model.actuator_trnid[actuator, 0])
    if kind == int(mujoco.mjtTrn.mjTRN_TENDON):
        first = model.tendon_adr[moved]
        wraps = slice(first, first + model.tendon_num[moved])
        joints = model.wrap_objid[wraps][model.wrap_type[wraps] == int(mujoco.mjtWrap.mjWRAP_JOINT)]
        return "N m" if len(joints) and (model.jnt_type[joints] == _HINGE).all() else "N"
    turns = model.actuator_gear[actuator, 3:].any() and not model.actuator_gear[actuator, :3].any()
    return "N m" if kind == int(mujoco.mjtTrn.mjTRN_SITE) and turns else "N"


def _moments(bench: Bench) -> Array:
    """Return the moment arms of the actuators in the state of robot 0, `(nu, nv)`."""
    model, data = bench.model, bench.nominal_data()
    dense = np.zeros((model.nu, model.nv))
    mujoco.mju_sparse2dense(
        dense,
        data.actuator_moment.ravel(),
        data.moment_rownnz,
        data.moment_rowadr,
        data.moment_colind.ravel(),
    )
    return dense
