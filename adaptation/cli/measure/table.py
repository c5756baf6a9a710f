"""Make one results table per task set: all agents on all test splits, as Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class ResultTable:
    """One table for each task set: every agent on every test split, normalised, with its budget.

    Runs of one agent that differ only in their seed are pooled.
    """

    runs: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="RUN...")]
    """Run directories or zoo:NAME, each evaluated before with `fastadapt evaluate`."""
    split: tuple[str, ...] = ()
    """Splits to show (default: all test splits that were evaluated)."""
    references: tuple[Path, ...] = ()
    """Reference scores to normalise with (default: those shipped for the task sets)."""
    into: Path | None = None
    """Markdown file to update: the text between `<!-- fastadapt table: ID -->` and
    `<!-- /fastadapt table -->` is replaced by the table of task set ID (default: print only)."""


def run(arguments: list[str]) -> None:
    """Parse, make the tables, print or insert them."""
    args = tyro.cli(ResultTable, args=arguments, prog="fastadapt table")
    from fastadapt.adaptation.report.leaderboard import put_into, result_tables

    tables = result_tables(args.runs, args.split, args.references)
    print("\n".join(tables.values()))
    if args.into is not None:
        put_into(args.into, tables)
        print(f"Written into {args.into}.")
