"""Fit a task set to a recorded log: laws around what the robot's own data says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class FitOptions:
    """Fit a task set to recorded logs of a robot.

    Writes a task set with laws around the estimates, and a page with intervals, warnings and the
    log against the simulation, before and after. What the log does not tell is named, with the
    motion that would, and keeps its declared range.
    """

    task_set: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TASK_SET")]
    """Path to a TOML file, with a table [log] unless the log is one of fastadapt's own; or a
    shipped task set."""
    log: tuple[Path, ...]
    """Logs: CSV, Parquet, HDF5, MCAP, a folder with a ROS 2 bag or a LeRobot data set."""
    out: Path = Path("fitted.toml")
    """The new task set; the page stands beside it."""
    seconds: float = 0.5
    """Length of a segment."""
    segments: int = 24
    """Most segments, a quarter of which is held out."""
    method: Literal["least-squares", "cma"] = "least-squares"
    """Solver: least squares, or an evolution strategy before it (slow; for poor starts)."""
    threads: int = 0
    """Threads of the simulation (0: one per processor)."""
    seed: int = 0
    """Seed of starts and resamples."""


def run(arguments: list[str]) -> None:
    """Parse, fit, write, print."""
    args = tyro.cli(FitOptions, args=arguments, prog="fastadapt fit")
    from rich.console import Console
    from rich.markup import escape

    from fastadapt.adaptation.logs.fit import fit_logs
    from fastadapt.adaptation.logs.fitted_set import write_fitted
    from fastadapt.adaptation.report.log_fit import summary_lines, write_fit_page
    from fastadapt.envs import load_task_set
    from fastadapt.envs.tasks.shipped import list_task_sets
    from fastadapt.errors import FastadaptError

    if args.out.suffix != ".toml" or args.out.exists():
        what = "exists already" if args.out.exists() else "does not end with .toml"
        raise FastadaptError(f"'{args.out}' {what}. Choose another --out.")
    if not args.seconds > 0 or args.segments < 4:
        raise FastadaptError("--seconds must be positive, and --segments at least 4.")
    task_set = load_task_set(args.task_set)
    found = fit_logs(
        task_set, args.log, seconds=args.seconds, segments=args.segments, method=args.method,
        num_threads=args.threads, seed=args.seed,
    )  # fmt: skip
    origin = None if args.task_set in list_task_sets() else Path(args.task_set)
    write_fitted(found, args.out, origin)
    page = write_fit_page(found, args.out.with_suffix(".html"))
    console = Console(highlight=False, soft_wrap=True)
    for line in summary_lines(found):
        console.print(escape(line))
    console.print(f"Task set: {args.out}\nReport: {page}")
