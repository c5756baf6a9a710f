"""Results of online trials: one row per task, the curve around the onset, and a summary."""

from __future__ import annotations

import csv
import io
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np

from fastadapt.adaptation.evaluation.integrity import ENTRY, check_digests, digests
from fastadapt.adaptation.evaluation.results import FORMAT, check_format
from fastadapt.adaptation.runs.files import write_text
from fastadapt.adaptation.runs.machine import command, machine
from fastadapt.adaptation.statistics.bootstrap import Interval, over_tasks
from fastadapt.adaptation.statistics.metrics import Times
from fastadapt.adaptation.statistics.normalised import normalised_interval
from fastadapt.adaptation.statistics.survival import restricted_mean_interval
from fastadapt.adaptation.trials.online import Arm, OnlineTrial
from fastadapt.adaptation.trials.online_plan import OnlinePlan, striking
from fastadapt.adaptation.trials.online_recovery import MOMENTS, Recovery, Status, recovery
from fastadapt.agents.interface import agent_name, agent_seed
from fastadapt.envs import FastadaptError, Task, TaskSet
from fastadapt.envs.arrays import Array, Mask

MEASURE = 2
"""Version of the definitions of levels and times; results of another one are measured again."""
_AT = (*(f"{moment:g}s" for moment in MOMENTS), "end")
COLUMNS = (
    "agent", "seed", "task_set", "split", "task_id", "strike_s", "status", "before", "lost",
    "healthy_end", "settled_end",
    *(f"{arm}_{at}" for arm in ("struck", "floor", "best") for at in _AT),
    "recovery_s", "recovered", "fell",
)  # fmt: skip
"""One row for each task; see `Recovery` for the levels, which are rewards per control step, at
times since the onset. `strike_s` is the onset [s]; `recovery_s` counts from it, and is the time of
censoring where `recovered` is 0. Values that do not exist are NaN."""

_TEXTS = ("agent", "task_set", "split", "task_id", "status")
_TABLES = ("recoveries.csv", "curve.csv")


@dataclass(frozen=True)
class Rivals:
    """Agents that were struck alike, to measure the regained share against.

    Attributes:
        floor: robots of a baseline that does not adapt; None: the agent with its belief kept.
        best: robots of an agent that observes the damage; None: the settled robots.
        names: of both agents, for tables and provenance.
    """

    floor: Arm | None = None
    best: Arm | None = None
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OnlineResult:
    """Online trials of one agent on the tasks of one split.

    Attributes:
        rows: one dictionary with the keys `COLUMNS`, and any others, for each task.
        curve: `seconds` since the onset, mean reward of the `struck` robots with its interval
            over tasks (`struck_low`, `struck_high`), and the same of the `healthy` and the
            `settled` ones; `(T,)`. It holds the tasks that damage strikes.
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
        rivals: Rivals | None = None,
    ) -> OnlineResult:
        """Return the results of an online trial."""
        rivals = rivals or Rivals()
        found = recovery(trial, rivals.floor, rivals.best)
        common = {
            "agent": agent_name(agent),
            "seed": agent_seed(agent),
            "task_set": task_set.id,
            "split": split,
        }
        rows = [
            common | {"task_id": task.id} | _row(trial, found, i) for i, task in enumerate(tasks)
        ]
        own = "the same agent with its belief kept" if trial.uninformed else "none"
        meta = {
            "measure": MEASURE,
            "task_set": task_set.id,
            "task_set_hash": task_set.hash,
            "split": split,
            "plan": plan_as_json(plan),
            "strikes": list(striking(task_set, plan.strikes)),
            "floor": rivals.names.get("floor", own),
            "best": rivals.names.get("best", "the settled robot"),
            "evaluation_seed": seed,
            "tasks": {task.id: task.changes() for task in tasks},
            "command": command(),
            "machine": machine(),
        }
        return OnlineResult(rows, _curve(trial), meta)

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

    def having(self, *statuses: Status) -> Mask:
        """Return which tasks have one of the statuses, `(tasks,)`."""
        return np.array([row["status"] in statuses for row in self.rows], bool)

    def times(self) -> Times:
        """Return the times to recovery of the robots with something to regain, right-censored."""
        timed = self.having("recovered", "not recovered")
        return Times(self.column("recovery_s")[timed], self.column("recovered")[timed] > 0.5)

    def horizon(self) -> float:
        """Return the time up to which every task was observed [s since the onset]."""
        plan = self.meta["plan"]
        heals = plan["heals_after"]
        rest = float(plan["duration"] - plan["latest"])
        return rest if heals is None else min(rest, float(heals))

    def counts(self) -> dict[str, int]:
        """Return the number of tasks with each status."""
        return {status: int(self.having(status).sum()) for status in get_args(Status)}

    def summary(self) -> dict[str, Any]:
        """Return levels, loss, regained shares, time to recovery and falls; intervals over tasks.

        Levels and shares are over the struck robots whose twins did not break down; the time is
        over those that have something to regain; falls are over all struck robots.
        """
        struck = ~self.having("not struck")
        used = struck & ~self.having("twin broke down")
        found: dict[str, Any] = {"counts": self.counts()}
        levels = ("before", "lost", "struck_end", "healthy_end", "settled_end", "floor_end",
                  "best_end")  # fmt: skip
        for name in levels:
            found[name] = _mean(self.column(name)[used])
        own, settled = (self.column(name)[used] for name in ("struck_end", "settled_end"))
        found["end_minus_settled"] = _mean(own - settled)
        found["share"] = {
            at: share_interval(
                *(self.column(f"{arm}_{at}")[used] for arm in ("struck", "floor", "best"))
            )
            for at in _AT
        }
        times = self.times()
        cap = self.horizon()
        capped = Times(np.minimum(times.time, cap), times.happened & (times.time <= cap))
        timed = len(times.time) > 0
        found["recovery_s"] = restricted_mean_interval(capped, cap) if timed else None
        found["recovered"] = _mean(times.happened.astype(float))
        found["fell"] = _mean(self.column("fell")[struck])
        return _as_json(found)

    def save(self, folder: Path) -> None:
        """Write `recoveries.csv`, `curve.csv` and `online.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "online.json").unlink(missing_ok=True)  # its presence marks complete files
        write_text(folder / "recoveries.csv", _csv(self.rows))
        values = zip(*self.curve.values(), strict=True)
        points = [dict(zip(self.curve, row, strict=True)) for row in values]
        write_text(folder / "curve.csv", _csv(points))
        content = {"format": FORMAT, "meta": self.meta, "summary": self.summary()}
        content[ENTRY] = digests(folder, _TABLES)
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
            if meta.get("measure") != MEASURE:
                raise ValueError("it was measured by earlier definitions")
            rows = [{name: "nan" for name in COLUMNS} | row
                    for row in _read(folder / "recoveries.csv")]  # fmt: skip
            points = _read(folder / "curve.csv")
            for name in ("task_id", "status"):
                if rows[0][name] == "nan":
                    raise ValueError(f"it lacks the column {name}")
            curve = {name: [float(point[name]) for point in points] for name in points[0]}
            for row in rows:
                _ = [float(row[name]) for name in COLUMNS if name not in _TEXTS]
            check_digests(folder, content, _TABLES)
        except (OSError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError,
                ValueError) as error:  # fmt: skip
            if isinstance(error, FastadaptError):
                raise
            raise FastadaptError(
                f"'{folder}' is not a complete online evaluation ({error!s:.200}). Evaluate again."
            ) from None
        return OnlineResult(rows, curve, meta)


def plan_as_json(plan: OnlinePlan) -> dict[str, Any]:
    """Return the fields of a plan as JSON holds them."""
    return json.loads(json.dumps(asdict(plan)))


def online_name(plan: OnlinePlan, rivals: Mapping[str, Any]) -> str:
    """Return the name of a folder of online trials; it holds what differs from the default.

    So a trial with other options, or against other rivals, replaces nothing.
    """
    usual = plan_as_json(OnlinePlan())
    changed = {k: v for k, v in plan_as_json(plan).items() if v != usual[k]}
    parts = [f"{name.replace('_', '-')}-{_plain(value)}" for name, value in changed.items()]
    if rivals:
        parts.append(f"against-{zlib.crc32(json.dumps(rivals, sort_keys=True).encode()):08x}")
    name = "-".join(["online", *parts])
    return name if len(name) <= 100 else f"online-{zlib.crc32(name.encode()):08x}"


def _plain(value: Any) -> str:
    """Return a setting as part of a file's name."""
    text = "-".join(map(str, value)) if isinstance(value, list) else f"{value:g}"
    return re.sub(r"[^A-Za-z0-9.-]+", "-", text)


def _row(trial: OnlineTrial, found: Recovery, i: int) -> dict[str, Any]:
    """Return the columns of one task that the trial determines."""
    levels = {
        f"{arm}_{at}": float(getattr(found, arm)[k, i])
        for arm in ("struck", "floor", "best")
        for k, at in enumerate(_AT)
    }
    return {
        "strike_s": round(float(trial.strike[i] * trial.step), 6),
        "status": found.status[i],
        "before": float(found.before[i]),
        "lost": float(found.lost[i]),
        "healthy_end": float(found.healthy[i]),
        "settled_end": float(found.settled[i]),
        **levels,
        "recovery_s": round(float(found.time.time[i]), 6),
        "recovered": int(found.status[i] == "recovered"),
        "fell": int(found.fell[i]),
    }


def _mean(values: Array) -> Interval | None:
    """Return a mean over tasks with its interval; None if a value does not exist, or none does."""
    return over_tasks(values) if len(values) and np.isfinite(values).all() else None


def share_interval(struck: Array, floor: Array, best: Array) -> Interval | None:
    """Return mean(struck - floor) / mean(best - floor), all three resampled together over tasks.

    Args:
        struck: levels `(tasks,)`.
        floor: of the baseline, alike.
        best: that can be had, alike.

    Returns:
        None where the gap is not above 0 beyond its interval, and for fewer than 2 tasks.
    """
    if len(struck) < 2 or not np.isfinite([struck, floor, best]).all():
        return None
    gap = over_tasks(best - floor)
    return normalised_interval(struck, floor, best) if gap.low > 0 else None


def _as_json(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: _as_json(value) for name, value in found.items()}
    return found.as_json() if isinstance(found, Interval) else found


def _curve(trial: OnlineTrial) -> dict[str, list[float]]:
    seconds, arms = trial.since_strike(trial.plan.earliest, trial.plan.duration)
    width = max(1, len(seconds) // 200)  # control steps averaged into one point
    count = len(seconds) // width
    struck = trial.changes if trial.changes.any() else np.ones(len(trial.changes), bool)

    def blocks(values: Array) -> Array:
        cut = values[: count * width]
        return cut.reshape(count, width, *values.shape[1:]).mean(axis=1)

    curve: dict[str, list[float]] = {"seconds": blocks(seconds).round(6).tolist()}
    for name, rewards in zip(("struck", "healthy", "settled"), arms, strict=True):
        intervals = [over_tasks(row) for row in blocks(rewards[:, struck])]
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
