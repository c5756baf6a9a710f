"""Additions to a custom robot's MJCF before it is compiled: names, servos, floor, camera."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import mujoco
import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from fastadapt.envs.custom.files import ModelFiles
from fastadapt.envs.custom.pose import Pose
from fastadapt.envs.custom.removal import Part, delete
from fastadapt.envs.model.additions import (
    add_actuator,
    add_camera,
    add_geom,
    add_light,
    free_name,
    reserve_name,
)
from fastadapt.envs.model.names import fits
from fastadapt.errors import FastadaptError, unknown_name

SCALAR = (int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_SLIDE))
_ON_JOINTS = (mujoco.mjtTrn.mjTRN_JOINT, mujoco.mjtTrn.mjTRN_JOINTINPARENT)
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


def add_servos(spec: mujoco.MjSpec, servos: Iterable[Servo]) -> None:
    """Add position servos to joints, in place of their actuators.

    Raises:
        FastadaptError: there is no such joint, or it is not a hinge or slide.
    """
    joints = {joint.name: joint for joint in spec.joints if int(joint.type) in SCALAR}
    for servo in servos:
        for name in matched("servos: there is no hinge or slide", servo.joints, joints):
            old = [a for a in spec.actuators if a.target == name and a.trntype in _ON_JOINTS]
            label, force = old[-1].name if old else name, servo.force
            for actuator in old:
                force = force or _largest(actuator)
                if actuator is old[-1]:
                    spec.delete(actuator)  # the sensors of the last one are those of the servo
                else:
                    delete(spec, Part("actuator", actuator))
            new = add_actuator(
                spec,
                name=free_name(label, {a.name for a in spec.actuators}),
                target=name,
                trntype=mujoco.mjtTrn.mjTRN_JOINT,
                gaintype=mujoco.mjtGain.mjGAIN_FIXED,
                biastype=mujoco.mjtBias.mjBIAS_AFFINE,
            )
            new.gainprm[0] = servo.kp
            new.biasprm[:3] = [0.0, -servo.kp, -servo.kd]
            if force:
                new.forcelimited, new.forcerange = 1, np.array([-force, force])


def matched(what: str, patterns: Iterable[str], names: Iterable[str]) -> list[str]:
    """Return the names that match any of the patterns, in their order.

    Raises:
        FastadaptError: a pattern matches none.
    """
    known = list(names)
    for pattern in patterns:
        if not any(fits(name, pattern) for name in known):
            tail = str(unknown_name("x", pattern, known)).removeprefix(f"There is no x '{pattern}'")
            raise FastadaptError(f"{what} '{pattern}'{tail}")
    return [n for n in known if any(fits(n, p) for p in patterns)]


def add_floor(spec: mujoco.MjSpec) -> str:
    """Add a plane at height 0, with MuJoCo's friction of 1, and a light; return its name.

    It collides with everything that moves and collides with anything.
    """
    name = free_name("floor", {geom.name for geom in spec.geoms})
    moving = _geoms_that_move(spec)
    contype, conaffinity = 1, 1
    for geom in moving:
        if not _meet((contype, conaffinity), (geom.contype, geom.conaffinity)):
            contype, conaffinity = contype | geom.conaffinity, conaffinity | geom.contype
    add_geom(
        spec.worldbody,
        name=name,
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[0.0, 0.0, 0.05],
        contype=contype,
        conaffinity=conaffinity,
        rgba=[0.85, 0.87, 0.9, 1.0],
    )
    if not spec.lights:
        add_light(spec.worldbody, pos=[0.0, 0.0, 5.0], dir=[0.0, 0.0, -1.0])
    return name


def has_ground(spec: mujoco.MjSpec) -> bool:
    """Return whether something that is fixed collides with something that moves."""
    moving = {geom.name: (geom.contype, geom.conaffinity) for geom in _geoms_that_move(spec)}
    fixed = [geom for body in _fixed_bodies(spec) for geom in body.geoms]
    bits = {(geom.contype, geom.conaffinity) for geom in fixed}
    if any(_meet(one, other) for one in bits for other in set(moving.values())):
        return True
    names = {geom.name for geom in fixed}
    pairs = [{pair.geomname1, pair.geomname2} for pair in spec.pairs]
    return any(pair & names and pair & moving.keys() for pair in pairs)


def _meet(one: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether geoms with these `(contype, conaffinity)` collide."""
    return bool(one[0] & other[1] or one[1] & other[0])


def _fixed_bodies(spec: mujoco.MjSpec) -> list[Any]:
    """Return the world body and the bodies that are fixed to it, anywhere in the tree."""
    found, pending = [], [spec.worldbody]
    while pending:
        found.append(body := pending.pop())
        pending += [child for child in body.bodies if not child.joints and not child.mocap]
    return found


def _geoms_that_move(spec: mujoco.MjSpec) -> list[Any]:
    """Return the geoms of bodies with a joint, or below one."""
    fixed = {body.name for body in _fixed_bodies(spec)}
    mocap = {body.name for body in spec.bodies if body.mocap}
    return [geom for geom in spec.geoms if geom.parent.name not in fixed | mocap]


def add_nominal(spec: mujoco.MjSpec, pose: Pose) -> None:
    """Add the nominal pose as a keyframe."""
    reserve_name(spec.keys, NOMINAL)
    spec.add_key(name=NOMINAL, qpos=list(pose.qpos), ctrl=list(pose.ctrl), act=list(pose.act))


def add_camera_of(spec: mujoco.MjSpec, root: str, extent: float) -> None:
    """Add a camera that tracks the root from the side."""
    reserve_name(spec.cameras, CAMERA)
    away = 2.2 * max(extent, 0.05)
    camera = add_camera(spec.body(root), name=CAMERA, pos=[0.35 * away, -away, 0.35 * away])
    camera.mode = mujoco.mjtCamLight.mjCAMLIGHT_TRACK
    camera.alt.type = mujoco.mjtOrientation.mjORIENTATION_XYAXES
    forward = np.array([-0.35, 1.0, -0.35])
    right = np.cross(forward, [0, 0, 1.0])
    camera.alt.xyaxes = np.concatenate([right, np.cross(right, forward)])


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


def _largest(actuator: Any) -> float | None:
    """Return the largest torque of a motor, None if nothing limits it."""
    gear = abs(actuator.gear[0])
    if actuator.forcelimited == 1 or np.ptp(actuator.forcerange) > 0:
        return float(np.abs(actuator.forcerange).max() * gear)
    if actuator.biastype == mujoco.mjtBias.mjBIAS_NONE and np.ptp(actuator.ctrlrange) > 0:
        return float(np.abs(actuator.ctrlrange).max() * abs(actuator.gainprm[0]) * gear)
    return None
