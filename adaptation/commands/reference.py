"""`fastadapt reference`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Reference:
    """Make the reference scores of a task set from evaluated runs: floor, oracle, and others.

    Give one run for each training seed; what is kept is the mean return on each frozen task before
    any shot. `fastadapt compare --references FILE` normalises with them.
    """

    out: Path
    """File to write, e.g. references/my-robot-v0.json."""
    floor: tuple[Path, ...]
    """Evaluated runs of the agent trained on the healthy robot only."""
    oracle: tuple[Path, ...]
    """Evaluated runs of the agent that sees the parameters of the task."""
    domain_randomised: tuple[Path, ...] = ()
    """Evaluated runs of the memoryless agent trained on all tasks."""
    random: tuple[Path, ...] = ()
    """Evaluated directories of --agent random."""


def run(arguments: list[str]) -> None:
    """Parse, collect, write."""
    args = tyro.cli(Reference, args=arguments, prog="fastadapt reference")
    from fastadapt.adaptation.comparison import load_results
    from fastadapt.adaptation.guest import open_measured
    from fastadapt.adaptation.references import make_references
    from fastadapt.envs import FastadaptError

    if args.out.exists():
        raise FastadaptError(f"'{args.out}' exists; nothing was written. Choose another --out.")
    paths = {
        "floor": args.floor,
        "domain-randomised": args.domain_randomised,
        "oracle": args.oracle,
        "random": args.random,
    }
    roles = {
        role: [load_results(open_measured(path)) for path in given] for role, given in paths.items()
    }
    found = make_references(roles)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    found.save(args.out)
    print(f"{args.out}: {', '.join(found.returns)} on {', '.join(found.splits)}.")
