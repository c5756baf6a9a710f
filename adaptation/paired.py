"""Two agents on the same tasks: differences, and how likely one is better."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from fastadapt.adaptation.results import Result
from fastadapt.adaptation.statistics import (
    REPS,
    Array,
    Interval,
    Resample,
    Statistic,
    bootstrap,
    checked,
    chunks,
    count_of,
    interval_of,
    iqm,
    mean,
)
from fastadapt.envs.errors import FastadaptError, unknown_name


class Comparison(NamedTuple):
    """Return of one agent minus another's, task by task, and how likely the first is better."""

    mean: Interval
    iqm: Interval
    probability: Interval


def compare(
    a: Result, b: Result, split: str, shot: int, agents: tuple[str, str] | None = None
) -> Comparison:
    """Compare an agent of `a` with one of `b` task by task, on the same tasks after as many shots.

    `agents` names them, and may be left out where each result has one; `b` may be `a`.

    Raises:
        FastadaptError: the tasks differ, or a name is missing or unknown.
    """
    if agents is None and max(len(a.agents), len(b.agents)) > 1:
        names = ", ".join(dict.fromkeys(a.agents + b.agents))
        raise FastadaptError(f"Say which agents to compare: {names}.")
    first, second = agents or (a.agents[0], b.agents[0])
    x_tasks, x = a.scores(first, split, shot)
    y_tasks, y = b.scores(second, split, shot)
    if x_tasks != y_tasks:
        common = len(set(x_tasks) & set(y_tasks))
        raise FastadaptError(
            f"'{first}' and '{second}' were evaluated on different tasks of '{split}' ({common} in "
            f"common of {len(x_tasks)} and {len(y_tasks)}): evaluate both on the same ones."
        )
    if len(x_tasks) == 1:
        difference, won = float(x.mean() - y.mean()), float(wins(x, y).mean())
        lone = (Interval(value, math.nan, math.nan, 1) for value in (difference, difference, won))
        return Comparison(*lone)
    way: Resample = "tasks" if max(len(x), len(y)) == 1 else "both"
    return Comparison(
        paired_difference(x, y, mean),
        paired_difference(x, y, iqm),
        probability_of_improvement(x, y, resample=way),
    )


def paired_difference(
    a: ArrayLike, b: ArrayLike, statistic: Statistic = mean, *, reps: int = REPS, seed: int = 0
) -> Interval:
    """Return a statistic of `a - b` per task, with its interval over tasks (and over runs).

    Pairing removes what the tasks have in common: an interval that excludes 0 is a difference,
    even where the intervals of `a` and `b` overlap. A resample draws tasks, the same for both, and
    the runs of each (of one run there is nothing to draw).

    Args:
        a: score per task `(tasks,)`, or `(runs, tasks)`.
        b: the same for the other, tasks in the same order; the number of runs may differ.
        statistic: `mean` or `iqm` of the differences between the means over runs.
        reps: number of resamples.
        seed: of the resampling.

    Raises:
        FastadaptError: the number of tasks differs, or as `bootstrap`.
    """
    first, second = checked(a), checked(b)
    tasks = _tasks(first, second)
    if len(first) == len(second) == 1:
        return bootstrap(first - second, statistic, reps=reps, seed=seed)
    count = count_of(1, tasks, "tasks")
    rng = np.random.default_rng(seed)
    samples: list[Array] = []
    for size in chunks(reps, first.size + second.size):
        columns = rng.integers(tasks, size=(size, 1, tasks))
        x, y = (
            scores[rng.integers(len(scores), size=(size, len(scores), 1)), columns].mean(axis=1)
            for scores in (first, second)
        )
        samples.append(statistic(x - y))
    point = float(statistic(first.mean(axis=0) - second.mean(axis=0)))
    return interval_of(point, np.concatenate(samples), count)


def probability_of_improvement(
    a: ArrayLike,
    b: ArrayLike,
    *,
    resample: Resample = "tasks",
    reps: int = REPS,
    seed: int = 0,
) -> Interval:
    """Return how likely a run of `a` beats a run of `b` on a task of the set; ties count half.

    Agarwal et al. 2021, eq. 2: the mean over tasks of the Mann-Whitney statistic.

    Args:
        a: scores `(runs, tasks)`, or `(tasks,)` for one run.
        b: the same for the other; the number of runs may differ.
        resample: as in `bootstrap`; `runs` needs two runs of each.
        reps: number of resamples.
        seed: of the resampling.

    Raises:
        FastadaptError: the number of tasks differs, or as `bootstrap`.
    """
    first, second = checked(a), checked(b)
    tasks = _tasks(first, second)
    won = wins(first, second)
    if resample == "tasks":
        return bootstrap(won.mean(axis=(0, 1)), reps=reps, seed=seed)
    if resample not in ("runs", "both"):
        raise unknown_name("way to resample", resample, ["tasks", "runs", "both"])
    runs = (len(first), len(second))
    crossed = resample == "both"
    count = count_of(min(runs), tasks, "tasks" if crossed else "runs")
    rng = np.random.default_rng(seed)
    samples: list[Array] = []
    for size in chunks(reps, won.size):
        own = 1 if crossed else tasks  # runs are drawn once for all tasks, or anew for each
        rows = rng.integers(runs[0], size=(size, runs[0], 1, own))
        columns = rng.integers(runs[1], size=(size, 1, runs[1], own))
        drawn = rng.integers(tasks, size=(size, 1, 1, tasks)) if crossed else np.arange(tasks)
        samples.append(won[rows, columns, drawn].mean(axis=(1, 2, 3)))
    return interval_of(float(won.mean()), np.concatenate(samples), count)


def wins(a: Array, b: Array) -> Array:
    """Return which run beats which on each task, a tie being half a win: `(runs_a, runs_b, tasks)`.

    Args:
        a: scores `(runs_a, tasks)`.
        b: scores `(runs_b, tasks)`.
    """
    return (a[:, None] > b[None]) + 0.5 * (a[:, None] == b[None])


def _tasks(a: Array, b: Array) -> int:
    if a.shape[1] != b.shape[1]:
        raise FastadaptError(
            f"Cannot compare scores on {a.shape[1]} tasks with scores on {b.shape[1]}: "
            "use the same tasks in the same order."
        )
    return a.shape[1]
