"""`fastadapt table`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class ResultTable:
    """One table for each task set: every agent on every test split, normalised, with its budget.

    Runs of one agent that differ in the seed alone become one row.
    """

    runs: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="RUN...")]
    """Run directories, each evaluated before with `fastadapt evaluate`."""
    split: tuple[str, ...] = ()
    """Splits to show (default: all test splits that were evaluated)."""
    references: tuple[Path, ...] = ()
    """Reference scores to normalise with (default: those shipped for the task sets)."""
    into: Path | None = None
    """Markdown file whose part between `<!-- fastadapt table: ID -->`, ID that of a task set, and
    `<!-- /fastadapt table -->` becomes the set's table (default: they are only printed)."""


def run(arguments: list[str]) -> None:
    """Parse, make the tables, print or insert them."""
    args = tyro.cli(ResultTable, args=arguments, prog="fastadapt table")
    from fastadapt.adaptation.report.leaderboard import put_into, result_tables

    tables = result_tables(args.runs, args.split, args.references)
    print("\n".join(tables.values()))
    if args.into is not None:
        put_into(args.into, tables)
        print(f"Written into {args.into}.")
