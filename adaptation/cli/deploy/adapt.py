"""Feed a recording of a robot to a trained agent, and print what it then believes."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class Adapt:
    """Feed a recording of a robot to a trained agent, and print what it then believes.

    The recording is a .parquet or .csv file with a row for each control step: `time`, `episode`,
    `observation.NAME` and `action.NAME` for each number of the task set, `reward`, and `terminated`
    where a step led to a failure. `fastadapt record` writes one in simulation.
    """

    run: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RUN")]
    """Run directory or zoo:NAME."""
    log: Path
    """The recording."""
    export: Path | None = None
    """Also write the adapted agent as an ONNX file."""
    read: bool = True
    """Also read parameters of the task from what it infers; training tasks are simulated for it."""


def run(arguments: list[str]) -> None:
    """Parse and adapt."""
    args = tyro.cli(Adapt, args=arguments, prog="fastadapt adapt")
    from fastadapt.adaptation.deploy.adapt import adapt

    found = adapt(args.run, args.log, args.export, read=args.read)
    print(found.text())
    if found.exported is not None:
        print(f"Wrote {', '.join(map(str, found.exported.files))}")
        for warning in found.exported.warnings:
            print(f"fastadapt: {warning}", file=sys.stderr)
