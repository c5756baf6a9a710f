"""Physical effects of the parameters of a task set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array
from fastadapt.envs.sanity.actuation import force_unit, joint_of
from fastadapt.envs.sanity.bench import Bench
from fastadapt.envs.sanity.extremes import Extremes, all_extremes
from fastadapt.envs.sanity.probes import (
    FORCE,
    INTERMITTENT_SECONDS,
    PROBES,
    Probe,
    is_slide,
)
from fastadapt.envs.tasks.task import Task
from fastadapt.envs.tasks.task_set import TaskSet

_MOST = 64
"""Parameters measured at once, with three robots each."""
_SECONDS = 1.0
"""Duration of the random motion [s]."""
_NEGLIGIBLE = 1e-9
"""Largest difference that counts as no effect."""


@dataclass(frozen=True)
class Effect:
    """The measured effect of one parameter.

    Attributes:
        extremes: the parameter and its range.
        what: the measured quantity, in words.
        unit: unit of the measured values.
        measured: the values at the nominal value, at the low end and at the high end.
        acts: whether each end of the range that differs from nominal changes the measured value,
            the motion, the reward or the observation.
    """

    extremes: Extremes
    what: str
    unit: str
    measured: tuple[float, float, float]
    acts: bool


@dataclass(frozen=True)
class _Motion:
    """Recorded motion of N robots over T control steps, each array `(T, N, ...)`."""

    qpos: Array
    observations: Array
    rewards: Array

    def differs(self, one: int, other: int) -> bool:
        """Return whether two robots differ in any recorded quantity."""
        return any(
            np.abs(array[:, one] - array[:, other]).max(initial=0.0) > _NEGLIGIBLE
            for array in (self.qpos, self.observations, self.rewards)
        )


def measure_effects(task_set: TaskSet, num_threads: int = 0) -> list[Effect]:
    """Measure the effect of every parameter at both ends of its range.

    Args:
        task_set: the task set.
        num_threads: threads of the simulation; 0 means one per processor.

    Returns:
        One effect for each parameter that any split draws, in the order of the task set.
    """
    ends = all_extremes(task_set)
    alike: dict[tuple[Probe | None, float], list[int]] = {}
    for i, some in enumerate(ends):
        key = _probe_of(task_set.environment.model(), some), _duration(some)
        alike.setdefault(key, []).append(i)
    effects: dict[int, Effect] = {}
    for (probe, seconds), members in alike.items():
        for first in range(0, len(members), _MOST):
            part = members[first : first + _MOST]
            bench = Bench(task_set, 3 * len(part), num_threads)
            found = _measure(bench, [ends[i] for i in part], probe, seconds)
            effects |= dict(zip(part, found, strict=True))
    return [effects[i] for i in range(len(ends))]


def _measure(
    bench: Bench, ends: Sequence[Extremes], probe: Probe | None, seconds: float
) -> list[Effect]:
    """Measure some parameters at once, three robots each."""
    tasks = [task for some in ends for task in some.tasks]
    motion = _random_motion(bench, tasks, seconds)
    measured = None
    if probe is not None:
        bench.begin(tasks)
        measured = probe.measure(bench, [some.target for some in ends for _ in range(3)])
    return [
        _effect(bench, some, probe, None if measured is None else measured[at : at + 3], motion, at)
        for at, some in zip(range(0, len(tasks), 3), ends, strict=True)
    ]


def _effect(
    bench: Bench, ends: Extremes, probe: Probe | None, found: Array | None, motion: _Motion, at: int
) -> Effect:
    robots = [at + k for k in (1, 2) if ends.values[k - 1] != ends.nominal]
    moved = [motion.differs(at, robot) for robot in robots]
    if probe is None or found is None:
        what, unit, values = _deviation(bench, ends, motion, at)
        return Effect(ends, what, unit, values, all(moved))
    scale = max(np.abs(found).max(), 1e-12)
    shown = [abs(found[robot - at] - found[0]) > _NEGLIGIBLE * scale for robot in robots]
    acts = all(a or b for a, b in zip(moved, shown, strict=True))
    first, low, high = map(float, found)
    return Effect(ends, probe.what, _unit(bench.model, ends, probe), (first, low, high), acts)


def _unit(model: mujoco.MjModel, ends: Extremes, probe: Probe) -> str:
    """Return the unit of a probe on a target."""
    if probe is FORCE:
        return force_unit(model, ends.target)
    return "m" if probe.unit == "deg" and is_slide(model, ends.target) else probe.unit


def _probe_of(model: mujoco.MjModel, ends: Extremes) -> Probe | None:
    """Return the probe of a parameter; None: the deviation of the motion is measured."""
    name = None if ends.is_time else ends.perturbation.probe_of(ends.parameter)
    if name is None:
        return None
    probe = PROBES.find(name)
    if probe.of_joint and joint_of(model, ends.target) is None:
        return FORCE  # of an actuator on a tendon or a site
    return probe


def _duration(ends: Extremes) -> float:
    """Return the duration of the motion [s]: until shortly after the latest onset."""
    latest = ends.values[1] + 0.5 if ends.is_time else 0.0
    intervals = INTERMITTENT_SECONDS if ends.perturbation.intermittent else 0.0
    return min(max(_SECONDS, latest, intervals), 20.0)


def _random_motion(bench: Bench, tasks: Sequence[Task], seconds: float) -> _Motion:
    """Record robots on different tasks under the same random actions."""
    bench.begin(tasks)
    qpos, observations, rewards = [], [], []
    for action in bench.random_actions(bench.steps(seconds)):
        observation, reward, *_ = bench.batch.step(action)
        observations.append(observation.copy())
        rewards.append(reward.copy())
        qpos.append(bench.sim.data("qpos").copy())
    return _Motion(np.array(qpos), np.array(observations), np.array(rewards))


def _deviation(
    bench: Bench, ends: Extremes, motion: _Motion, at: int
) -> tuple[str, str, tuple[float, float, float]]:
    """Return the deviation of the reading, the reward or the motion from the nominal robot."""
    signals = ends.perturbation.signals
    if ends.perturbation.target_type == "observation":
        channels = bench.batch.environment.observations
        names = [channel.name for channel in channels]
        column = names.index(ends.target) if ends.target in names else 0
        array = motion.observations[:, :, column]
        what, unit = "change of the reading, at most", channels[column].unit
    elif "goal" in signals:
        array = motion.rewards
        what, unit = "change of the reward, at most", "-"
    else:
        qpos = motion.qpos if ends.is_time else motion.qpos[: bench.steps(1.0)]
        hinges = bench.model.jnt_qposadr[bench.model.jnt_type == 3]
        array = np.rad2deg(qpos[..., hinges])
        turns = bool((array[:, at : at + 3] != array[:, at, None]).any())
        array = array if turns else qpos  # no hinge is affected: all coordinates
        what = f"deviation of a {'joint' if turns else 'coordinate'} within 1 s, at most"
        unit = "deg" if turns else "m or -"
    low, high = (float(np.abs(array[:, at + k] - array[:, at]).max(initial=0.0)) for k in (1, 2))
    return what, unit, (0.0, low, high)
