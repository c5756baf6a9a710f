"""Few-shot evaluation of an agent on the frozen tasks of a split."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.adaptation.evaluation.columns import COLUMNS
from fastadapt.adaptation.evaluation.measured_tasks import HEALTHY, MeasuredTasks, measured_tasks
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.progress import EvaluationProgress
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
    split: str | None = None,
    shots: Sequence[int] = (0, 1, 2, 5),
    episodes: int = 2,
    seed: int = 0,
    *,
    tasks: Sequence[Task] | None = None,
    num_threads: int = 0,
    name: str | None = None,
    progress: bool | None = None,
    on_measure: Callable[[Measurement], None] | None = None,
) -> Result:
    """Measure the few-shot adaptation of an agent on the frozen tasks of a split, or given ones.

    Args:
        agent: any object with the methods of `AdaptiveAgent`.
        task_set: that declares the tasks.
        split: one of its splits, or `healthy`: the unperturbed robot from several starts.
        shots: numbers of shots after which to measure.
        episodes: measured episodes for each task and number of shots.
        seed: of starts, goals and exploration.
        tasks: of the task set, to measure in place of a split's, e.g. from `TaskSet.task`; equal
            ones are measured from different starts.
        num_threads: threads that simulate; 0 means one per processor.
        name: of the agent in the table (default: the agent's own).
        progress: whether to show a bar (default: in notebooks).
        on_measure: called after every measured episode of all tasks.

    Raises:
        FastadaptError: no such split, a task of another task set, or an impossible number.
    """
    started = time.perf_counter()
    _check(agent, task_set)
    measured = measured_tasks(task_set, split, tasks)
    shots = checked_shots(shots)
    episodes, seed = whole_number("episodes", episodes, 1), whole_number("seed", seed, 0)
    robots = _fill(agent, measured)
    envs = make_batch(task_set, len(robots.tasks), num_threads, context=agent_context(agent))
    label = checked_label(name or agent_name(agent))
    parts: list[NDArray[np.void]] = []
    title, total = f"{label} on {measured.split}", len(shots) * episodes
    with _bar(progress) as show:
        show(title, 0, total)

        def keep(measurement: Measurement) -> None:
            parts.append(_rows(measurement, measured, label, agent_seed(agent), task_set.id))
            show(title, len(parts), total)
            if on_measure is not None:
                on_measure(measurement)

        with single_threaded():
            run_trials(
                agent, envs, robots.tasks, shots, episodes, seed, on_measure=keep,
                keys=robots.labels,
            )  # fmt: skip
    meta = _meta(task_set, measured, shots, episodes, seed, started)
    return Result(np.concatenate(parts), meta)


@contextmanager
def _bar(shown: bool | None) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar (None: in notebooks) while the block runs."""
    shell = sys.modules.get("IPython")
    kernel = getattr(shell.get_ipython(), "kernel", None) if shell is not None else None
    if not (kernel is not None if shown is None else shown):
        yield lambda *_: None
        return
    with EvaluationProgress() as progress:
        yield progress


def checked_label(label: str) -> str:
    """Return the name of an agent in a table.

    Raises:
        FastadaptError: it is too long.
    """
    if len(label) > 64:
        raise FastadaptError(f"'{label}' is too long: agents have up to 64 characters.")
    return label


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
    measurement: Measurement, of: MeasuredTasks, agent: str, seed: int, task_set: str
) -> NDArray[np.void]:
    rows = np.zeros(len(of.tasks), COLUMNS)
    rows["agent"], rows["seed"], rows["task_set"], rows["split"] = agent, seed, task_set, of.split
    rows["task_id"] = of.labels
    rows["shot"], rows["episode"] = measurement.shot, measurement.episode
    measured, ledger = measurement.episodes, measurement.ledger
    for name, values in (
        ("return", measured.returns),
        ("distance", measured.distance),
        ("energy", measured.energy),
        ("length", measured.length),
        ("fell", measured.fell),
        ("diverged", measured.diverged),
        ("success", measured.success),
        ("adaptation_env_steps", ledger.env_steps),
    ):
        rows[name] = values[: len(rows)]  # the rest only fills the batch
    rows["adaptation_gradient_steps"] = ledger.gradient_steps
    rows["adaptation_seconds"] = ledger.seconds
    return rows


def _meta(
    task_set: TaskSet,
    measured: MeasuredTasks,
    shots: Sequence[int],
    episodes: int,
    seed: int,
    started: float,
) -> dict[str, Any]:
    nominal = task_set.nominal
    return {
        "task_set": task_set.id,
        "task_set_hash": task_set.hash,
        "environment": task_set.environment.id(),
        "splits": [measured.split],
        "shots": list(shots),
        "episodes": episodes,
        "evaluation_seed": seed,
        "distance": task_set.environment.distance_name,
        "weight": task_set.environment.weight() if task_set.environment.travels else None,
        "damage_kinds": sorted(task_set.damage),
        "tasks": measured.changes,
        "nominal": dict(zip(nominal.names, nominal.values, strict=True)),
        "success": None if task_set.success is None else str(task_set.success),
        "command": command(),
        "machine": machine(),
        "wall_seconds": time.perf_counter() - started,
    }


def _fill(agent: AdaptiveAgent, measured: MeasuredTasks) -> MeasuredTasks:
    """Return the tasks, padded to the smallest batch.

    The swapped-context control is given the ids of the tasks; on the healthy robot, whose starts
    differ and nothing else, contexts are swapped between the starts.

    Raises:
        FastadaptError: contexts are swapped, and the padding would take part.
    """
    tasks, labels, split = measured.tasks, measured.labels, measured.split
    if isinstance(agent, SwappedContext):
        if len(tasks) < LEAST:
            raise FastadaptError(
                f"'{split}' has {len(tasks)} tasks; the swapped-context control needs at least "
                f"{LEAST}. Choose a larger split, or leave out --ablate."
            )
        agent.set_tasks(labels if split == HEALTHY else [task.id for task in tasks])
    missing = max(0, LEAST - len(tasks))
    return replace(
        measured, tasks=tasks + tasks[-1:] * missing, labels=labels + labels[-1:] * missing
    )
