"""Replays of the tasks with the largest gain and the lowest score."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastadapt.adaptation.evaluation.controls import controlled, is_control
from fastadapt.adaptation.evaluation.measured_tasks import HEALTHY
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.report.replays.recording import record_lanes
from fastadapt.adaptation.report.replays.replay import write_replay
from fastadapt.adaptation.runs.run import Run
from fastadapt.trust import UntrustedError


def make_gallery(
    run: Run, label: str, results: Result, out: Path, suffix: str = ""
) -> list[tuple[str, str]]:
    """Write a replay of the task with the largest gain and of the one with the lowest score.

    Each shows the healthy robot beside the damaged one before and after adaptation, with damaged
    parts tinted. "Before" is the constant-context control where it was evaluated, else zero shots.
    The split is that of held-out damage, or the last one evaluated.

    Args:
        run: of the agent.
        label: of the agent in the results; `<label>-constant-context` is its control.
        results: of the run.
        out: folder of the report.
        suffix: of the names of the files.

    Returns:
        Caption and file name of each, for `write_report`; none where only controls were measured,
        and without consent to code.
    """
    table = results.table[results.table["agent"] == label]
    if len(table) == 0 or is_control(label):
        return []
    splits = [split for split in dict.fromkeys(table["split"].tolist()) if split != HEALTHY]
    if not splits:
        return []
    split = "test_held_out_damage" if "test_held_out_damage" in splits else splits[-1]
    rows = table[table["split"] == split]
    last = int(rows["shot"].max())
    tasks = {task.id: task for task in run.task_set.tasks(split)}
    held = results.table[results.table["agent"] == f"{label}-constant-context"]
    held = held[held["split"] == split]
    before = held if len(held) else rows[rows["shot"] == rows["shot"].min()]
    after = rows[rows["shot"] == last]

    best = max(tasks, key=lambda task: _score(after, task) - _score(before, task))
    rest = (task for task in tasks if task != best)
    worst = min(rest, key=lambda task: _score(after, task), default="")
    if (agents := _agents(run, len(held) > 0)) is None:
        return []
    (agent, without), environment = agents, run.task_set.environment
    found: list[tuple[str, str]] = []
    for task, what, kind in (
        (best, "the largest gain", "best"),
        (worst, "the lowest score", "worst"),
    ):
        if not task:
            continue
        lanes, returns = record_lanes(agent, run.task_set, tasks[task], last, without=without)
        name = f"replay-{kind}{suffix}.html"
        write_replay(out / name, environment, lanes, environment.control_step())
        changes = ", ".join(f"{k} = {v:.3g}" for k, v in tasks[task].changes().items())
        numbers = ", ".join(f"{value:.0f}" for value in returns)
        caption = (
            f"{label}, task {task} of {split}, with {what} of all {len(tasks)}: {changes}. "
            f"Returns of healthy, before and after {last} shots: {numbers}."
        )
        found.append((caption, name))
    return found


def _score(part: Any, task: str) -> float:
    """Return the mean return of a task in rows of results."""
    return float(part["return"][part["task_id"] == task].mean())


def _agents(run: Run, held: bool) -> tuple[Any, Any] | None:
    """Return the agent and, where `held`, its constant context; None without consent to code."""
    try:
        return run.agent(), controlled(run, "constant-context") if held else None
    except UntrustedError:
        return None
