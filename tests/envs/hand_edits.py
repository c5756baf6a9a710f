"""Every kind of perturbation, declared for a shipped robot, and the same edit written by hand.

The hand-written side knows nothing of fastadapt: plain writes to an `MjModel` and `MjData`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import mujoco
from declared import constant


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
}
