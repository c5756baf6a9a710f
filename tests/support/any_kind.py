"""Every kind of perturbation that a robot can have, declared by the robot's own names."""

import functools

import mujoco

from fastadapt.envs import FastadaptError, find_environment
from fastadapt.envs.model.names import limb_names, names_of
from fastadapt.envs.perturbations import perturbation_kinds
from tests.support.declared import declare

ROBOTS = (
    "ant-goal",
    "arm-lift",
    "arm-push",
    "cheetah-velocity",
    "hexapod",
    "hopper",
    "quadruped",
    "reacher",
)


def law(low, high):
    return {"law": "uniform", "low": low, "high": high}


def entry(kind, targets, **content):
    return {"name": kind.replace("-", "_"), "kind": kind, "targets": list(targets), **content}


def sudden(kind):
    """Return whether a kind has no ramp: a switch, a whole number, or an intermittent fault."""
    cls = perturbation_kinds()[kind]
    keys = cls.model_fields
    return cls.intermittent or any(p.whole or p.name not in keys for p in cls.parameters)


@functools.cache
def entries(robot):
    """Return one declaration for each kind that is possible on this robot."""
    environment = find_environment(robot)
    model = environment.model()
    heavy = [n for n in names_of(model, "body") if model.body(n).mass[0] > 0]
    ground = [
        n for n in names_of(model, "geom") if model.geom(n).type[0] == mujoco.mjtGeom.mjGEOM_PLANE
    ]
    limited = [n for n in environment.lockable if model.joint(n).range[0] < model.joint(n).range[1]]
    limbs = [n for n in limb_names(model) if possible(robot, entry("severed-limb", [n]))]
    long = [n for n in limbs if possible(robot, entry("shortened-limb", [n], length=law(0.5, 1)))]
    touching = environment.feet or ("object",)
    every = [
        entry("mass", heavy, scale=law(0.5, 2)),
        entry("payload", heavy[-1:], mass=law(0, 0.5), position=[0.02, 0, 0.01]),
        entry("com-shift", heavy[:1], x=law(-0.02, 0.02)),
        entry("contact-friction", touching, against=ground, scale=law(0.3, 2)),
        entry("joint-friction", environment.lockable, torque=law(0, 1)),
        entry("joint-damping", environment.lockable, scale=law(0.5, 3)),
        entry("joint-armature", environment.lockable, add=law(0, 0.1)),
        entry("motor-strength", ["*"], scale=law(0.5, 1.5), shared=True),
        entry("controller-gains", ["*"], kp=law(0.5, 1.5)),
        entry("gravity", ["world"], scale=law(0.5, 1.5)),
        entry("slope", ["world"], angle=law(-10, 10)),
        entry("weak-actuator", ["*"], strength=law(0.2, 0.8), strike=2),
        entry("dead-actuator", ["*"], strike=1),
        entry("stuck-torque", ["*"], share=law(-0.5, 0.5), strike=1),
        entry("intermittent-actuator", ["*"], off_fraction=law(0.1, 0.5), mean_off=law(0.1, 0.3)),
        entry("backlash", ["*"], gap=law(0.5, 4), strike=2),
        entry("tendon-friction", ["*"], force=law(0, 1)),
        entry("tendon-tension", ["*"], damping=law(0.5, 2)),
        entry("locked-joint", environment.lockable, strike=1),
        entry("range-cut", limited, width=law(0.1, 0.5), place=law(0, 1), strike=1),
        entry("severed-limb", limbs, strike=1),
        entry("shortened-limb", long, length=law(0.4, 1), strike=1),
        entry("push", heavy[:1], x=law(-20, 20), y=law(-20, 20)),
        entry("sensor-offset", ["* velocity*"], offset=law(-1, 1), strike=3),
        entry("sensor-drift", ["* velocity*"], rate=law(-1, 1), strike=2),
        entry("sensor-noise", ["*"], std=law(0.01, 0.3), strike=4),
        entry("sensor-stuck", ["*"], strike=2),
        entry("sensor-dropped", ["*"], strike=4, probability=law(0.1, 0.9)),
        entry("action-delay", ["world"], steps={"law": "choice", "values": [0, 1, 2, 4]}),
        *([entry("goal", ["*"], value=law(0, 3))] if environment.goals else []),
    ]
    assert {e["kind"] for e in every} | {"goal"} == set(perturbation_kinds(plugins=False))
    return tuple(e for e in every if e["targets"] and possible(robot, e))


def possible(robot, declared):
    try:
        declare(robot, declared)
    except FastadaptError:
        return False
    return True
