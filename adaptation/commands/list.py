"""`fastadapt list`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import tyro


@dataclass(frozen=True)
class List:
    """List what can be named in other commands and in task-set files."""

    what: tyro.conf.Positional[
        Literal["all", "environments", "task-sets", "agents", "perturbations"]
    ] = "all"
    """What to list."""


def run(arguments: list[str]) -> None:
    """Parse and list."""
    args = tyro.cli(List, args=arguments, prog="fastadapt list")
    sections: dict[str, Callable[[], list[tuple[str, str]]]] = {
        "environments": _environments,
        "task-sets": _task_sets,
        "agents": _agents,
        "perturbations": _perturbations,
    }
    for name, rows in sections.items():
        if args.what in ("all", name):
            if args.what == "all":
                print(f"{name}:")
            for key, text in rows():
                print(f"  {key:<20}{text}")


def _environments() -> list[tuple[str, str]]:
    from fastadapt.envs.environment import environments

    return [(cls.id(), cls.summary) for cls in environments().values()]


def _task_sets() -> list[tuple[str, str]]:
    from fastadapt.envs import list_task_sets, load_task_set

    return [(name, load_task_set(name).file.description) for name in list_task_sets()]


def _agents() -> list[tuple[str, str]]:
    from fastadapt.agents.registry import AGENTS

    return [(name, _first_line(cls)) for name, cls in AGENTS.items()]


def _perturbations() -> list[tuple[str, str]]:
    from fastadapt.envs.perturbations import perturbation_kinds

    return [(kind, _first_line(cls)) for kind, cls in perturbation_kinds().items()]


def _first_line(cls: type) -> str:
    return (cls.__doc__ or "").strip().splitlines()[0]
