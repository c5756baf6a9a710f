"""Nominal pose of a custom robot: a keyframe, declared joint positions, and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array
from fastadapt.errors import FastadaptError, unknown_name

_SCALAR = (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE))
_EQUALITY = int(mujoco.mjtEq.mjEQ_JOINT)


@dataclass
class Pose:
    """Positions `(nq,)`, controls `(nu,)` and activations `(na,)`."""

    qpos: Array
    ctrl: Array
    act: Array


@dataclass(frozen=True)
class Keyframe:
    """A keyframe by the names of joints and actuators, so that it outlives removed parts."""

    positions: Mapping[str, Array]
    controls: Mapping[str, float]
    activations: Mapping[str, Array]

    def of(self, model: mujoco.MjModel) -> Pose:
        """Return the keyframe for a model that has some of its joints and actuators."""
        pose = Pose(model.qpos0.copy(), np.zeros(model.nu), np.zeros(model.na))
        for joint in range(model.njnt):
            places = positions_of(model, joint)
            known = self.positions.get(_label(model, joint))
            if known is not None and len(known) == places.stop - places.start:
                pose.qpos[places] = known
        for i in range(model.nu):
            name = model.actuator(i).name
            pose.ctrl[i] = self.controls.get(name, 0.0)
            known = self.activations.get(name)
            if known is not None and len(known) == int(model.actuator_actnum[i]):
                pose.act[_activations_of(model, i)] = known
        return pose


def keyframe_of(model: mujoco.MjModel, keyframe: str | None) -> Keyframe:
    """Return a keyframe of a model; None: the first one, or `qpos0` where there is none.

    Raises:
        FastadaptError: there is no keyframe of that name.
    """
    keys = [model.key(i).name for i in range(model.nkey)]
    if keyframe is not None and keyframe not in keys:
        raise unknown_name("keyframe", keyframe, keys)
    if not keys:
        return Keyframe({}, {}, {})
    index = keys.index(keyframe) if keyframe is not None else 0
    qpos, ctrl, act = model.key_qpos[index], model.key_ctrl[index], model.key_act[index]
    names = [model.actuator(i).name for i in range(model.nactuator)]
    return Keyframe(
        {_label(model, j): qpos[positions_of(model, j)].copy() for j in range(model.njnt)},
        {name: float(ctrl[model.actuator_ctrladr[i]]) for i, name in enumerate(names)},
        {name: act[_activations_of(model, i)].copy() for i, name in enumerate(names)},
    )


def declare(
    model: mujoco.MjModel, qpos: Array, pose: Mapping[str, float | tuple[float, ...]]
) -> set[int]:
    """Write declared joint positions into `qpos`; coupled joints follow.

    Args:
        model: the compiled model.
        qpos: the pose, `(nq,)`.
        pose: positions by the name of a joint, or of the body of a joint without a name.

    Returns:
        The joints that are declared, or follow from those that are.

    Raises:
        FastadaptError: there is no such joint, or a position has the wrong length.
    """
    posed: set[int] = set()
    for name, value in pose.items():
        joint = _joint_called(model, name)
        places = positions_of(model, joint)
        size = places.stop - places.start
        numbers = np.atleast_1d(np.asarray(value, float))
        if len(numbers) != size:
            raise FastadaptError(
                f"environment.pose: joint '{name}' has {size} positions, not {len(numbers)}"
                f"{' (x, y, z, and a quaternion w, x, y, z)' if size == 7 else ''}."
            )
        if size > 1 and not np.linalg.norm(numbers[-4:]) > 0:
            raise FastadaptError(f"environment.pose: the quaternion of joint '{name}' is 0.")
        if size > 1:
            numbers[-4:] /= np.linalg.norm(numbers[-4:])
        qpos[places] = numbers
        posed.add(joint)
    return posed | _follow(model, qpos, posed)


def _follow(model: mujoco.MjModel, qpos: Array, posed: set[int]) -> set[int]:
    """Move the joints that active equalities couple to posed ones; return them."""
    followed: set[int] = set()
    for _ in range(model.neq):  # couplings may form a chain
        before = len(followed)
        for i in np.flatnonzero(model.eq_active0 & (model.eq_type == _EQUALITY)):
            first, second = int(model.eq_obj1id[i]), int(model.eq_obj2id[i])
            known = posed | followed
            if second < 0 or (first in known) == (second in known):
                continue
            a, b = int(model.jnt_qposadr[first]), int(model.jnt_qposadr[second])
            polynomial = np.polynomial.Polynomial(model.eq_data[i, :5])
            if second in known:
                qpos[a] = model.qpos0[a] + polynomial(qpos[b] - model.qpos0[b])
                followed.add(first)
            else:
                roots = (polynomial - (qpos[a] - model.qpos0[a])).roots()
                real = roots[np.abs(np.imag(roots)) < 1e-9].real
                if len(real):
                    away = real - (qpos[b] - model.qpos0[b])
                    qpos[b] = model.qpos0[b] + real[np.abs(away).argmin()]
                    followed.add(second)
        if len(followed) == before:
            break
    return followed


def clip(model: mujoco.MjModel, qpos: Array) -> list[str]:
    """Move hinges and slides of a pose into their ranges; return the names of those that moved."""
    moved = []
    for joint in np.flatnonzero(model.jnt_limited):
        place, scalar = int(model.jnt_qposadr[joint]), int(model.jnt_type[joint]) in _SCALAR
        within = float(np.clip(qpos[place], *model.jnt_range[joint]))
        if scalar and abs(within - qpos[place]) > 1e-9:
            qpos[place] = within
            moved.append(model.joint(int(joint)).name)
    return moved


def positions_of(model: mujoco.MjModel, joint: int) -> slice:
    """Return the part of `qpos` that is the position of a joint."""
    first = int(model.jnt_qposadr[joint])
    return slice(first, first + {0: 7, 1: 4}.get(int(model.jnt_type[joint]), 1))


def _activations_of(model: mujoco.MjModel, actuator: int) -> slice:
    first = max(int(model.actuator_actadr[actuator]), 0)
    return slice(first, first + int(model.actuator_actnum[actuator]))


def _label(model: mujoco.MjModel, joint: int) -> str:
    """Return the name of a joint; of one without a name, its place on its body."""
    body = int(model.jnt_bodyid[joint])
    place = f"{model.body(body).name}[{joint - int(model.body_jntadr[body])}]"
    return model.joint(joint).name or place


def _joint_called(model: mujoco.MjModel, name: str) -> int:
    """Return the joint of that name, or the only joint of the body of that name."""
    joint = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, name)
    body = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, name)
    if joint < 0 and body > 0 and model.body_jntnum[body] == 1:
        joint = int(model.body_jntadr[body])
    if joint < 0:
        joints = [(model.joint(j).name, int(model.jnt_bodyid[j])) for j in range(model.njnt)]
        known = [joint or model.body(owner).name for joint, owner in joints]
        raise unknown_name("joint (in environment.pose) called", name, known)
    return joint


def lowest_gap(model: mujoco.MjModel, qpos: Array) -> float | None:
    """Return the height of the robot's lowest point above the ground plane [m].

    None without a ground plane, or without a moving geom that collides.

    Args:
        model: the compiled model.
        qpos: the pose, `(nq,)`.
    """
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    mujoco.mj_kinematics(model, data)
    solid = (model.geom_contype > 0) | (model.geom_conaffinity > 0)
    static = (model.body_weldid == 0) & (model.body_mocapid < 0)
    plane = model.geom_type == int(mujoco.mjtGeom.mjGEOM_PLANE)
    planes = np.flatnonzero(solid & plane & static[model.geom_bodyid])
    moving = np.flatnonzero(solid & (model.body_weldid[model.geom_bodyid] > 0))
    if not len(planes) or not len(moving):
        return None
    gaps = [
        mujoco.mj_geomDistance(model, data, int(planes[0]), int(geom), 100.0, None)
        for geom in moving
    ]
    return float(min(gaps))
