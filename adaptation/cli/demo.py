"""`fastadapt demo`."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

SETTINGS: dict[str, Any] = {"sac": {"gamma": 0.9, "kl_weight": 0.01}}
"""What learns fastest within the few minutes of a demo."""
AGENT, TASK_SET = "pearl", "reacher-damage"


@dataclass(frozen=True)
class Demo:
    """Train PEARL on a damaged arm, measure its recovery on unseen damage, write a report."""

    out: Path = Path("runs/demo")
    """Run directory; a demo that was stopped goes on when run again."""
    seed: int = 0
    """Seed of everything random."""
    iterations: int = 40
    """Iterations of training (fewer: faster, and worse)."""


def run(arguments: list[str]) -> None:
    """Parse, train, evaluate, report."""
    args = tyro.cli(Demo, args=arguments, prog="fastadapt demo")
    started = time.perf_counter()
    from fastadapt.adaptation.cli.evaluate import Evaluate, measure
    from fastadapt.adaptation.cli.progress import TrainingProgress
    from fastadapt.adaptation.evaluation.paired import compare
    from fastadapt.adaptation.evaluation.results import Result
    from fastadapt.adaptation.report.run_page import report_run
    from fastadapt.adaptation.runs.run import load_run
    from fastadapt.adaptation.training import Interrupted, train

    print(
        "An arm of four joints carries an object to goals. Its object may be heavy, its joints\n"
        "may rub, its camera may be out of place, and one joint may be weak, dead or locked:\n"
        "nobody tells it. PEARL learns to find out from its own episodes."
    )
    with TrainingProgress(f"{AGENT} on {TASK_SET}", args.iterations) as progress:
        try:
            train(
                AGENT,
                TASK_SET,
                args.out,
                args.seed,
                args.iterations,
                report=progress,
                **SETTINGS,
            )
        except Interrupted:
            raise KeyboardInterrupt(
                f"stopped; everything is saved in '{args.out}'. Run `fastadapt demo` to go on."
            ) from None
    print("Measuring on tasks that it has never seen (joint2 was never damaged in training):")
    both = Result.concatenate(
        [measure(Evaluate(args.out, without_memory=wiped)) for wiped in (False, True)]
    )
    print(both.markdown())
    most = max(both.shots(AGENT, both.splits[0]))
    for split in both.splits:
        worth = compare(both, both, split, most, (AGENT, f"{AGENT}-without-memory")).mean
        print(f"What it found out in {most} shots is worth, on {split}: {worth} (paired)")
    run = load_run(args.out)
    print(f"Report: {report_run(run)}")
    print(f"Done in {time.perf_counter() - started:.0f} s.")
