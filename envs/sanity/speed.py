"""Costs of a task set: simulation speed, and the time to set new tasks."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastadapt.envs.batched_env import BatchedEnv
from fastadapt.envs.tasks.task_set import TaskSet

_ROBOTS = 64
_REPEATS = 7


@dataclass(frozen=True)
class RandomRun:
    """Outcome of a run under random actions.

    Attributes:
        robots: number of robots.
        steps: control steps of each robot.
        fell: number of terminated episodes.
        diverged: number of episodes in which the simulation diverged.
        infinite: number of steps with an observation or a reward that is infinite or no number.
        nominal_rate: control steps per second of all unperturbed robots together.
        perturbed_rate: the same of differently perturbed robots.
        step_seconds: duration of one control step of all the perturbed robots [s].
    """

    robots: int
    steps: int
    fell: int
    diverged: int
    infinite: int
    nominal_rate: float
    perturbed_rate: float
    step_seconds: float

    @property
    def at_once(self) -> bool:
        """Whether every episode ends with its first step."""
        return self.fell == self.robots * self.steps


def try_out(task_set: TaskSet, seconds: float = 2.0, num_threads: int = 0) -> RandomRun:
    """Run 64 robots on tasks of all splits under random actions.

    Args:
        task_set: the task set.
        seconds: approximate wall-clock time; half of it is spent on unperturbed robots.
        num_threads: threads of the simulation; 0 means one per processor.
    """
    splits = task_set.splits
    share = -(-_ROBOTS // len(splits))
    tasks = [task for split in splits for task in task_set.sample(split, share)][:_ROBOTS]
    envs = BatchedEnv(task_set, _ROBOTS, num_threads=num_threads)
    envs.action_space.seed(0)
    _rate(envs, task_set.nominal, 0.1)  # warm-up
    nominal = _rate(envs, task_set.nominal, seconds / 2)
    rate, steps, fell, diverged, infinite = _rate(envs, tasks, seconds / 2)
    return RandomRun(_ROBOTS, steps, fell, diverged, infinite, nominal[0], rate, _ROBOTS / rate)


def _rate(envs: BatchedEnv, tasks: Any, seconds: float) -> tuple[float, int, int, int, int]:
    """Return control steps per second, steps of each robot, falls, divergences, infinities."""
    envs.set_tasks(tasks)
    envs.reset(seed=0)
    fell = diverged = infinite = steps = 0
    started, spent = time.perf_counter(), 0.0
    while spent < seconds or steps < 20:
        observation, reward, terminated, truncated, info = envs.step(envs.action_space.sample())
        steps += 1
        infinite += int((~(np.isfinite(observation).all(axis=1) & np.isfinite(reward))).sum())
        ended = terminated | truncated
        if ended.any():
            fell += int(terminated.sum())
            diverged += int((info["diverged"] & ended).sum())
            envs.reset(options={"reset_mask": ended})
        spent = time.perf_counter() - started
    return envs.num_envs * steps / spent, steps, fell, diverged, infinite


def task_costs(task_set: TaskSet, num_threads: int = 0) -> dict[str, float]:
    """Return the time that 64 robots take to set new values of each perturbation [s], by its name.

    Each perturbation is measured alone; the first entry, "all", is that of all of them together.
    """
    found = {"all": _set_tasks_time(task_set, num_threads)}
    for perturbation in task_set.file.perturbations:
        alone = perturbation.model_copy(update={"group": None, "along_with": None})
        splits = {
            name: split.model_copy(
                update={
                    "groups": {},
                    "perturbations": {
                        key: value
                        for key, value in split.perturbations.items()
                        if key == perturbation.name
                    },
                }
            )
            for name, split in task_set.file.splits.items()
        }
        update = {"perturbations": (alone,), "groups": {}, "splits": splits}
        file = task_set.file.model_copy(update=update)
        part = TaskSet(file, "", None, task_set.environment)
        found[perturbation.name] = _set_tasks_time(part, num_threads)
    return found


def _set_tasks_time(task_set: TaskSet, num_threads: int) -> float:
    envs = BatchedEnv(task_set, _ROBOTS, num_threads=num_threads)
    tasks = [task_set.sample("train", _ROBOTS, seed) for seed in range(2)]
    action = np.zeros(envs.action_space.shape or ())
    envs.set_tasks(tasks[0])
    envs.reset(seed=0)

    def stepping() -> None:
        envs.step(action)

    def setting(number: int) -> None:
        envs.set_tasks(tasks[number % 2])
        envs.step(action)

    with_tasks = [_time(lambda n=n: setting(n)) for n in range(1, _REPEATS + 1)]
    without = [_time(stepping) for _ in range(_REPEATS)]
    return max(0.0, float(np.median(with_tasks) - np.median(without)))


def _time(call: Callable[[], None]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
