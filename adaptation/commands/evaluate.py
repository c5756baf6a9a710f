"""`fastadapt evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

if TYPE_CHECKING:
    from fastadapt.adaptation.results import Result


@dataclass(frozen=True)
class Evaluate:
    """Measure a trained agent on frozen tasks; results go into its run directory."""

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Run directory."""
    split: tuple[str, ...] = ("test_iid", "test_held_out_damage")
    """Splits of the task set."""
    shots: tuple[int, ...] = (0, 1, 2, 5)
    """Numbers of adaptation episodes after which to measure."""
    episodes: int = 2
    """Measured episodes for each task and number of shots."""
    seed: int = 0
    """Seed of starts and goals."""
    threads: int = 0
    """Threads that simulate (0: one per processor)."""
    without_memory: bool = False
    """Wipe RL²'s memory before every control step: what is left is reflex."""
    report: bool = True
    """Write report/index.html into the run directory."""


def run(arguments: list[str]) -> None:
    """Parse and evaluate."""
    args = tyro.cli(Evaluate, args=arguments, prog="fastadapt evaluate")
    print(measure(args).markdown())
    if args.report:
        from fastadapt.adaptation.run import load_run
        from fastadapt.adaptation.run_report import report_run

        opened = load_run(args.run)
        print(f"Report: {report_run(opened, opened.agent(memory=not args.without_memory))}")


def measure(args: Evaluate) -> Result:
    """Evaluate on every split, save each into the run directory, and return them as one result."""
    from rich.progress import Progress

    from fastadapt.adaptation.evaluation import evaluate
    from fastadapt.adaptation.results import Result
    from fastadapt.adaptation.run import load_run
    from fastadapt.envs import FastadaptError

    opened = load_run(args.run)
    agent = opened.agent(memory=not args.without_memory)
    task_set = opened.task_set
    splits = list(dict.fromkeys(args.split))
    if not splits:
        raise FastadaptError(f"No split given. Available: {', '.join(task_set.splits)}.")
    for split in splits:
        task_set.tasks(split)  # an unknown name must not cost the splits before it
    results: list[Result] = []
    with Progress(transient=True) as progress:
        for split in splits:
            bar = progress.add_task(
                f"{agent.name} on {split}", total=len(set(args.shots)) * args.episodes
            )
            result = evaluate(
                agent,
                task_set,
                split,
                args.shots,
                args.episodes,
                args.seed,
                num_threads=args.threads,
                on_measure=lambda _, bar=bar: progress.advance(bar),
            )
            result.meta["iterations"] = opened.iterations_done()
            suffix = "-without-memory" if args.without_memory else ""
            result.save(opened.path / "evaluations" / f"{split}-{args.seed}{suffix}")
            results.append(result)
    return Result.concatenate(results)
