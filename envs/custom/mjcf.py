"""Additions to a custom robot's MJCF before it is compiled: names, servos, floor, camera."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal

import mujoco
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from fastadapt.envs.custom.files import ModelFiles
from fastadapt.errors import FastadaptError, unknown_name

SCALAR = (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE))
NOMINAL = "fastadapt nominal"
"""Name of the keyframe that is added for the nominal pose."""
CAMERA = "fastadapt camera"
"""Name of the camera that is added for pictures."""


class Servo(BaseModel):
    """Position servos that replace actuators, or drive joints without one."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    joints: tuple[str, ...] = Field(min_length=1)
    """Names or patterns of the joints."""
    kp: float = Field(gt=0)
    """Stiffness [N m/rad, or N/m]."""
    kd: float = Field(default=0.0, ge=0)
    """Damping [N m s/rad, or N s/m]."""
    force: float | None = Field(default=None, gt=0)
    """Largest torque or force [N m or N] (default: that of the replaced motor)."""


def load_spec(files: ModelFiles) -> mujoco.MjSpec:
    """Read an MJCF file and name the elements that have no name.

    Raises:
        FastadaptError: MuJoCo cannot read it.
    """
    spec = files.spec()
    try:
        _name_parts(spec)
    except UnicodeDecodeError:
        raise FastadaptError(
            f"A name in '{files.model}' is not in UTF-8, which MuJoCo takes all names for. Save "
            "it as UTF-8."
        ) from None
    return spec


def _name_parts(spec: mujoco.MjSpec) -> None:
    """Name bodies, joints, geoms and actuators that have no name."""
    # Parents come first. A free joint stays unnamed, so that the pattern "*" leaves it out.
    world = spec.worldbody.name
    _name(spec.bodies[1:], lambda body: f"{body.parent.name}_body".removeprefix(f"{world}_"))
    _name([j for j in spec.joints if int(j.type) in SCALAR], lambda joint: joint.parent.name)
    _name(spec.geoms, lambda geom: geom.parent.name)
    _name(spec.actuators, lambda actuator: actuator.target)


def remove(spec: mujoco.MjSpec, names: Iterable[str]) -> None:
    """Delete named bodies (with all references), joints, geoms, actuators and equalities.

    Raises:
        FastadaptError: no element has that name.
    """
    for name in names:
        kinds = (spec.bodies[1:], spec.joints, spec.geoms, spec.actuators, spec.equalities)
        found = next((e for kind in kinds for e in kind if e.name == name), None)
        if found is None:
            raise unknown_name(
                "part to remove called", name, {e.name for kind in kinds for e in kind if e.name}
            )
        spec.delete(found)


def add_servos(spec: mujoco.MjSpec, servos: Iterable[Servo]) -> None:
    """Add position servos to joints, in place of their actuators.

    Raises:
        FastadaptError: there is no such joint, or it is not a hinge or slide.
    """
    joints = {joint.name: joint for joint in spec.joints if int(joint.type) in SCALAR}
    for servo in servos:
        for name in matched("servos: there is no hinge or slide", servo.joints, joints):
            old = [a for a in spec.actuators if a.target == name]
            label, force = name, servo.force
            for actuator in old:
                label = actuator.name
                force = force or _largest(actuator)
                spec.delete(actuator)
            new = spec.add_actuator(name=label, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
            new.gaintype, new.biastype = mujoco.mjtGain.mjGAIN_FIXED, mujoco.mjtBias.mjBIAS_AFFINE
            new.gainprm[0] = servo.kp
            new.biasprm[:3] = [0.0, -servo.kp, -servo.kd]
            new.inheritrange = 0.0
            if force:
                new.forcelimited, new.forcerange = 1, np.array([-force, force])


def matched(what: str, patterns: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return the names that match any of the patterns, in their order.

    Raises:
        FastadaptError: a pattern matches none.
    """
    known = list(names)
    for pattern in patterns:
        if not fnmatch.filter(known, pattern):
            tail = str(unknown_name("x", pattern, known)).split("'.", 1)[-1]
            raise FastadaptError(f"{what} '{pattern}'.{tail}")
    return [n for n in known if any(fnmatch.fnmatchcase(n, p) for p in patterns)]


def add_floor(spec: mujoco.MjSpec) -> None:
    """Add a plane at height 0, with MuJoCo's friction of 1, and a light."""
    spec.worldbody.add_geom(
        name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0, 0, 0.05],
        rgba=[0.85, 0.87, 0.9, 1.0],
    )  # fmt: skip
    if not spec.lights:
        spec.worldbody.add_light(pos=[0, 0, 5], dir=[0, 0, -1])


def has_ground(spec: mujoco.MjSpec) -> bool:
    """Return whether the world body has a geom that collides."""
    return any(geom.contype or geom.conaffinity for geom in spec.worldbody.geoms)


def add_camera(spec: mujoco.MjSpec, root: str, extent: float) -> None:
    """Add a camera that tracks the root from the side."""
    body = spec.body(root)
    away = 2.2 * max(extent, 0.05)
    camera = body.add_camera(name=CAMERA, pos=[0.35 * away, -away, 0.35 * away])
    camera.mode = mujoco.mjtCamLight.mjCAMLIGHT_TRACK
    camera.alt.type = mujoco.mjtOrientation.mjORIENTATION_XYAXES
    forward = np.array([-0.35, 1.0, -0.35])
    right = np.cross(forward, [0, 0, 1.0])
    camera.alt.xyaxes = np.concatenate([right, np.cross(right, forward)])


def nominal_pose(
    model: mujoco.MjModel, keyframe: str | None, pose: Mapping[str, float | tuple[float, ...]]
) -> tuple[Any, Any]:
    """Return `qpos` and `ctrl` of the nominal pose.

    Args:
        model: the compiled model.
        keyframe: one of its keyframes; None: the first one, or `qpos0` where there is none.
        pose: positions of joints that differ from it.

    Raises:
        FastadaptError: there is no such keyframe or joint, or a position has the wrong length.
    """
    keys = [model.key(i).name for i in range(model.nkey)]
    if keyframe is not None and keyframe not in keys:
        raise unknown_name("keyframe", keyframe, keys)
    index = keys.index(keyframe) if keyframe is not None else 0
    qpos = model.key_qpos[index].copy() if keys else model.qpos0.copy()
    ctrl = model.key_ctrl[index].copy() if keys else np.zeros(model.nu)
    for name, value in pose.items():
        joint = _joint_called(model, name)
        size = {0: 7, 1: 4}.get(int(model.jnt_type[joint]), 1)
        numbers = np.atleast_1d(np.asarray(value, float))
        if len(numbers) != size:
            raise FastadaptError(
                f"environment.pose: joint '{name}' has {size} positions, not {len(numbers)}"
                f"{' (x, y, z, and a quaternion w, x, y, z)' if size == 7 else ''}."
            )
        first = int(model.jnt_qposadr[joint])
        qpos[first : first + size] = numbers
    return qpos, ctrl


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


def lowest_gap(model: mujoco.MjModel, qpos: Any) -> float | None:
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
    planes = np.flatnonzero(
        solid & (model.geom_type == int(mujoco.mjtGeom.mjGEOM_PLANE)) & (model.geom_bodyid == 0)
    )
    moving = np.flatnonzero(solid & (model.body_weldid[model.geom_bodyid] > 0))
    if not len(planes) or not len(moving):
        return None
    gaps = [
        mujoco.mj_geomDistance(model, data, int(planes[0]), int(geom), 100.0, None)
        for geom in moving
    ]
    return float(min(gaps))


def add_keyframe(spec: mujoco.MjSpec, qpos: Any, ctrl: Any) -> None:
    """Add the nominal pose as a keyframe."""
    spec.add_key(name=NOMINAL, qpos=list(qpos), ctrl=list(ctrl))


Integrator = Literal["euler", "rk4", "implicit", "implicitfast"]
INTEGRATORS = {
    "euler": mujoco.mjtIntegrator.mjINT_EULER,
    "rk4": mujoco.mjtIntegrator.mjINT_RK4,
    "implicit": mujoco.mjtIntegrator.mjINT_IMPLICIT,
    "implicitfast": mujoco.mjtIntegrator.mjINT_IMPLICITFAST,
}


def _name(elements: Iterable[Any], name: Any) -> None:
    """Name unnamed elements after their body; names do not change the physics."""
    taken = {element.name for element in elements if element.name}
    numbers: dict[str, int] = {}
    for element in elements:
        if not element.name:
            element.name = free_name(name(element) or "part", taken, numbers)
            taken.add(element.name)


def free_name(base: str, taken: Collection[str], numbers: dict[str, int] | None = None) -> str:
    """Return a name that no other element has: `base`, or else `base_2`, `base_3` and so on.

    Args:
        base: the wanted name.
        taken: the names of the other elements.
        numbers: the last number that was given to each base, kept from call to call so that many
            elements do not count from the start.
    """
    numbers = {} if numbers is None else numbers
    label, number = base, numbers.get(base, 1)
    while label in taken:
        number += 1
        label = f"{base}_{number}"
    numbers[base] = number
    return label


def _largest(actuator: Any) -> float | None:
    """Return the largest torque of a motor, None if nothing limits it."""
    gear = abs(actuator.gear[0])
    if actuator.forcelimited == 1 or np.ptp(actuator.forcerange) > 0:
        return float(np.abs(actuator.forcerange).max() * gear)
    if actuator.biastype == mujoco.mjtBias.mjBIAS_NONE and np.ptp(actuator.ctrlrange) > 0:
        return float(np.abs(actuator.ctrlrange).max() * abs(actuator.gainprm[0]) * gear)
    return None
