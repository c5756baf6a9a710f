"""The report of one run, from what its directory holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fastadapt.adaptation.comparison import load_results
from fastadapt.adaptation.replay import write_replay
from fastadapt.adaptation.report import write_report
from fastadapt.adaptation.results import Result
from fastadapt.adaptation.rollouts import record_lanes
from fastadapt.adaptation.run import Run
from fastadapt.envs import TaskSet


def report_run(run: Run, agent: Any) -> Path:
    """Write `report/index.html` from the evaluations of a run; return its path.

    The replay shows the task of the held-out split (or the last one evaluated) with the largest
    gain from adaptation, and says so: it illustrates, the table measures. Before adaptation is the
    agent without its memory where that was evaluated, else before any shot.

    Raises:
        FastadaptError: nothing was evaluated yet.
    """
    results = load_results(run)
    out = run.path / "report"
    out.mkdir(exist_ok=True)
    task_set = run.task_set
    caption, name = _replay(run, agent, task_set, results, out)
    return write_report(
        out,
        f"{run.config.agent} on {run.config.task_set}",
        results,
        {run.config.agent: run.metrics()},
        [(caption, name)],
        {
            **results.meta,
            "training_command": run.config.command,
            "training_seed": run.config.seed,
            "training_seconds": sum(row["seconds"] for row in run.metrics()[-1:]),
        },
    )


def _replay(run: Run, agent: Any, task_set: TaskSet, results: Result, out: Path) -> tuple[str, str]:
    table = results.table[results.table["agent"] == agent.name]
    splits = list(dict.fromkeys(table["split"].tolist()))
    split = "test_held_out_damage" if "test_held_out_damage" in splits else splits[-1]
    rows = table[table["split"] == split]
    last = int(rows["shot"].max())
    tasks = {task.id: task for task in task_set.tasks(split)}
    wiped = results.table[results.table["agent"] == f"{agent.name}-without-memory"]
    wiped = wiped[wiped["split"] == split]
    before = wiped if len(wiped) else rows[rows["shot"] == rows["shot"].min()]
    after = rows[rows["shot"] == last]

    def gain(task_id: str) -> float:
        return float(
            after["return"][after["task_id"] == task_id].mean()
            - before["return"][before["task_id"] == task_id].mean()
        )

    best = max(tasks, key=gain)
    reflex = run.agent(memory=False) if len(wiped) else None
    lanes, returns = record_lanes(agent, task_set, tasks[best], last, reflex=reflex)
    write_replay(
        out / "replay.html", task_set.environment, lanes, task_set.environment.control_step()
    )
    changes = ", ".join(f"{k} = {v:.3g}" for k, v in tasks[best].changes().items())
    numbers = ", ".join(f"{value:.0f}" for value in np.asarray(returns))
    caption = (
        f"Task {best} of {split}, the one with the largest gain of all {len(tasks)}: {changes}. "
        f"Returns of healthy, before and after {last} shots: {numbers}."
    )
    return caption, "replay.html"
