"""Every kind of perturbation, declared for a shipped robot, and the same edit written by hand.

The hand-written side knows nothing of fastadapt: plain writes to an `MjModel` and `MjData`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import mujoco
import numpy as np

from tests.support.declared import constant


class Case(NamedTuple):
    """A perturbation and what it does to a plain model and data (posed by the reset)."""

    robot: str
    declared: dict[str, Any]
    by_hand: Callable[[mujoco.MjModel, mujoco.MjData], None]
    stale: bool = False


def perturbation(kind, *targets, **content):
    return {"name": "it", "kind": kind, "targets": list(targets), **content}


def torso_mass(model, data):
    body = model.body("torso").id
    model.body_mass[body] *= 1.7
    model.body_inertia[body] *= 1.7


def feet_mass(model, data):
    for name in ("bfoot", "ffoot"):
        body = model.body(name).id
        model.body_mass[body] *= 0.6
        model.body_inertia[body] *= 0.6


def object_payload(model, data):
    """Two concentric spheres: masses add, and so do moments of inertia."""
    body = model.body("object").id
    model.body_mass[body] += 0.75
    model.body_inertia[body] += 0.4 * 0.75 * 0.04**2


def ground_friction(model, data):
    model.geom_friction[:, 0] *= 0.3


def shin_friction(model, data):
    model.dof_frictionloss[model.joint("bshin").dofadr[0]] += 3.0


def arm_friction(model, data):
    model.dof_frictionloss[:] += 0.6


def thigh_damping(model, data):
    model.dof_damping[model.joint("fthigh").dofadr[0]] *= 4.0


def arm_damping(model, data):
    model.dof_damping[:] *= 0.25


def weak_foot(model, data):
    model.actuator_gainprm[model.actuator("bfoot").id, 0] *= 0.35


def weak_arm(model, data):
    model.actuator_gainprm[:, 0] *= 0.8


def dead_shin(model, data):
    model.actuator_gainprm[model.actuator("fshin").id, 0] = 0.0


def dead_elbow(model, data):
    model.actuator_gainprm[model.actuator("joint2").id, 0] = 0.0


def lock(model, data, name, fraction=None):
    """Switch the equality on; the armature keeps implicit damping from leaking through it."""
    joint, equality = model.joint(name), model.equality(f"lock:{name}").id
    low, high = joint.range
    angle = data.qpos[joint.qposadr[0]] if fraction is None else low + fraction * (high - low)
    offset = angle - model.qpos0[joint.qposadr[0]]
    model.eq_data[equality, 0] = offset
    data.eq_active[equality] = 1
    data.qpos[joint.qposadr[0]] = offset + model.qpos0[joint.qposadr[0]]
    data.qvel[joint.dofadr[0]] = 0.0
    model.dof_armature[joint.dofadr[0]] += 1e3 * model.dof_M0[joint.dofadr[0]]


def thigh_lock(model, data):
    lock(model, data, "bthigh")


def thigh_lock_at(model, data):
    lock(model, data, "bthigh", 0.8)


def elbow_lock(model, data):
    lock(model, data, "joint3")


def elbow_lock_at(model, data):
    lock(model, data, "joint3", 0.3)


def without_midphase(model):
    """Bounding boxes of the midphase lie in the inertial frame, and stay behind where it moves."""
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_MIDPHASE


def torso_com(model, data):
    model.body_ipos[model.body("torso").id] += [0.06, 0, -0.04]
    without_midphase(model)


def object_com(model, data):
    model.body_ipos[model.body("object").id] += [0, 0, 0.02]
    without_midphase(model)


def shin_armature(model, data):
    model.dof_armature[model.joint("bshin").dofadr[0]] *= 3.0


def arm_armature(model, data):
    model.dof_armature[:] += 0.05


def strong_motors(model, data):
    model.actuator_gainprm[:, 0] *= 1.25


def half_gravity(model, data):
    model.opt.gravity[2] *= 0.5


def uphill(model, data):
    angle, down = np.deg2rad(7.0), model.opt.gravity[2]
    model.opt.gravity[0] = np.sin(angle) * down
    model.opt.gravity[2] = np.cos(angle) * down


def stuck_foot(model, data):
    actuator = model.actuator("bfoot").id
    model.actuator_forcelimited[actuator] = True
    model.actuator_forcerange[actuator] = -0.6


def stuck_elbow(model, data):
    actuator = model.actuator("joint2").id
    model.actuator_forcelimited[actuator] = True
    model.actuator_forcerange[actuator] = 0.3


def cut(model, data, name, width, place):
    joint = model.joint(name)
    low, high = joint.range
    lost = (1 - width) * (high - low)
    joint.range[:] = low + place * lost, high - (1 - place) * lost
    angle = data.qpos[joint.qposadr[0]]
    if not joint.range[0] <= angle <= joint.range[1]:
        data.qpos[joint.qposadr[0]] = min(max(angle, joint.range[0]), joint.range[1])
        data.qvel[joint.dofadr[0]] = 0.0


def cut_shin(model, data):
    cut(model, data, "fshin", 0.3, 0.0)


def cut_elbow(model, data):
    cut(model, data, "joint2", 0.2, 0.5)


def sever(model, data, *bodies):
    for name in bodies:
        body = model.body(name).id
        model.body_mass[body] *= 0.01**3
        model.body_inertia[body] *= 0.01**5
        model.body_contype[body] = model.body_conaffinity[body] = 0
        for geom in range(model.ngeom):
            if model.geom_bodyid[geom] == body:
                model.geom_contype[geom] = model.geom_conaffinity[geom] = 0
                model.geom_rgba[geom, 3] = 0
                model.geom_matid[geom] = -1
        for joint in range(model.njnt):
            if model.jnt_bodyid[joint] == body:
                dof = model.jnt_dofadr[joint]
                model.jnt_stiffness[joint] = 0
                model.jnt_limited[joint] = False
                model.dof_armature[dof] += model.dof_M0[dof]
                model.dof_damping[dof] = 20.0 * model.dof_armature[dof]
                data.qvel[dof] = 0
                for actuator in range(model.nu):
                    if model.actuator_trnid[actuator, 0] == joint:
                        model.actuator_forcelimited[actuator] = True
                        model.actuator_forcerange[actuator] = 0


def severed_shin(model, data):
    sever(model, data, "bshin", "bfoot")


def severed_leg(model, data):
    sever(model, data, "front_left_leg", "aux_1", "shin_1")


def severed_arm(model, data):
    sever(model, data, "link4", "object")


def shorten(model, data, name, factor):
    """Shorten the one capsule of a body, and what hangs on the body comes nearer."""
    body, geom = model.body(name).id, model.body(name).geomadr[0]
    r, half = model.geom_size[geom, :2]

    def volume(half):
        return np.pi * r * r * (2 * half + 4 / 3 * r)

    mass = model.body_mass[body] * (volume(half * factor) / volume(half))
    half = half * factor
    caps = 4 / 3 * r / (2 * half + 4 / 3 * r)
    tube = 1 - caps
    across = tube * (r * r / 4 + half * half / 3)
    across += caps * (2 / 5 * r * r + half * half + 3 / 4 * half * r)
    along = tube * r * r / 2 + caps * 2 / 5 * r * r
    turn = np.empty(9), np.empty(9)
    mujoco.mju_quat2Mat(turn[0], model.body_iquat[body])
    mujoco.mju_quat2Mat(turn[1], model.geom_quat[geom])
    axes = turn[0].reshape(3, 3).T @ turn[1].reshape(3, 3)  # where the axis of the capsule points
    model.body_mass[body] = mass
    model.body_inertia[body] = mass * np.where(np.abs(axes[:, 2]) > 0.5, along, across)
    model.geom_size[geom, 1] = half
    model.geom_rbound[geom] = r + half
    model.geom_aabb[geom, 3:] = r, r, r + half
    model.geom_pos[geom] *= factor
    model.body_ipos[body] = model.geom_pos[geom]
    model.body_pos[model.body_parentid == body] *= factor
    model.site_pos[model.site_bodyid == body] *= factor
    without_midphase(model)


def short_foot(model, data):
    shorten(model, data, "ffoot", 0.5)


def short_thigh(model, data):
    shorten(model, data, "bthigh", 0.7)


def short_link(model, data):
    shorten(model, data, "link3", 0.6)


BODIES = ("torso", "head", "b*", "f*[!r]")
CASES = {
    "mass of the torso": Case(
        "cheetah", perturbation("mass", "torso", scale=constant(1.7)), torso_mass, stale=True
    ),
    "mass of two feet": Case(
        "cheetah", perturbation("mass", "?foot", scale=constant(0.6)), feet_mass, stale=True
    ),
    "payload in the object": Case(
        "reacher",
        perturbation("payload", "object", mass=constant(0.75), radius=0.04),
        object_payload,
        stale=True,
    ),
    "contact friction": Case(
        "cheetah",
        perturbation("contact-friction", *BODIES, against=["floor"], scale=constant(0.3)),
        ground_friction,
    ),
    "friction of one joint": Case(
        "cheetah", perturbation("joint-friction", "bshin", torque=constant(3.0)), shin_friction
    ),
    "friction of all joints": Case(
        "reacher", perturbation("joint-friction", "*", torque=constant(0.6)), arm_friction
    ),
    "damping of one joint": Case(
        "cheetah", perturbation("joint-damping", "fthigh", scale=constant(4.0)), thigh_damping
    ),
    "damping of all joints": Case(
        "reacher", perturbation("joint-damping", "*", scale=constant(0.25)), arm_damping
    ),
    "one weak actuator": Case(
        "cheetah", perturbation("weak-actuator", "bfoot", strength=constant(0.35)), weak_foot
    ),
    "weak actuators": Case(
        "reacher", perturbation("weak-actuator", "*", strength=constant(0.8)), weak_arm
    ),
    "dead actuator": Case("cheetah", perturbation("dead-actuator", "fshin"), dead_shin),
    "dead elbow": Case("reacher", perturbation("dead-actuator", "joint2"), dead_elbow),
    "lock here": Case("cheetah", perturbation("locked-joint", "bthigh"), thigh_lock, stale=True),
    "lock at a fraction": Case(
        "cheetah",
        perturbation("locked-joint", "bthigh", fraction=constant(0.8)),
        thigh_lock_at,
        stale=True,
    ),
    "elbow locked here": Case(
        "reacher", perturbation("locked-joint", "joint3"), elbow_lock, stale=True
    ),
    "elbow locked at a fraction": Case(
        "reacher",
        perturbation("locked-joint", "joint3", fraction=constant(0.3)),
        elbow_lock_at,
        stale=True,
    ),
    "centre of mass of the torso": Case(
        "cheetah",
        perturbation("com-shift", "torso", x=constant(0.06), z=constant(-0.04)),
        torso_com,
        stale=True,
    ),
    "centre of mass of the object": Case(
        "reacher", perturbation("com-shift", "object", z=constant(0.02)), object_com, stale=True
    ),
    "armature of one joint": Case(
        "cheetah",
        perturbation("joint-armature", "bshin", scale=constant(3.0)),
        shin_armature,
        stale=True,
    ),
    "armature of all joints": Case(
        "reacher", perturbation("joint-armature", "*", add=constant(0.05)), arm_armature, stale=True
    ),
    "strong motors": Case(
        "cheetah",
        perturbation("motor-strength", "*", scale=constant(1.25), shared=True),
        strong_motors,
    ),
    "gravity": Case("reacher", perturbation("gravity", "world", scale=constant(0.5)), half_gravity),
    "gravity on legs": Case(
        "cheetah", perturbation("gravity", "world", scale=constant(0.5)), half_gravity
    ),
    "slope": Case("cheetah", perturbation("slope", "world", angle=constant(7.0)), uphill),
    "stuck torque": Case(
        "cheetah", perturbation("stuck-torque", "bfoot", share=constant(-0.6)), stuck_foot
    ),
    "stuck torque of an elbow": Case(
        "reacher", perturbation("stuck-torque", "joint2", share=constant(0.3)), stuck_elbow
    ),
    "range of a shin": Case(
        "cheetah",
        perturbation("range-cut", "fshin", width=constant(0.3), place=constant(0.0)),
        cut_shin,
    ),
    "range of an elbow": Case(
        "reacher", perturbation("range-cut", "joint2", width=constant(0.2)), cut_elbow
    ),
    "severed shin": Case(
        "cheetah", perturbation("severed-limb", "bshin"), severed_shin, stale=True
    ),
    "severed leg": Case(
        "ant", perturbation("severed-limb", "front_left_leg"), severed_leg, stale=True
    ),
    "severed arm": Case("reacher", perturbation("severed-limb", "link4"), severed_arm, stale=True),
    "short foot": Case(
        "cheetah",
        perturbation("shortened-limb", "ffoot", length=constant(0.5)),
        short_foot,
        stale=True,
    ),
    "short thigh": Case(
        "cheetah",
        perturbation("shortened-limb", "bthigh", length=constant(0.7)),
        short_thigh,
        stale=True,
    ),
    "short link": Case(
        "reacher",
        perturbation("shortened-limb", "link3", length=constant(0.6)),
        short_link,
        stale=True,
    ),
}
