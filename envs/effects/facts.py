"""What a robot consists of, and what about it a user should know before training it."""

from __future__ import annotations

import mujoco

from fastadapt.envs.environment import Environment
from fastadapt.envs.own_robot.factory import OwnRobot
from fastadapt.envs.task_set import TaskSet

_DEEP = 0.005
"""Geoms that overlap by more than this in the nominal pose are worth a word [m]."""


def facts(task_set: TaskSet) -> list[tuple[str, str]]:
    """Return what a task set and its robot consist of, as pairs of a word and a sentence."""
    cls = task_set.environment
    model = cls.model()
    step = cls.control_step()
    counts = [f"{name} {split.count}" for name, split in task_set.file.splits.items()]
    return [
        ("environment", f"{cls.id()}: {cls.summary}"),
        (
            "robot",
            f"{_moving_mass(model):.3g} kg, {model.nbody - 1} bodies, {model.njnt} joints, "
            f"{model.nu} actuators; {len(cls.observations)} observations, "
            f"{len(cls.actions())} actions",
        ),
        (
            "time",
            f"physics {1e3 * model.opt.timestep:g} ms, control {1e3 * step:g} ms, episode "
            f"{cls.horizon * step:g} s ({cls.horizon} control steps)",
        ),
        ("tasks", f"parameters {len(task_set.names)}; {', '.join(counts)}"),
    ]


def notes(environment: type[Environment]) -> list[str]:
    """Return what is odd about a robot, a sentence each."""
    found = _overlaps(environment)
    if issubclass(environment, OwnRobot):
        found = [*environment.blueprint.notes(), *found]
    return found


def _moving_mass(model: mujoco.MjModel) -> float:
    """Return the mass of all that moves [kg]; a table does not."""
    return float(model.body_mass[model.body_weldid > 0].sum())


def _overlaps(environment: type[Environment]) -> list[str]:
    """Return which geoms overlap in the pose that episodes begin near."""
    model = environment.model()
    data = mujoco.MjData(model)
    key = getattr(environment, "keyframe", None)
    known = [model.key(i).name for i in range(model.nkey)]
    if key in known:
        mujoco.mj_resetDataKeyframe(model, data, known.index(key))
    mujoco.mj_fwdPosition(model, data)
    deep = [contact for contact in data.contact if contact.dist < -_DEEP]
    worst = sorted(deep, key=lambda contact: contact.dist)[:3]
    return [
        f"In the nominal pose, geom '{model.geom(int(c.geom[0])).name}' is {-1e3 * c.dist:.0f} mm "
        f"inside '{model.geom(int(c.geom[1])).name}'."
        for c in worst
    ] + ([f"{len(deep) - 3} more geoms overlap."] if len(deep) > 3 else [])
