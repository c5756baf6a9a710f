"""What an evaluation measures: task set, and tasks of a split, the healthy robot, or given ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from fastadapt.adaptation.runs.run import Run
from fastadapt.agents.interface import agent_context
from fastadapt.envs import Task, TaskSet, load_task_set
from fastadapt.envs.environment import Environment
from fastadapt.errors import FastadaptError, unknown_name

HEALTHY = "healthy"
"""Split of every task set: the nominal task from several starts, to see whether adapting harms."""
STARTS = 20
"""Starts of the healthy robot."""
GIVEN = "given"
"""Name of the split of tasks that were given in place of a split's."""
_MOST_EQUAL = 1000


@dataclass(frozen=True)
class MeasuredTasks:
    """Tasks, the name of their split, and their labels in a results table.

    Attributes:
        split: its name.
        tasks: one for each robot.
        labels: the id of each task; an equal task is numbered, `<id>-000`, and is measured from
            another start.
    """

    split: str
    tasks: tuple[Task, ...]
    labels: tuple[str, ...]

    @property
    def changes(self) -> dict[str, dict[str, float]]:
        """Parameters that differ from nominal, by label of the task and by name."""
        return {k: task.changes() for k, task in zip(self.labels, self.tasks, strict=True)}


def measured_tasks(
    task_set: TaskSet, split: str | None, tasks: Sequence[Task] | None = None
) -> MeasuredTasks:
    """Return the tasks of a split, or the given ones.

    Args:
        task_set: of the tasks.
        split: one of its splits, or `healthy`; with `tasks`, the name of their split in the results
            (default: `given`).
        tasks: in place of those of a split, e.g. from `TaskSet.task`.

    Raises:
        FastadaptError: no such split, neither was given, or a task is of another task set.
    """
    if tasks is None:
        chosen = split_tasks(task_set, split)
    else:
        chosen = [tasks] if isinstance(tasks, Task) else list(tasks)
        if not chosen:
            raise FastadaptError("There is no task to measure: give at least one in `tasks`.")
        task_set.vectors(chosen)
        split = split or GIVEN
        if split in (*task_set.splits, HEALTHY):
            raise FastadaptError(
                f"'{split}' is a split of '{task_set.name}': give these tasks another name, or "
                "leave it out."
            )
    return MeasuredTasks(str(split), tuple(chosen), tuple(labelled(chosen)))


def split_tasks(task_set: TaskSet, split: Any) -> list[Task]:
    """Return the frozen tasks of a split, `healthy` among them.

    Raises:
        FastadaptError: there is no such split.
    """
    if split is None:
        raise FastadaptError("Nothing to measure: name a split, or give `tasks`.")
    if split == HEALTHY and HEALTHY not in task_set.splits:
        return [task_set.nominal] * STARTS
    if split not in task_set.splits:
        known = dict.fromkeys((*task_set.splits, HEALTHY))
        raise unknown_name(f"split of task set '{task_set.name}' called", str(split), known)
    return task_set.tasks(split)


def labelled(tasks: Sequence[Task]) -> list[str]:
    """Return the ids of tasks; those of equal tasks are numbered.

    Raises:
        FastadaptError: too many are equal.
    """
    counts = Counter(task.id for task in tasks)
    most = max(counts.values(), default=0)
    if most > _MOST_EQUAL:
        raise FastadaptError(f"{most} tasks are equal; measure one up to {_MOST_EQUAL} times.")
    numbers = {task: count() for task in counts}
    return [f"{t.id}-{next(numbers[t.id]):03d}" if counts[t.id] > 1 else t.id for t in tasks]


def task_set_for(run: Run, other: str | Path | TaskSet | None) -> TaskSet:
    """Return the run's own task set, or another one that its agent can be measured on.

    Args:
        run: of the agent.
        other: a task set, its name or its file; None for the run's own.

    Raises:
        FastadaptError: it is of another robot.
    """
    own: TaskSet = run.task_set
    if other is None:
        return own
    found = other if isinstance(other, TaskSet) else load_task_set(other)
    if found.hash == own.hash and found.success == own.success:
        return own
    difference = _difference(own.environment, found.environment)
    if difference is not None:
        raise FastadaptError(
            f"'{run.path}' was trained on {own.id} ({own.environment.id()}), and {found.id} "
            f"({found.environment.id()}) is of another robot: {difference}. Choose a task set of "
            "the same robot."
        )
    return found


def check_told_nothing(agent: Any, run: Run, task_set: TaskSet) -> None:
    """Refuse an agent that observes the parameters of one task set on another one.

    Raises:
        FastadaptError: it does.
    """
    own: TaskSet = run.task_set
    if agent_context(agent) == "visible" and task_set.hash != own.hash:
        raise FastadaptError(
            f"The agent of '{run.path}' observes the parameters of {own.id}, which {task_set.id} "
            "does not have in that order and scale. Measure it on its own task set, or an agent "
            "that is not told them."
        )


def trained_on(run: Run) -> dict[str, str]:
    """Return id and hash of the task set of the run's training."""
    return {"task_set": run.config.task_set, "hash": run.config.task_set_hash}


def _difference(own: type[Environment], other: type[Environment]) -> str | None:
    """Return how robots differ in what agents observe and do; None: they do not."""
    if own is other:
        return None
    for what, mine, theirs in (
        ("observations", own.observations, other.observations),
        ("actions", own.actions(), other.actions()),
    ):
        if len(mine) != len(theirs):
            return f"{len(theirs)} {what} in place of {len(mine)}"
        for a, b in zip(mine, theirs, strict=True):
            if a != b:
                return f"{what} have '{b.name}' [{b.unit}] in place of '{a.name}' [{a.unit}]"
    if own.control_step() != other.control_step():
        return f"a control step of {other.control_step():g} s in place of {own.control_step():g} s"
    return None
