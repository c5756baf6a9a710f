"""Adaptation metrics of a report, found by name: packages add theirs as `fastadapt.metrics`."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.references.scores import References
from fastadapt.adaptation.report.tables import OVER, pairs, with_n
from fastadapt.adaptation.statistics import metrics
from fastadapt.adaptation.statistics.bootstrap import Interval, Statistic, mean, over_tasks
from fastadapt.adaptation.statistics.metrics import Times
from fastadapt.adaptation.statistics.survival import restricted_mean_interval
from fastadapt.adaptation.text_table import Table
from fastadapt.envs.arrays import Array
from fastadapt.errors import FastadaptError
from fastadapt.registry import Registry


@dataclass(frozen=True)
class Scores:
    """Scores of one agent on one split, the input of a metric.

    Attributes:
        results: of all agents.
        agent: name of the agent.
        split: name of the split.
        shots: numbers of shots, ascending.
        curves: `(runs, tasks, shots)`: normalised scores if there are references, else returns.
    """

    results: Result
    agent: str
    split: str
    shots: list[int]
    curves: Array

    def last(self, column: str) -> Array:
        """Return a column of the results after the most shots, `(runs, tasks)`."""
        return self.results.scores(self.agent, self.split, self.shots[-1], column)[1]

    def each_run(self, metric: Callable[..., Array]) -> Array:
        """Apply a function of `shots` and `(tasks, shots)` to every run, `(runs, tasks)`."""
        return np.stack([metric(self.shots, run) for run in self.curves])


@dataclass(frozen=True)
class Metric:
    """A number per task, reported as a statistic with its bootstrap interval.

    Attributes:
        title: heading of its column.
        note: definition, one clause for the note of the table.
        of: maps scores to `(runs, tasks)`: finite numbers, or right-censored `Times`, of which the
            restricted mean is reported; tasks whose times are NaN are left out. None where the
            metric is undefined.
        unit: of the numbers; empty for those of the score itself.
        statistic: over tasks and runs.
    """

    title: str
    note: str
    of: Callable[[Scores], Array | Times | None]
    unit: str = ""
    statistic: Statistic = mean

    def interval(self, scores: Scores) -> Interval | None:
        """Return the statistic with its interval over tasks (and runs).

        Raises:
            FastadaptError: the values have another shape, or are not finite.
        """
        values = self.of(scores)
        if values is None:
            return None
        wanted = scores.curves.shape[:2]
        given = np.shape(values.time if isinstance(values, Times) else values)
        if given != wanted:
            raise FastadaptError(
                f"The metric '{self.title}' returned values of shape {given}; it must return one "
                f"for each run and task, {wanted}."
            )
        if isinstance(values, Times):
            defined = ~np.isnan(values.time).any(axis=0)
            kept = Times(values.time[:, defined], values.happened[:, defined])
            return restricted_mean_interval(kept, scores.shots[-1]) if defined.any() else None
        return over_tasks(values, self.statistic)


class MetricRow(NamedTuple):
    """A metric of one agent on one split; `interval` is None where it is undefined."""

    split: str
    agent: str
    metric: str
    interval: Interval | None
    runs: int


def _shots_to_90(scores: Scores) -> Times | None:
    """Return the shots until 0.9 of each task's own gain; NaN on tasks without a gain.

    The threshold of a task is its own: one for all tasks would measure how hard they are. None
    where the mean gain is not above 0 beyond its interval: noise has no time of arrival.
    """
    if len(scores.shots) < 2:
        return None
    first, last = scores.curves[..., 0], scores.curves[..., -1]
    gain = over_tasks(last - first)
    if not (gain.low > 0 if np.isfinite(gain.low) else gain.point > 0):
        return None
    times: list[Times] = []
    for curve, start, gained in zip(scores.curves, first, last - first, strict=True):
        found = metrics.shots_to(scores.shots, curve, start + 0.9 * gained)
        improved = gained > 0
        time = np.where(improved, found.time, float(scores.shots[-1]))
        times.append(Times(time, found.happened & improved))
    time, happened = (np.stack(part) for part in zip(*times, strict=True))
    return Times(np.where((last - first).mean(axis=0) > 0, time, np.nan), happened)


JUMP_START = Metric(
    "jump-start", "before any shot", lambda scores: scores.each_run(metrics.jump_start)
)
ASYMPTOTE = Metric(
    "asymptote", "after the last shot", lambda scores: scores.each_run(metrics.asymptote)
)
AREA = Metric(
    "area",
    "mean of the curve over the shots",
    lambda scores: scores.each_run(metrics.area_under_curve),
)
SHOTS_TO_90 = Metric(
    "shots to 90 %",
    "shots until 0.9 of the way from each task's own first score to its own last one, restricted "
    "mean over the tasks that gained (n of them); '-' where the mean gain is not above 0",
    _shots_to_90,
    "shots",
)
REGRET = Metric(
    "regret",
    "shortfall below the task's own score after the last shot, integrated over the shots; negative "
    "where shots made it worse",
    lambda scores: np.stack(
        [metrics.regret(scores.shots, run, run[:, -1]) for run in scores.curves]
    ),
    "score x shots",
)
NEGATIVE = Metric(
    "negative",
    "share of tasks whose score is lower after the last shot than before any; a half where nothing "
    "but noise changes",
    lambda scores: scores.each_run(metrics.negative_adaptation),
    "share",
)
CVAR = Metric(
    "CVaR 20 %",
    "mean of the worst fifth of the tasks after the last shot",
    lambda scores: scores.curves[..., -1],
    statistic=metrics.cvar,
)
SURVIVAL = Metric(
    "survival",
    "share of episodes without a fall or a diverged simulation",
    lambda scores: metrics.survival(scores.last("fell"), scores.last("diverged")),
    "share",
)

METRICS: Registry[Metric] = Registry(
    "metric",
    "fastadapt.metrics",
    {
        name: f"{__name__}:{attribute}"
        for name, attribute in {
            "jump-start": "JUMP_START",
            "asymptote": "ASYMPTOTE",
            "area": "AREA",
            "shots-to-90": "SHOTS_TO_90",
            "regret": "REGRET",
            "negative": "NEGATIVE",
            "cvar": "CVAR",
            "survival": "SURVIVAL",
        }.items()
    },
)


def curves_of(
    results: Result, references: References | None, agent: str, split: str
) -> tuple[list[int], Array]:
    """Return shots and scores `(runs, tasks, shots)`: normalised if there are references."""
    if references is not None and split in references.splits:
        return references.curves(results, agent, split)
    shots = results.shots(agent, split)
    raw = [results.scores(agent, split, shot)[1] for shot in shots]
    return shots, np.stack(raw, axis=-1)


def compute_metrics(results: Result, references: References | None) -> list[MetricRow]:
    """Return every registered metric of every agent on every split."""
    found = {name: METRICS.find(name) for name in METRICS}
    rows: list[MetricRow] = []
    for split, agent in pairs(results):
        shots, curves = curves_of(results, references, agent, split)
        scores = Scores(results, agent, split, shots, curves)
        rows += [
            MetricRow(split, agent, name, metric.interval(scores), len(curves))
            for name, metric in found.items()
        ]
    return rows


def metrics_table(rows: Sequence[MetricRow], normalised: bool) -> Table:
    """Return metrics as a table with one row for each split and agent."""
    names = list(dict.fromkeys(row.metric for row in rows))
    found = [METRICS.find(name) for name in names]
    cells: dict[tuple[str, str, int], list[Interval | None]] = {}
    for row in rows:
        cells.setdefault((row.split, row.agent, row.runs), []).append(row.interval)
    body = [[split, agent, *with_n(some), str(n)] for (split, agent, n), some in cells.items()]
    words = " ".join(f"{m.title[0].upper()}{m.title[1:]}: {m.note}." for m in found)
    note = f"Of {'normalised scores' if normalised else 'returns'}, each with its {OVER}. {words}"
    note += " These intervals hold nominal baseline and oracle fixed." if normalised else ""
    head = ["split", "agent", *(metric.title for metric in found), "n", "seeds"]
    return Table("Adaptation metrics", note, head, body, folded=True)


def metrics_csv(rows: Sequence[MetricRow]) -> str:
    """Return metrics as CSV with one line for each split, agent and metric."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["split", "agent", "metric", "unit", "point", "low", "high", "n", "seeds"])
    for split, agent, name, found, runs in rows:
        ends = ["", "", "", ""] if found is None else [found.point, found.low, found.high, found.n]
        writer.writerow([split, agent, name, METRICS.find(name).unit, *ends, runs])
    return file.getvalue()
