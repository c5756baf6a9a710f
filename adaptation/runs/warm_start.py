"""Warm starts: runs that begin from the trained weights of another run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastadapt.adaptation.runs.checkpoint import has_checkpoint, load_checkpoint, save_checkpoint
from fastadapt.adaptation.runs.files import write_text
from fastadapt.adaptation.runs.run import Run, load_run
from fastadapt.errors import FastadaptError
from fastadapt.trust import reading


def open_start(path: str | Path, agent: str, task_set: str | Path, seed: int) -> Run:
    """Open the run whose weights an agent starts from.

    Raises:
        FastadaptError: it is not a run, or its agent, task set or seed do not match.
    """
    from fastadapt.agents import find_agent
    from fastadapt.envs import load_task_set

    source = load_run(path)
    with reading(source.path, source.trusted):
        other: Any = find_agent(source.config.agent)
    if not issubclass(find_agent(agent), other) or agent == source.config.agent:
        raise FastadaptError(
            f"'{agent}' cannot start from '{source.path}', a run of '{source.config.agent}': only "
            "an agent that trains in the same way can, as fine-tune from domain-randomised."
        )
    if source.config.seed != seed:
        raise FastadaptError(
            f"'{source.path}' has seed {source.config.seed}, not {seed}. Give --seed "
            f"{source.config.seed}: weights keep the seed that they were trained with."
        )
    wanted = load_task_set(task_set)
    if source.config.task_set_hash != wanted.hash:
        raise FastadaptError(
            f"'{source.path}' was trained on {source.config.task_set} "
            f"({source.config.task_set_hash}), not on {wanted.id} ({wanted.hash})."
        )
    return source


def take_over(source: Run, run: Run) -> None:
    """Copy the last checkpoint and the metrics of a run into one without checkpoints."""
    folder = run.path / "checkpoints"
    if has_checkpoint(folder):
        return
    state, content = load_checkpoint(source.path / "checkpoints", True, source.identity)
    source.metrics()  # refuses a damaged file
    metrics = (source.path / "metrics.jsonl").read_text(encoding="utf-8")
    write_text(run.path / "metrics.jsonl", metrics)
    save_checkpoint(folder, content["iteration"], state, content["progress"], run.identity)
