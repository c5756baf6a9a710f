"""`fastadapt evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro


@dataclass(frozen=True)
class Evaluate:
    """Measure a trained agent on frozen tasks; results go into its run directory."""

    run: tyro.conf.Positional[Path]
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
    """Threads that simulate and compute (0: one per processor)."""
    without_memory: bool = False
    """Wipe RL²'s memory before every control step: what is left is reflex."""
    report: bool = True
    """Write report/index.html into the run directory."""


def run(arguments: list[str]) -> None:
    """Parse and evaluate."""
    args = tyro.cli(Evaluate, args=arguments, prog="fastadapt evaluate")
    import torch
    from rich.progress import Progress

    from fastadapt.adaptation.evaluation import evaluate
    from fastadapt.adaptation.results import Result
    from fastadapt.adaptation.run import load_run

    opened = load_run(args.run)
    torch.set_num_threads(args.threads or torch.get_num_threads())
    agent = opened.agent(memory=not args.without_memory)
    task_set = opened.task_set
    for split in args.split:
        task_set.tasks(split)  # an unknown name must not cost the splits before it
    results: list[Result] = []
    with Progress(transient=True) as progress:
        for split in args.split:
            bar = progress.add_task(split, total=len(set(args.shots)) * args.episodes)
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
            result.save(opened.path / "evaluations" / folder_of(agent.name, split, args.seed))
            results.append(result)
    print(Result.concatenate(results).markdown())
    if args.report:
        from fastadapt.adaptation.run_report import report_run

        page = report_run(opened, agent)
        print(f"Report: {page}")


def folder_of(agent: str, split: str, seed: int) -> str:
    """Return the name of an evaluation's folder; the ablation has one of its own."""
    suffix = "-without-memory" if agent.endswith("-without-memory") else ""
    return f"{split}-{seed}{suffix}"
