"""Validates the arguments of the public environment API."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.tasks.task import Task
from fastadapt.envs.tasks.task_set import TaskSet
from fastadapt.errors import FastadaptError, unknown_name

MAX_THREADS = 1024
"""Largest number of threads."""
MAX_STEPS = 1_000_000
"""Most control steps of an episode."""


def check_size(name: str, value: Any, least: int) -> None:
    """Refuse anything but a whole number of at least `least` and of a size that occurs."""
    if not _is_whole(value) or value < least:
        what = {"num_threads": "threads; 0 means one per processor", "horizon": "control steps"}
        noun = what.get(name, "robot is needed")
        raise FastadaptError(f"{name} = {value!r}; at least {least} {noun}.")
    most = {"num_threads": MAX_THREADS, "horizon": MAX_STEPS}.get(name)
    if most is not None and value > most:
        raise FastadaptError(f"{name} = {value:.4g}; it must be at most {most}.")


def whole_number(name: str, value: Any, least: int, most: int | None = None) -> int:
    """Return a whole number within bounds as `int`; refuse anything else."""
    if not _is_whole(value) or value < least:
        raise FastadaptError(f"{name} = {value!r}; it must be a whole number of at least {least}.")
    if most is not None and value > most:
        raise FastadaptError(f"{name} = {value:.4g}; it must be at most {most}.")
    return int(value)


def check_seed(name: str, value: Any) -> int:
    """Return the seed of something random; refuse anything but a whole number in [0, 2^63)."""
    if whole_number(name, value, 0) >= 2**63:
        raise FastadaptError(f"{name} = {value!r:.40}; it must be below 2^63.")
    return int(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_options(options: Any, allowed: tuple[str, ...]) -> dict[str, Any]:
    """Return the options of a reset; unknown keys are refused."""
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise FastadaptError(
            f"options must be a dictionary such as {{'{allowed[0]}': ...}}; got {options!r}."
        )
    for key in options:
        if key not in allowed:
            raise unknown_name("option of reset called", str(key), allowed)
    return options


def numbers(values: ArrayLike, what: str) -> Array:
    """Return values as an array of floats."""
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise FastadaptError(f"{what} must be numbers; got {values!r:.60}.") from None


def checked_actions(actions: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return the actions of all robots; they must be finite."""
    array = numbers(actions, "Actions")
    if array.shape != shape:
        raise FastadaptError(f"Actions have shape {array.shape}; they must have {shape}.")
    if not np.isfinite(array).all():
        robot = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise FastadaptError(
            f"The action of robot {robot} is not finite: {array[robot]}. The agent that chose it "
            "has diverged; look at its losses."
        )
    return array


def masked_ids(mask: ArrayLike | None, num_envs: int, what: str) -> Ids:
    """Return the positions where a mask `(N,)` is true; None means everywhere."""
    if mask is None:
        return np.arange(num_envs)
    array = np.asarray(mask)
    if array.shape != (num_envs,) or array.dtype != bool:
        raise FastadaptError(
            f"{what} must be {num_envs} booleans; got {array.dtype}, shape {array.shape}."
        )
    return np.flatnonzero(array)


def chosen_tasks(tasks: Sequence[Task] | Task, ids: Ids, num_envs: int) -> list[Task]:
    """Return one task for each of the robots `ids`.

    Args:
        tasks: one task for all of them, a list with one for each of them, or one for each of all
            `num_envs` robots.
        ids: which robots.
        num_envs: N.

    Raises:
        FastadaptError: it is not a list of tasks, or its length is wrong.
    """
    if isinstance(tasks, Task):
        return [tasks] * len(ids)
    if not isinstance(tasks, Sequence | np.ndarray) or isinstance(tasks, str):
        raise FastadaptError(f"tasks must be a Task or a list of them; got {tasks!r:.60}.")
    chosen = list(tasks)
    if len(chosen) == num_envs and len(ids) != num_envs:
        chosen = [chosen[i] for i in ids]
    if len(chosen) != len(ids):
        raise FastadaptError(
            f"set_tasks got {len(chosen)} tasks for {len(ids)} robots; give one for each, one for "
            f"all {num_envs}, or a single one."
        )
    return chosen


def check_process(process: int) -> None:
    """Refuse a forked child, which has none of the threads that simulate and would hang.

    Args:
        process: id of the process that made the batch.
    """
    if os.getpid() != process:
        raise FastadaptError(
            "This batch was made in another process, and its threads do not exist in a forked "
            'child. Make the batch in the child, or start it with the method "spawn".'
        )


def check_task_set(task_set: Any) -> None:
    """Refuse anything but a task set."""
    if not isinstance(task_set, TaskSet):
        raise FastadaptError(
            f"A batch is made of a TaskSet, not of {task_set!r:.60}; `load_task_set` loads one by "
            "its name or file."
        )
