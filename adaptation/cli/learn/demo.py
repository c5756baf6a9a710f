"""Train a small PEARL on a damaged arm, measure its recovery, write a report (minutes)."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro

SETTINGS: dict[str, Any] = {"sac": {"gamma": 0.9, "kl_weight": 0.01}}
"""Settings that learn fastest within the minutes of a demo."""
AGENT, TASK_SET = "pearl", "reacher-damage"


@dataclass(frozen=True)
class Demo:
    """Train PEARL on a damaged arm, measure its recovery on unseen damage, write a report."""

    out: Path = Path("runs/demo")
    """Run directory; an interrupted demo resumes when run again."""
    seed: int = 0
    """Seed of everything random."""
    iterations: int = 40
    """Iterations of training (fewer: faster, and worse)."""


def run(arguments: list[str]) -> None:
    """Parse, train, evaluate, report."""
    args = tyro.cli(Demo, args=arguments, prog="fastadapt demo")
    started = time.perf_counter()
    from fastadapt.adaptation.progress import TrainingProgress
    from fastadapt.adaptation.report.run_page import report_run
    from fastadapt.adaptation.training import Interrupted, train

    print(
        "An arm of four joints carries an object to goals. The object may be heavy, the joints\n"
        "may rub, the camera may be displaced, and one joint may be weak, dead or locked. PEARL\n"
        "does not observe any of this: it infers it from its own episodes."
    )
    with TrainingProgress(f"{AGENT} on {TASK_SET}", args.iterations) as progress:
        try:
            trained = train(
                AGENT,
                TASK_SET,
                args.out,
                args.seed,
                args.iterations,
                report=progress,
                keep_replay=False,  # it is most of what a demo would leave on the disk
                **SETTINGS,
            )
        except Interrupted:
            raise KeyboardInterrupt(
                f"stopped; everything is saved in '{args.out}'. Run `fastadapt demo` to resume."
            ) from None
    print("Measuring on new tasks (joint2 was never damaged in training):")
    _measure(trained)
    print(f"Report: {report_run(trained)}")
    print(f"Done in {time.perf_counter() - started:.0f} s.")


def _measure(trained: Any) -> None:
    """Evaluate the agent and its constant-context control, and print what adaptation adds."""
    from fastadapt.adaptation.evaluation.evaluate_run import evaluate_run
    from fastadapt.adaptation.evaluation.paired import compare_agents
    from fastadapt.adaptation.evaluation.results import Result
    from fastadapt.adaptation.progress import EvaluationProgress

    with EvaluationProgress() as progress:
        parts = [
            evaluate_run(trained, ablate=ablate, on_progress=progress)
            for ablate in (None, "constant-context")
        ]
    both = Result.concatenate(parts)
    print(both.markdown())
    most = max(both.shots(AGENT, both.splits[0]))
    for split in both.splits:
        names = (AGENT, f"{AGENT}-constant-context")
        gain = compare_agents(both, both, split, most, names).mean
        print(f"Gain over a constant belief after {most} shots on {split}: {gain} (paired)")
