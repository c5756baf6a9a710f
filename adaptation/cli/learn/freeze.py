"""Draw the test tasks of a task-set file once and write them beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Freeze:
    """Draw the tasks of all evaluation splits and write them beside each file.

    Once frozen, the tasks no longer depend on how they are drawn. Freezing again after the
    declaration changed draws new tasks; earlier results then belong to another version.
    """

    files: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="FILE.toml...")]
    """Task-set files."""


def run(arguments: list[str]) -> None:
    """Parse and freeze."""
    args = tyro.cli(Freeze, args=arguments, prog="fastadapt freeze")
    from fastadapt.envs.tasks.freeze import freeze_task_set
    from fastadapt.errors import FastadaptError

    if not args.files:
        raise FastadaptError("Nothing to freeze: give the path of at least one task-set file.")
    for path in args.files:
        print(freeze_task_set(path))
