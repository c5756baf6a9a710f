"""List environments, objectives, task sets, agents and perturbations."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import tyro

Rows = list[tuple[str, str]]


@dataclass(frozen=True)
class List:
    """List the names that other commands and task-set files accept."""

    what: tyro.conf.Positional[
        Literal["all", "environments", "objectives", "task-sets", "agents", "perturbations"]
    ] = "all"
    """Kind of name."""


def run(arguments: list[str]) -> None:
    """Parse and list."""
    args = tyro.cli(List, args=arguments, prog="fastadapt list")
    sections: dict[str, Callable[[], Mapping[str, Rows]]] = {
        "environments": _environments,
        "objectives": _objectives,
        "task-sets": _task_sets,
        "agents": _agents,
        "perturbations": _perturbations,
    }
    for name, groups in sections.items():
        if args.what in ("all", name):
            if args.what == "all":
                print(f"{name}:")
            _print(groups())


def _print(groups: Mapping[str, Rows]) -> None:
    """Print rows of a name and a text, under the names of their groups."""
    width = 2 + max(20, *(len(key) for rows in groups.values() for key, _ in rows))
    columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else 10_000
    for group, rows in groups.items():
        if group:
            print(f"  {group}")
        indent = "    " if group else "  "
        for key, text in rows:
            first, rest = f"{indent}{key:<{width}}", indent + " " * width
            print(textwrap.fill(text, columns, initial_indent=first, subsequent_indent=rest))


def _environments() -> Mapping[str, Rows]:
    from fastadapt.envs.catalogue import environments

    return {"": [(cls.id(), cls.summary) for cls in environments().values()]}


def _objectives() -> Mapping[str, Rows]:
    from fastadapt.envs.objectives.catalogue import objectives

    return {"": [(name, _first_line(cls)) for name, cls in objectives().items()]}


def _task_sets() -> Mapping[str, Rows]:
    """Return the shipped task sets, by environment."""
    from fastadapt.envs.catalogue import environments
    from fastadapt.envs.tasks.shipped import declarations

    groups: dict[str, Rows] = {name: [] for name in environments()}
    for name, content in declarations().items():
        groups.setdefault(content["environment"], []).append((name, content["description"]))
    return {name: rows for name, rows in groups.items() if rows}


def _agents() -> Mapping[str, Rows]:
    from fastadapt.agents.registry import agent_summaries

    return {"": list(agent_summaries().items())}


def _perturbations() -> Mapping[str, Rows]:
    from fastadapt.envs.perturbations import perturbation_kinds

    rows: Rows = []
    for kind, cls in perturbation_kinds().items():
        named = ", ".join(_with_unit(p.name, p.unit) for p in cls.parameters)
        rows.append((kind, f"{_first_line(cls)} ({named})"))
    return {"": rows}


def _with_unit(name: str, unit: str) -> str:
    return name if unit == "-" else f"{name} [{unit}]"


def _first_line(cls: type) -> str:
    return (cls.__doc__ or "").strip().splitlines()[0]
