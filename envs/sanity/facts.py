"""Description of a task set and its robot, and warnings to read before training."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from fastadapt.envs.custom.factory import CustomRobot
from fastadapt.envs.distributions import Law
from fastadapt.envs.environment import Environment
from fastadapt.envs.tasks.task_set import TaskSet

_DEEP = 0.005
"""Overlap of geoms in the nominal pose that raises a warning [m]."""


def description(task_set: TaskSet) -> list[tuple[str, str]]:
    """Return a description of a task set and its robot, as pairs of a heading and a sentence."""
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


def model_warnings(environment: type[Environment]) -> list[str]:
    """Return warnings about the model of a robot, a sentence each."""
    found = _overlaps(environment)
    if issubclass(environment, CustomRobot):
        found = [*environment.builder.notes(), *found]
    return found


def immovable_site(environment: type[Environment]) -> str | None:
    """Return the name of the site that is to reach a goal if nothing can move it."""
    name = getattr(environment, "site", None)
    model = environment.model()
    site = -1 if name is None else mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, name)
    fixed = site >= 0 and int(model.body_weldid[model.site_bodyid[site]]) == 0
    return name if fixed else None


def _moving_mass(model: mujoco.MjModel) -> float:
    """Return the mass of all moving bodies [kg]; a table does not count."""
    return float(model.body_mass[model.body_weldid > 0].sum())


def _overlaps(environment: type[Environment]) -> list[str]:
    """Return sentences about the geoms that overlap in the initial pose."""
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


_EPS = 1e-9
"""Tolerance of rounding in times [s]; see `onsets`."""
_DRAWS = 10_000
"""Number of evenly spaced draws from which a share is computed."""


@dataclass(frozen=True)
class LateOnset:
    """A perturbation whose onset can lie beyond the end of the episode.

    Attributes:
        perturbation: its name.
        splits: the splits in which its onset has this distribution.
        span: the earliest and the latest onset [s].
        share: share of the draws that are too late; 1 where it never begins.
    """

    perturbation: str
    splits: tuple[str, ...]
    span: tuple[float, float]
    share: float

    def __str__(self) -> str:
        low, high = self.span
        when = f"{low:g} s" if low == high else f"{low:g} to {high:g} s"
        plural = "s" if len(self.splits) > 1 else ""
        return f"'{self.perturbation}' in split{plural} {', '.join(self.splits)} (onset {when})"


def late_onsets(task_set: TaskSet) -> list[LateOnset]:
    """Return the perturbations with onsets beyond the end of the episode, in the file's order."""
    cls = task_set.environment
    last = (cls.horizon - 1) * cls.control_step() + _EPS
    found: list[LateOnset] = []
    for perturbation in task_set.file.perturbations:
        laws: dict[Law, list[str]] = {}
        for split in task_set.splits:
            law = task_set.file.in_split(split, perturbation).onset
            if law is not None:
                laws.setdefault(law, []).append(split)
        for law, splits in laws.items():
            share = _share_after(law, last)
            if share > 0:
                name = perturbation.name
                found.append(LateOnset(name, tuple(splits), law.support(), share))
    return found


def _share_after(law: Law, time: float) -> float:
    """Return the share of draws of a distribution that exceed a time; 1 only where all do."""
    low, high = law.support()
    if low > time:
        return 1.0
    if high <= time:
        return 0.0
    draws = law.quantile((np.arange(_DRAWS) + 0.5) / _DRAWS)
    return min(float((draws > time).mean()), 1 - 1 / _DRAWS)
