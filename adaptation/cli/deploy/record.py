"""Record a trial of an agent in simulation, in the format that a robot's recording has."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Record:
    """Record a trial of an agent in simulation, in the format that `fastadapt adapt` reads."""

    run: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RUN")]
    """Run directory or zoo:NAME."""
    split: str
    """Split that the task is from."""
    task: str | None = None
    """Id of the task, or its beginning (default: the first of the split)."""
    out: Path = Path("log.parquet")
    """The file to write, .parquet or .csv."""
    episodes: int = 1
    """Episodes of the trial."""
    seed: int = 0
    """Seed of starts and exploration."""
    deterministic: bool = False
    """Take the most likely actions, in place of those of shots."""


def run(arguments: list[str]) -> None:
    """Parse and record."""
    args = tyro.cli(Record, args=arguments, prog="fastadapt record")
    from fastadapt.adaptation.deploy.export import task_of
    from fastadapt.adaptation.deploy.recorded_trial import record
    from fastadapt.adaptation.runs.open_run import open_run
    from fastadapt.envs.arguments import whole_number

    opened = open_run(args.run)
    task = task_of(opened.task_set, args.split, args.task)
    steps = record(
        opened.agent(),
        opened.task_set,
        task,
        args.out,
        episodes=whole_number("episodes", args.episodes, 1),
        seed=whole_number("seed", args.seed, 0),
        explore=not args.deterministic,
    )
    print(f"Wrote {args.out}: {steps} control steps on task {task.id} of {args.split}")
    print("\n".join(f"  {name} = {value:.4g}" for name, value in task.changes().items()))
