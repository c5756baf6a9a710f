"""Every physical kind of perturbation on a quadruped and on an arm, and the same edit by hand.

As in `hand_edits`, the hand-written side knows nothing of fastadapt. Of what is in there it uses
what is the same for every robot.
"""

import numpy as np

from tests.support.declared import constant
from tests.support.hand_edits import (
    Case,
    cut,
    half_gravity,
    lock,
    perturbation,
    sever,
    without_midphase,
)


def density(model, name, factor):
    body = model.body(name).id
    model.body_mass[body] *= factor
    model.body_inertia[body] *= factor


def heavy_trunk(model, data):
    density(model, "trunk", 1.5)


def light_object(model, data):
    density(model, "object", 0.5)


def loaded(name, load, radius):
    """Return an edit: a sphere in the centre of mass of a body; masses and moments add."""

    def edit(model, data):
        body = model.body(name).id
        mass, there = model.body_mass[body], model.body_ipos[body].copy()
        model.body_ipos[body] = (mass * there + load * there) / (mass + load)
        model.body_mass[body] += load
        model.body_inertia[body] += 0.4 * load * radius**2
        without_midphase(model)

    return edit


def shift(model, name, offset):
    model.body_ipos[model.body(name).id] += offset
    without_midphase(model)


def trunk_com(model, data):
    shift(model, "trunk", [0.04, 0.02, 0])


def object_com(model, data):
    shift(model, "object", [-0.015, 0.01, 0])


def slippery(model, data):
    """Of robot and floor alike: the larger one counts."""
    for geom in range(model.ngeom):
        if model.geom_bodyid[geom] or model.geom(geom).name == "floor":
            model.geom_friction[geom, 0] *= 0.4


def slippery_table(model, data):
    """The table's coefficient is the larger one, and the object's is scaled with it."""
    model.geom_friction[[model.geom("table").id, model.geom("object").id], 0] *= 0.5


def column(field, name, of, how):
    """Return an edit of one entry of a field: `how` of its value."""

    def edit(model, data):
        access = model.joint(name).dofadr[0] if of == "dof" else model.actuator(name).id
        array = getattr(model, field)
        array[access] = how(array[access])

    return edit


def servo_times(name, strength):
    """A servo of this strength: gain and bias, so that it pulls to where it did, and its limit."""

    def edit(model, data):
        servo = model.actuator(name).id
        model.actuator_gainprm[servo] *= strength
        model.actuator_biasprm[servo] *= strength
        model.actuator_forcerange[servo] *= strength

    return edit


def tuned(name, kp, kd):
    """A servo with other gains: as stiff and as damped as these multiples say."""

    def edit(model, data):
        servo = model.actuator(name).id
        model.actuator_gainprm[servo, 0] *= kp
        model.actuator_biasprm[servo, 1] *= kp
        model.actuator_biasprm[servo, 2] *= kd

    return edit


def strong_servos(model, data):
    for servo in range(model.nu):
        servo_times(servo, 1.2)(model, data)


def stuck_at(name, force):
    def edit(model, data):
        model.actuator_forcerange[model.actuator(name).id] = force

    return edit


def uphill(degrees):
    def edit(model, data):
        angle, down = np.deg2rad(degrees), model.opt.gravity[2]
        model.opt.gravity[0] = np.sin(angle) * down
        model.opt.gravity[2] = np.cos(angle) * down

    return edit


def locked(name, fraction=None):
    return lambda model, data: lock(model, data, name, fraction)


def severed(*bodies):
    return lambda model, data: sever(model, data, *bodies)


def with_cut(name, width, place):
    return lambda model, data: cut(model, data, name, width, place)


def case(robot, by_hand, kind, *targets, stale=False, **content):
    return Case(robot, perturbation(kind, *targets, **content), by_hand, stale)


def quadruped(by_hand, kind, *targets, stale=False, **content):
    return case("quadruped", by_hand, kind, *targets, stale=stale, **content)


def arm(by_hand, kind, *targets, stale=False, **content):
    return case("arm-push", by_hand, kind, *targets, stale=stale, **content)


def times(factor):
    return lambda value: value * factor


def plus(amount):
    return lambda value: value + amount


TRUNK = [0.0208722, 0.0, -0.000468]
GEOMS = ["trunk", "head", "F*", "R*"]
CASES = [
    quadruped(heavy_trunk, "mass", "trunk", scale=constant(1.5), stale=True),
    quadruped(loaded("trunk", 3.0, 0.05), "payload", "trunk", mass=constant(3.0), position=TRUNK,
              stale=True),
    quadruped(trunk_com, "com-shift", "trunk", x=constant(0.04), y=constant(0.02), stale=True),
    quadruped(slippery, "contact-friction", *GEOMS, against=["floor"], scale=constant(0.4)),
    quadruped(column("dof_frictionloss", "FR_calf", "dof", plus(1.5)), "joint-friction", "FR_calf",
              torque=constant(1.5)),
    quadruped(column("dof_damping", "RL_thigh", "dof", times(5.0)), "joint-damping", "RL_thigh",
              scale=constant(5.0)),
    quadruped(column("dof_armature", "FL_hip", "dof", times(3.0)), "joint-armature", "FL_hip",
              scale=constant(3.0), stale=True),
    quadruped(strong_servos, "motor-strength", "*", scale=constant(1.2), shared=True),
    quadruped(half_gravity, "gravity", "world", scale=constant(0.5)),
    quadruped(uphill(8.0), "slope", "world", angle=constant(8.0)),
    quadruped(servo_times("FL_calf", 0.3), "weak-actuator", "FL_calf", strength=constant(0.3)),
    quadruped(servo_times("RR_thigh", 0.0), "dead-actuator", "RR_thigh"),
    quadruped(tuned("FL_thigh", 0.4, 2.0), "controller-gains", "FL_thigh", kp=constant(0.4),
              kd=constant(2.0)),
    quadruped(stuck_at("RR_calf", 0.25 * 35.55), "stuck-torque", "RR_calf", share=constant(0.25)),
    quadruped(locked("FR_thigh"), "locked-joint", "FR_thigh", stale=True),
    quadruped(locked("RL_calf", 0.5), "locked-joint", "RL_calf", fraction=constant(0.5),
              stale=True),
    quadruped(with_cut("FL_thigh", 0.2, 1.0), "range-cut", "FL_thigh", width=constant(0.2),
              place=constant(1.0)),
    quadruped(severed("FR_thigh", "FR_calf"), "severed-limb", "FR_thigh", stale=True),
    arm(light_object, "mass", "object", scale=constant(0.5), stale=True),
    arm(loaded("object", 0.3, 0.02), "payload", "object", mass=constant(0.3), radius=0.02,
        stale=True),
    arm(object_com, "com-shift", "object", x=constant(-0.015), y=constant(0.01), stale=True),
    arm(slippery_table, "contact-friction", "object", against=["table"], scale=constant(0.5)),
    arm(column("dof_frictionloss", "joint2", "dof", plus(3.0)), "joint-friction", "joint2",
        torque=constant(3.0)),
    arm(column("dof_damping", "joint4", "dof", times(3.0)), "joint-damping", "joint4",
        scale=constant(3.0)),
    arm(column("dof_armature", "joint6", "dof", plus(0.2)), "joint-armature", "joint6",
        add=constant(0.2), stale=True),
    arm(strong_servos, "motor-strength", "*", scale=constant(1.2), shared=True),
    arm(half_gravity, "gravity", "world", scale=constant(0.5)),
    arm(uphill(8.0), "slope", "world", angle=constant(8.0)),
    arm(servo_times("joint4", 0.5), "weak-actuator", "joint4", strength=constant(0.5)),
    arm(servo_times("joint1", 0.0), "dead-actuator", "joint1"),
    arm(tuned("joint4", 0.5, 1.0), "controller-gains", "joint4", kp=constant(0.5)),
    arm(stuck_at("joint2", -0.3 * 87), "stuck-torque", "joint2", share=constant(-0.3)),
    arm(locked("joint2"), "locked-joint", "joint2", stale=True),
    arm(locked("joint6", 0.7), "locked-joint", "joint6", fraction=constant(0.7), stale=True),
    arm(with_cut("joint4", 0.3, 1.0), "range-cut", "joint4", width=constant(0.3),
        place=constant(1.0)),
    arm(severed("link7", "tool"), "severed-limb", "link7", stale=True),
]  # fmt: skip
"""What needs the shape of a body in a formula of its own (a shortened limb) is on the cheetah, the
reacher and the hexapod (`hand_edits`, `test_short_limb_physics`)."""
