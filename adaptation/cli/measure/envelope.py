"""Measure where an agent succeeds over two parameters and damage, and what adaptation adds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class EnvelopeOptions:
    """Measure the envelope of agents: where on a grid of parameters they succeed.

    One page with a verdict, tables and heat maps, and a CSV with the parameters by name.
    """

    runs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="RUN...")]
    """Run directories or zoo:NAME, all of one robot."""
    over: Annotated[tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="AXIS")] = ()
    """An axis, once or twice: NAME=LOW:HIGH:COUNT, such as payload.mass[trunk]=0:8:9, with ':log'
    for equal ratios, or NAME=V1,V2,...."""
    damage: Annotated[
        tyro.conf.UseAppendAction[tuple[str, ...]], tyro.conf.arg(metavar="DAMAGE")
    ] = ()
    """Damage beside none, as often as wanted: PERTURBATION:TARGET, such as dead:FL_calf, or
    NAME=VALUE."""
    shots: tuple[int, ...] = (0, 1, 5)
    """Numbers of adaptation episodes after which to measure."""
    robots: int = 8
    """Robots in every cell, each with a start of its own."""
    seed: int = 0
    """Seed of starts, goals and exploration."""
    task_set: str | None = None
    """Task set that declares the parameters, of the same robot (default: that of the first run)."""
    constant: bool = True
    """Measure the constant context too, where an agent has one: itself without information."""
    out: Path | None = None
    """Folder of the page: new, or one where the same was begun (default: in the directory of a
    single run, else 'envelope')."""
    threads: int = 0
    """Threads that simulate (0: one per processor)."""


def run(arguments: list[str]) -> None:
    """Parse, measure, report."""
    args = tyro.cli(EnvelopeOptions, args=arguments, prog="fastadapt envelope")
    from fastadapt.adaptation.envelope.run import envelope
    from fastadapt.adaptation.progress import EvaluationProgress

    try:
        with EvaluationProgress() as progress:
            found = envelope(
                args.runs,
                args.over,
                args.damage,
                args.shots,
                args.robots,
                args.seed,
                task_set=args.task_set,
                constant=args.constant,
                out=args.out,
                num_threads=args.threads,
                on_progress=progress,
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "stopped; measured agents are saved. Run the same command to continue."
        ) from None
    print(found.findings.markdown())
    print(f"Page: {found.page}")
