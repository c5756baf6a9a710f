"""Run an exported policy in simulation, through onnxruntime and without torch."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class RunPolicy:
    """Run an exported policy on the tasks of a split, and print what `evaluate` prints.

    The controller is the one of a robot: onnxruntime, deterministic actions, memories handed back
    from step to step. torch is not imported.
    """

    policy: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="POLICY.onnx")]
    """A file that `fastadapt export` wrote."""
    task_set: str | None = None
    """Task set: a shipped name, or the path to a TOML file (default: the policy's own)."""
    split: str = "test_iid"
    """Split of the task set."""
    shots: tuple[int, ...] = (0,)
    """Numbers of episodes, lived through with deterministic actions, after which to measure."""
    episodes: int = 2
    """Measured episodes for each task and number of shots."""
    seed: int = 0
    """Seed of starts and goals."""
    threads: int = 0
    """Threads that simulate (0: one per processor)."""


def run(arguments: list[str]) -> None:
    """Parse and run."""
    args = tyro.cli(RunPolicy, args=arguments, prog="fastadapt run")
    from fastadapt.adaptation.deploy.onnx_agent import OnnxAgent
    from fastadapt.adaptation.evaluation.evaluate import evaluate
    from fastadapt.envs import load_task_set

    agent = OnnxAgent(args.policy)
    task_set = agent.task_set() if args.task_set is None else load_task_set(args.task_set)
    agent.check(task_set)
    result = evaluate(
        agent,
        task_set,
        args.split,
        args.shots,
        args.episodes,
        args.seed,
        num_threads=args.threads,
    )
    print(result.markdown())
