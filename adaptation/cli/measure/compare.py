"""Compare evaluated runs in one report: tables with intervals, plots, one offline page."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Compare:
    """Compare evaluated runs: tables with intervals, plots, one offline page."""

    runs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="RUN...")]
    """Run directories or zoo:NAME, each evaluated before with `fastadapt evaluate`."""
    out: Path = Path("report")
    """Folder for the page: new, or one that an earlier comparison wrote."""
    split: tuple[str, ...] = ()
    """Splits to compare (default: all that were evaluated)."""
    references: Path | None = None
    """Reference scores to normalise with (default: those shipped for the task set, if any)."""


def run(arguments: list[str]) -> None:
    """Parse, compare, report."""
    args = tyro.cli(Compare, args=arguments, prog="fastadapt compare")
    from fastadapt.adaptation.report.compare import compare

    found = compare(args.runs, args.out, args.split, args.references)
    print(found.markdown())
    print(f"Report: {found.page}")
