"""`fastadapt reference`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

if TYPE_CHECKING:
    from fastadapt.adaptation.references.make import Step
    from fastadapt.adaptation.references.scores import References
    from fastadapt.adaptation.runs.run import Run


@dataclass(frozen=True)
class Budgets:
    """Iterations of training for each arm."""

    floor: int = 40
    """The agent trained on the healthy robot only."""
    domain_randomised: int = 100
    """The memoryless agent trained on all tasks."""
    oracle: int = 120
    """The agent that sees the parameters of the task."""


@dataclass(frozen=True)
class Reference:
    """Make the reference scores of a task set: floor, domain-randomised, oracle and random.

    Given a task set, it trains each arm with each seed and measures it on every test split. Killed
    or stopped, the same command goes on; the same command in a second terminal shares the work.
    Arms of which you give evaluated runs are not trained. Kept is the mean return on each frozen
    task before any shot; `fastadapt compare --references FILE` normalises with it.
    """

    out: Path
    """File to write, e.g. references/my-robot-v0.json."""
    task_set: Annotated[tyro.conf.Positional[str | None], tyro.conf.arg(metavar="TASK_SET")] = None
    """Shipped task set, or path to a TOML file; left out, all arms come from given runs."""
    runs: Path = Path("runs/references")
    """Folder of the trainings."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of training."""
    algorithm: Literal["sac", "ppo", "sb3-ppo", "sb3-sac"] = "sac"
    """What trains: our own SAC or PPO, or those of Stable-Baselines3."""
    gamma: float | None = None
    """Discount per control step, where it is not to be the default."""
    iterations: Budgets = field(default_factory=Budgets)
    """Iterations of training for each arm."""
    episodes: int = 4
    """Measured episodes for each task."""
    threads: int = 0
    """Threads that simulate (0: one per processor)."""
    floor: tuple[Path, ...] = ()
    """Evaluated runs of the agent trained on the healthy robot only, in place of training."""
    oracle: tuple[Path, ...] = ()
    """Evaluated runs of the agent that sees the parameters of the task."""
    domain_randomised: tuple[Path, ...] = ()
    """Evaluated runs of the memoryless agent trained on all tasks."""
    random: tuple[Path, ...] = ()
    """Evaluated directories of --agent random."""


def run(arguments: list[str]) -> None:
    """Parse, train what is missing, collect, write."""
    args = tyro.cli(Reference, args=arguments, prog="fastadapt reference")
    from fastadapt.adaptation.evaluation.load import load_results
    from fastadapt.adaptation.references.scores import make_references
    from fastadapt.adaptation.runs.external import open_measured
    from fastadapt.envs import FastadaptError

    if args.out.exists():
        raise FastadaptError(f"'{args.out}' exists; nothing was written. Choose another --out.")
    _check_folder(args.out)
    paths = {
        "floor": args.floor,
        "domain-randomised": args.domain_randomised,
        "oracle": args.oracle,
        "random": args.random,
    }
    given = {role: [open_measured(path) for path in some] for role, some in paths.items() if some}
    if args.task_set is not None:
        found = _make(args, given)
    else:
        found = make_references(
            {role: [load_results(one) for one in some] for role, some in given.items()}
        )
    args.out.parent.mkdir(parents=True, exist_ok=True)
    found.save(args.out)
    print(f"{args.out}: {', '.join(found.returns)} on {', '.join(found.splits)}.")


def _check_folder(out: Path) -> None:
    """Refuse a file whose folder cannot be made: that must not show after hours of training."""
    from fastadapt.envs import FastadaptError

    nearest = next(folder for folder in out.absolute().parents if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        why = "cannot be written to" if nearest.is_dir() else "is no folder"
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


def _make(args: Reference, given: dict[str, list[Run]]) -> References:
    """Train the arms of which no runs were given."""
    from fastadapt.adaptation.cli.progress import TrainingProgress
    from fastadapt.adaptation.references.make import (
        ReferencePlan,
        collect_references,
        make_reference_runs,
    )
    from fastadapt.adaptation.training import Interrupted

    budgets = {
        "floor": args.iterations.floor,
        "domain-randomised": args.iterations.domain_randomised,
        "oracle": args.iterations.oracle,
    }
    wanted = {role: budget for role, budget in budgets.items() if role not in given}
    plan = ReferencePlan(
        str(args.task_set),
        args.runs,
        wanted,
        args.algorithm,
        args.seeds,
        args.episodes,
        args.threads,
        options_of(args),
    )

    def watch(step: Step) -> TrainingProgress:
        return TrainingProgress(str(step.out), step.iterations)

    try:
        made = make_reference_runs(plan, watch)
    except Interrupted:
        raise KeyboardInterrupt(
            f"stopped; everything is saved in '{args.runs}'. Run the same command to go on."
        ) from None
    return collect_references(plan, {**made, **given})
