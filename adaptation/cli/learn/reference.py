"""Train and measure the baselines that scores are normalised with."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from fastadapt.adaptation.cli.aliases import replace_aliases

if TYPE_CHECKING:
    from fastadapt.adaptation.references.scores import References

_ALIASES = {"--iterations.floor": "--iterations.nominal", "--floor": "--nominal"}


@dataclass(frozen=True)
class Budgets:
    """Iterations of training for each baseline."""

    nominal: int = 40
    """The agent trained on the healthy robot only."""
    domain_randomised: int = 100
    """The memoryless agent trained on all tasks."""
    oracle: int = 120
    """The agent that observes the parameters of the task."""


@dataclass(frozen=True)
class Reference:
    """Make the reference scores of a task set: nominal, domain-randomised, oracle and random.

    Given a task set, it trains each baseline with each seed and measures it on every test split.
    Interrupted runs resume; start the command in a second terminal to split the work. Baselines
    with evaluated runs of your own are not trained. The file holds the mean return on each frozen
    task before any shot; `fastadapt compare --references FILE` normalises with it.
    """

    out: Path
    """File to write, e.g. references/my-robot-v0.json."""
    task_set: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="TASK_SET")] = None
    """Shipped task set, or path to a TOML file; without it, only the given runs are used."""
    runs: Path = Path("runs/references")
    """Folder of the trainings."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of training."""
    algorithm: Literal["sac", "ppo", "sb3-ppo", "sb3-sac"] = "sac"
    """Algorithm that trains: our SAC or PPO, or those of Stable-Baselines3."""
    gamma: float | None = None
    """Discount per control step (default: that of the agent)."""
    iterations: Budgets = field(default_factory=Budgets)
    """Iterations of training for each baseline."""
    episodes: int = 4
    """Measured episodes for each task."""
    threads: int = 0
    """Threads that simulate (0: one per processor)."""
    nominal: tuple[str, ...] = ()
    """Evaluated runs of the agent trained on the healthy robot only, in place of training."""
    oracle: tuple[str, ...] = ()
    """Evaluated runs of the agent that observes the parameters of the task."""
    domain_randomised: tuple[str, ...] = ()
    """Evaluated runs of the memoryless agent trained on all tasks."""
    random: tuple[str, ...] = ()
    """Evaluated directories of --agent random."""
    rivals: tuple[str, ...] | None = None
    """Runs that the oracle has to match: where one beats it, nothing is written (default: the
    shipped agents of the task set)."""


def run(arguments: list[str]) -> None:
    """Parse, make the references, write them."""
    arguments = replace_aliases(arguments, _ALIASES)
    args = tyro.cli(Reference, args=arguments, prog="fastadapt reference")
    from fastadapt.errors import FastadaptError

    if args.out.exists():
        raise FastadaptError(f"'{args.out}' exists; nothing was written. Choose another --out.")
    _check_folder(args.out)
    found = _make(args)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    found.save(args.out)
    print(f"{args.out}: {', '.join(found.returns)} on {', '.join(found.splits)}.")


def _check_folder(out: Path) -> None:
    """Refuse a file that cannot be written, before hours of training."""
    from fastadapt.errors import FastadaptError

    nearest = next(folder for folder in out.absolute().parents if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        why = "is not writable" if nearest.is_dir() else "is not a folder"
        raise FastadaptError(
            f"'{out}' cannot be written: '{nearest}' {why}. Nothing was trained. Choose another "
            "--out."
        )


def options_of(args: Reference) -> dict[str, Any]:
    """Return the settings of the trained agents that differ from the defaults."""
    if args.gamma is None:
        return {}
    name = {"sac": "sac", "ppo": "ppo", "sb3-ppo": "ppo"}.get(args.algorithm)
    return {name: {"gamma": args.gamma}} if name else {"gamma": args.gamma}


def _make(args: Reference) -> References:
    from fastadapt.adaptation.progress import TrainingProgress
    from fastadapt.adaptation.references.make import make_references
    from fastadapt.adaptation.training import Interrupted

    try:
        return make_references(
            args.task_set,
            args.runs,
            given={
                "nominal": args.nominal,
                "domain-randomised": args.domain_randomised,
                "oracle": args.oracle,
                "random": args.random,
            },
            iterations={
                "nominal": args.iterations.nominal,
                "domain-randomised": args.iterations.domain_randomised,
                "oracle": args.iterations.oracle,
            },
            algorithm=args.algorithm,
            seeds=args.seeds,
            episodes=args.episodes,
            num_threads=args.threads,
            options=options_of(args),
            rivals=args.rivals,
            watch=lambda step: TrainingProgress(str(step.out), step.iterations),
        )
    except Interrupted:
        raise KeyboardInterrupt(
            f"stopped; everything is saved in '{args.runs}'. Run the same command to resume."
        ) from None
