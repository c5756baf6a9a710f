"""`fastadapt tasks`: print the tasks of a split, with the names of their parameters."""

from __future__ import annotations

from dataclasses import dataclass

import tyro


@dataclass(frozen=True)
class Tasks:
    """Print the first tasks of a split."""

    task_set: tyro.conf.Positional[str]
    """Shipped name, or path to a TOML file."""
    split: str = "test_iid"
    """One of its splits."""
    count: int = 3
    """How many."""


def run(arguments: list[str]) -> None:
    """Parse and print."""
    from fastadapt.envs import load_task_set

    args = tyro.cli(Tasks, args=arguments, prog="fastadapt tasks")
    task_set = load_task_set(args.task_set)
    for task in task_set.tasks(args.split)[: args.count]:
        values = ", ".join(f"{n} = {v:g}" for n, v in zip(task_set.names, task.values, strict=True))
        print(f"{task.id}: {values}")
