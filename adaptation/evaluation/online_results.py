"""Results of online trials: one row per task, the curve around the onset, and a summary."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastadapt.adaptation.evaluation.results import FORMAT, check_format
from fastadapt.adaptation.runs.checkpoint import write_text
from fastadapt.adaptation.runs.machine import command, machine
from fastadapt.adaptation.statistics.bootstrap import LEVEL, Interval, over_tasks
from fastadapt.adaptation.statistics.metrics import Times, recovered_fraction
from fastadapt.adaptation.statistics.survival import restricted_mean_interval
from fastadapt.adaptation.text_table import Table
from fastadapt.adaptation.trials.online import OnlinePlan, OnlineTrial, recovery
from fastadapt.agents.interface import agent_name, agent_seed
from fastadapt.envs import FastadaptError, Task, TaskSet
from fastadapt.envs.arrays import Array

ONLINE = "Recovery within one episode"
"""Title of the table of online trials."""
COLUMNS = (
    "agent", "seed", "task_set", "split", "task_id", "strike_s", "before", "dropped", "after",
    "healthy", "recovery_s", "recovered", "fell", "twin_fell", "diverged",
)  # fmt: skip
"""One row for each task. `strike_s` is the onset [s]; levels are rewards per control step;
`recovery_s` counts from the onset, and is the time of censoring where `recovered` is 0."""


@dataclass(frozen=True)
class OnlineResult:
    """Online trials of one agent on the tasks of one split.

    Attributes:
        rows: one dictionary with the keys `COLUMNS`, and any others, for each task.
        curve: `seconds` since the onset, mean reward of the `damaged` robots with its interval
            over tasks (`damaged_low`, `damaged_high`), and the same of the `healthy` ones; `(T,)`.
        meta: provenance, as JSON.
    """

    rows: list[dict[str, Any]]
    curve: dict[str, list[float]]
    meta: dict[str, Any]

    @staticmethod
    def of(
        agent: Any,
        task_set: TaskSet,
        split: str,
        tasks: Sequence[Task],
        plan: OnlinePlan,
        seed: int,
        trial: OnlineTrial,
    ) -> OnlineResult:
        """Return the results of an online trial."""
        found = recovery(trial)
        common = {
            "agent": agent_name(agent),
            "seed": agent_seed(agent),
            "task_set": task_set.id,
            "split": split,
        }
        rows = [
            common
            | {
                "task_id": task.id,
                "strike_s": round(float(trial.strike[i] * trial.step), 6),
                "before": float(found.before[i]),
                "dropped": float(found.dropped[i]),
                "after": float(found.after[i]),
                "healthy": float(found.healthy[i]),
                "recovery_s": round(float(found.time.time[i]), 6),
                "recovered": int(found.time.happened[i]),
                "fell": int(trial.fell[i]),
                "twin_fell": int(trial.twin_fell[i]),
                "diverged": int(trial.diverged[i]),
            }
            for i, task in enumerate(tasks)
        ]
        meta = {
            "task_set": task_set.id,
            "task_set_hash": task_set.hash,
            "split": split,
            "plan": asdict(plan),
            "evaluation_seed": seed,
            "tasks": {task.id: task.changes() for task in tasks},
            "command": command(),
            "machine": machine(),
        }
        return OnlineResult(rows, _curve(trial, plan), meta)

    def column(self, name: str) -> Array:
        """Return a numeric column, `(tasks,)`."""
        return np.array([float(row[name]) for row in self.rows])

    @property
    def agent(self) -> str:
        """Name of the agent."""
        return str(self.rows[0]["agent"])

    def renamed(self, agent: str) -> OnlineResult:
        """Return the same trials under another name of the agent."""
        return OnlineResult([row | {"agent": agent} for row in self.rows], self.curve, self.meta)

    @property
    def split(self) -> str:
        """Name of the split."""
        return str(self.rows[0]["split"])

    def times(self) -> Times:
        """Return the times to recovery, right-censored."""
        return Times(self.column("recovery_s"), self.column("recovered") > 0.5)

    def horizon(self) -> float:
        """Return the time up to which every task was observed [s since the onset]."""
        plan = self.meta["plan"]
        return float(plan["duration"] - plan["latest"])

    def summary(self) -> dict[str, Any]:
        """Return drop, recovered fraction, time to recovery, falls; intervals over tasks."""
        levels = {name: self.column(name) for name in ("before", "dropped", "after", "healthy")}
        times = self.times()
        capped = Times(
            np.minimum(times.time, self.horizon()),
            times.happened & (times.time <= self.horizon()),
        )
        fraction = recovered_fraction(levels["healthy"], levels["dropped"], levels["after"])
        intervals = {
            "drop": over_tasks(levels["before"] - levels["dropped"]),
            "recovered_fraction": over_tasks(fraction) if np.isfinite(fraction).all() else None,
            "recovery_s": restricted_mean_interval(capped, self.horizon()),
            "recovered": over_tasks(times.happened.astype(float)),
            "fell": over_tasks(self.column("fell")),
        }
        return {k: v.as_json() if v else None for k, v in intervals.items()}

    def save(self, folder: Path) -> None:
        """Write `recoveries.csv`, `curve.csv` and `online.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "online.json").unlink(missing_ok=True)  # its presence marks complete files
        write_text(folder / "recoveries.csv", _csv(self.rows))
        values = zip(*self.curve.values(), strict=True)
        points = [dict(zip(self.curve, row, strict=True)) for row in values]
        write_text(folder / "curve.csv", _csv(points))
        content = {"format": FORMAT, "meta": self.meta, "summary": self.summary()}
        write_text(folder / "online.json", json.dumps(content, indent=1) + "\n")

    @staticmethod
    def load(folder: Path) -> OnlineResult:
        """Return what `save` wrote.

        Raises:
            FastadaptError: the folder holds no complete evaluation, or one of a later format.
        """
        try:
            content = json.loads((folder / "online.json").read_text(encoding="utf-8"))
            meta = content["meta"]
            check_format(folder, content)
            rows = [{name: "nan" for name in COLUMNS} | row
                    for row in _read(folder / "recoveries.csv")]  # fmt: skip
            points = _read(folder / "curve.csv")
            if rows[0]["task_id"] == "nan":
                raise ValueError("it lacks the column task_id")
            curve = {name: [float(point[name]) for point in points] for name in points[0]}
        except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
            if isinstance(error, FastadaptError):
                raise
            raise FastadaptError(
                f"'{folder}' is not a complete online evaluation ({error}). Evaluate again."
            ) from None
        return OnlineResult(rows, curve, meta)


def online_table(results: Sequence[OnlineResult]) -> Table:
    """Return the table of online trials."""
    names = ("drop", "recovered_fraction", "recovery_s", "recovered", "fell")
    rows: list[list[str]] = []
    for result in results:
        found = result.summary()
        cells = [str(Interval.from_json(found[n])) if found[n] else "-" for n in names]
        rows.append([result.split, result.agent, *cells, str(len(result.rows))])
    note = (
        "Damage begins within the episode, and the agent is not informed. Means with their "
        f"{LEVEL:.0%} interval over the n tasks. Drop: reward per control step lost at the onset. "
        "Recovered fraction: share of the gap to the healthy robot that was regained by the end. "
        f"Seconds to recover: restricted mean up to {results[0].horizon():g} s, right-censored. "
        "Recovered, fell: shares of the robots."
    )
    head = ["split", "agent", "drop", "recovered fraction", "seconds to recover", "recovered",
            "fell", "n"]  # fmt: skip
    return Table(ONLINE, note, head, rows)


def _curve(trial: OnlineTrial, plan: OnlinePlan) -> dict[str, list[float]]:
    seconds, damaged, twin = trial.since_strike(plan.earliest, plan.duration)
    width = max(1, len(seconds) // 200)  # control steps averaged into one point
    count = len(seconds) // width

    def blocks(values: Array) -> Array:
        cut = values[: count * width]
        return cut.reshape(count, width, *values.shape[1:]).mean(axis=1)

    curve: dict[str, list[float]] = {"seconds": blocks(seconds).round(6).tolist()}
    for name, values in (("damaged", blocks(damaged)), ("healthy", blocks(twin))):
        intervals = [over_tasks(row) for row in values]
        curve[name] = [i.point for i in intervals]
        for end in ("low", "high"):
            curve[f"{name}_{end}"] = [getattr(i, end) for i in intervals]
    return curve


def _csv(rows: Sequence[dict[str, Any]]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _read(path: Path) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"), newline="")))
