"""Few-shot evaluation of an agent on the frozen tasks of a split."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.adaptation.evaluation.columns import COLUMNS
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.runs.machine import command, machine
from fastadapt.adaptation.trials.runner import LEAST, Measurement, run_trials
from fastadapt.agents.controls.swapped import SwappedContext
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.interface import (
    AdaptiveAgent,
    agent_context,
    agent_name,
    agent_seed,
)
from fastadapt.envs import (
    FastadaptError,
    Task,
    TaskSet,
    make_batch,
)
from fastadapt.envs.arguments import check_task_set, whole_number


def evaluate(
    agent: AdaptiveAgent,
    task_set: TaskSet,
    split: str,
    shots: Sequence[int] = (0, 1, 2, 5),
    episodes: int = 2,
    seed: int = 0,
    *,
    num_threads: int = 0,
    name: str | None = None,
    on_measure: Callable[[Measurement], None] | None = None,
) -> Result:
    """Measure the few-shot adaptation of an agent on the frozen tasks of a split.

    Args:
        agent: any object with the methods of `AdaptiveAgent`.
        task_set: that declares the tasks.
        split: one of its splits.
        shots: numbers of shots after which to measure.
        episodes: measured episodes for each task and number of shots.
        seed: of starts, goals and exploration.
        num_threads: threads that simulate; 0 means one per processor.
        name: of the agent in the table (default: the agent's own).
        on_measure: called after every measured episode of all tasks.

    Returns:
        The results; `result.table` has one row for each task, number of shots and episode.

    Raises:
        FastadaptError: no such split, or an impossible number.
    """
    started = time.perf_counter()
    _check(agent, task_set)
    tasks = task_set.tasks(split)
    shots = checked_shots(shots)
    episodes, seed = whole_number("episodes", episodes, 1), whole_number("seed", seed, 0)
    robots = _fill(agent, split, tasks)
    envs = make_batch(task_set, len(robots), num_threads, context=agent_context(agent))
    label = name or agent_name(agent)
    if len(label) > 64:
        raise FastadaptError(f"'{label}' is too long: agents have up to 64 characters.")
    trained_seed = agent_seed(agent)
    parts: list[NDArray[np.void]] = []

    def keep(measured: Measurement) -> None:
        parts.append(_rows(measured, tasks, label, trained_seed, task_set.id, split))
        if on_measure is not None:
            on_measure(measured)

    with single_threaded():
        run_trials(agent, envs, robots, shots, episodes, seed, on_measure=keep)
    return Result(
        np.concatenate(parts), _meta(task_set, split, tasks, shots, episodes, seed, started)
    )


def _check(agent: Any, task_set: Any) -> None:
    check_task_set(task_set)
    if isinstance(agent, type) or not isinstance(agent, AdaptiveAgent):
        raise FastadaptError(
            f"{agent!r:.60} is not an agent: give an object with the methods of `AdaptiveAgent`, "
            "e.g. from `make_agent` or `load_run(path).agent()`."
        )


def checked_shots(shots: Any) -> list[int]:
    """Return numbers of shots in ascending order, each once.

    Raises:
        FastadaptError: they are not whole numbers from 0.
    """
    if not isinstance(shots, Iterable) or isinstance(shots, str):
        raise FastadaptError(f"shots = {shots!r}; give numbers such as (0, 1, 2, 5).")
    return sorted({whole_number("a number of shots", shot, 0) for shot in shots})


def _rows(
    measurement: Measurement, tasks: list[Task], agent: str, seed: int, task_set: str, split: str
) -> NDArray[np.void]:
    rows = np.zeros(len(tasks), COLUMNS)
    rows["agent"], rows["seed"], rows["task_set"], rows["split"] = agent, seed, task_set, split
    rows["task_id"] = [task.id for task in tasks]
    rows["shot"], rows["episode"] = measurement.shot, measurement.episode
    measured, ledger = measurement.episodes, measurement.ledger
    for name, values in (
        ("return", measured.returns),
        ("distance", measured.distance),
        ("energy", measured.energy),
        ("length", measured.length),
        ("fell", measured.fell),
        ("diverged", measured.diverged),
        ("adaptation_env_steps", ledger.env_steps),
    ):
        rows[name] = values[: len(tasks)]  # the rest only fills the batch
    rows["adaptation_gradient_steps"] = ledger.gradient_steps
    rows["adaptation_seconds"] = ledger.seconds
    return rows


def _meta(
    task_set: TaskSet,
    split: str,
    tasks: list[Task],
    shots: Sequence[int],
    episodes: int,
    seed: int,
    started: float,
) -> dict[str, Any]:
    return {
        "task_set": task_set.id,
        "task_set_hash": task_set.hash,
        "environment": task_set.environment.id(),
        "splits": [split],
        "shots": list(shots),
        "episodes": episodes,
        "evaluation_seed": seed,
        "distance": task_set.environment.distance_name,
        "weight": task_set.environment.weight() if task_set.environment.travels else None,
        "damage_kinds": sorted(task_set.damage),
        "tasks": {task.id: task.changes() for task in tasks},
        "command": command(),
        "machine": machine(),
        "wall_seconds": time.perf_counter() - started,
    }


def _fill(agent: AdaptiveAgent, split: str, tasks: list[Task]) -> list[Task]:
    """Return the tasks of the split, padded to the smallest batch.

    The swapped-context control is given the ids of the tasks.

    Raises:
        FastadaptError: contexts are swapped, and the padding would take part.
    """
    if isinstance(agent, SwappedContext):
        if len(tasks) < LEAST:
            raise FastadaptError(
                f"'{split}' has {len(tasks)} tasks; the swapped-context control needs at least "
                f"{LEAST}. Choose a larger split, or leave out --ablate."
            )
        agent.set_tasks([task.id for task in tasks])
    return [*tasks, *[tasks[-1]] * (LEAST - len(tasks))]
