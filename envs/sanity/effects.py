"""The effect of every parameter of a task set, in physical terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array
from fastadapt.envs.sanity.actuation import force_unit, joint_of
from fastadapt.envs.sanity.bench import Bench
from fastadapt.envs.sanity.extremes import Ends, all_ends
from fastadapt.envs.sanity.probes import (
    FLICKER_SECONDS,
    FORCE,
    PROBES,
    STANDING,
    Probe,
    is_slide,
)
from fastadapt.envs.tasks.task import Task
from fastadapt.envs.tasks.task_set import TaskSet

_MOST = 64
"""Parameters that are measured at once, with three robots each."""
_SECONDS = 1.0
"""How long robots move under random actions [s]."""
_NOTHING = 1e-9
"""A difference below this is none."""


@dataclass(frozen=True)
class Effect:
    """What one parameter does.

    Attributes:
        ends: the parameter and its range.
        what: what was measured.
        unit: of the measured numbers.
        measured: at the nominal value, at the low end, at the high end.
        acts: whether the low and the high end (as far as they differ from nominal) change anything
            at all: the measure, the motion, the reward or the observation.
    """

    ends: Ends
    what: str
    unit: str
    measured: tuple[float, float, float]
    acts: bool


@dataclass(frozen=True)
class _Motion:
    """What robots did, each `(T, N, ...)`."""

    qpos: Array
    observations: Array
    rewards: Array

    def differs(self, one: int, other: int) -> bool:
        """Return whether two robots differ in anything."""
        return any(
            np.abs(array[:, one] - array[:, other]).max(initial=0.0) > _NOTHING
            for array in (self.qpos, self.observations, self.rewards)
        )


def measure(task_set: TaskSet, num_threads: int = 0) -> list[Effect]:
    """Measure the effect of every parameter at both ends of its range.

    Args:
        task_set: whose parameters.
        num_threads: threads that simulate; 0 means one per processor.

    Returns:
        One effect for each parameter that any split draws, in the order of the task set.
    """
    ends = all_ends(task_set)
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
    bench: Bench, ends: Sequence[Ends], probe: Probe | None, seconds: float
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
    bench: Bench, ends: Ends, probe: Probe | None, found: Array | None, motion: _Motion, at: int
) -> Effect:
    robots = [at + k for k in (1, 2) if ends.values[k - 1] != ends.nominal]
    moved = [motion.differs(at, robot) for robot in robots]
    if probe is None or found is None:
        what, unit, values = _deviation(bench, ends, motion, at)
        return Effect(ends, what, unit, values, all(moved))
    scale = max(np.abs(found).max(), 1e-12)
    shown = [abs(found[robot - at] - found[0]) > _NOTHING * scale for robot in robots]
    acts = all(a or b for a, b in zip(moved, shown, strict=True))
    first, low, high = map(float, found)
    return Effect(ends, probe.what, _unit(bench.model, ends, probe), (first, low, high), acts)


def _unit(model: mujoco.MjModel, ends: Ends, probe: Probe) -> str:
    """Return the unit of what a probe measures on a target."""
    if probe is FORCE:
        return force_unit(model, ends.target)
    return "m" if probe.unit == "deg" and is_slide(model, ends.target) else probe.unit


def _probe_of(model: mujoco.MjModel, ends: Ends) -> Probe | None:
    """Return what is measured of a parameter; None: how much the motion deviates."""
    if ends.is_time:
        return None
    if ends.kind == "locked-joint" and ".fraction" in ends.name:
        return STANDING
    probe = PROBES.get(ends.kind)
    if probe is not None and probe.of_joint and joint_of(model, ends.target) is None:
        return FORCE  # of what pulls a tendon, or of a propeller
    return probe


def _duration(ends: Ends) -> float:
    """Return how long to look [s]: until the latest onset, and a little longer."""
    latest = ends.values[1] + 0.5 if ends.is_time else 0.0
    off_and_on = FLICKER_SECONDS if ends.perturbation.flickers else 0.0
    return min(max(_SECONDS, latest, off_and_on), 20.0)


def _random_motion(bench: Bench, tasks: Sequence[Task], seconds: float) -> _Motion:
    """Let robots on different tasks do the same, and return what happened."""
    bench.begin(tasks)
    qpos, observations, rewards = [], [], []
    for action in bench.random_actions(bench.steps(seconds)):
        observation, reward, *_ = bench.batch.step(action)
        observations.append(observation.copy())
        rewards.append(reward.copy())
        qpos.append(bench.sim.data("qpos").copy())
    return _Motion(np.array(qpos), np.array(observations), np.array(rewards))


def _deviation(
    bench: Bench, ends: Ends, motion: _Motion, at: int
) -> tuple[str, str, tuple[float, float, float]]:
    """Return by how much reading, reward or motion deviate from those of the nominal robot."""
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
        array = array if turns else qpos  # where only a slide feels it, of all coordinates
        what = f"deviation of a {'joint' if turns else 'coordinate'} within 1 s, at most"
        unit = "deg" if turns else "m or -"
    low, high = (float(np.abs(array[:, at + k] - array[:, at]).max(initial=0.0)) for k in (1, 2))
    return what, unit, (0.0, low, high)
