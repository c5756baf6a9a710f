"""Paired comparison of two agents on the same tasks: differences, probability of improvement."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from fastadapt.adaptation.statistics.bootstrap import (
    REPS,
    Interval,
    Resample,
    Statistic,
    bootstrap,
    checked,
    chunks,
    count_of,
    interval_of,
    mean,
)
from fastadapt.envs.arrays import Array
from fastadapt.errors import FastadaptError, unknown_name


def paired_difference(
    a: ArrayLike, b: ArrayLike, statistic: Statistic = mean, *, reps: int = REPS, seed: int = 0
) -> Interval:
    """Return a statistic of `a - b` per task, with its interval over tasks (and over runs).

    Pairing removes the variance that the tasks contribute to both: the interval can exclude 0 even
    where the intervals of `a` and `b` overlap. A resample draws the same tasks for both agents, and
    runs of each where there are several.

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
    runs = min(len(first), len(second))
    return interval_of(point, np.concatenate(samples), count, runs)


def probability_of_improvement(
    a: ArrayLike,
    b: ArrayLike,
    *,
    resample: Resample = "tasks",
    reps: int = REPS,
    seed: int = 0,
) -> Interval:
    """Return the probability that a run of `a` beats a run of `b` on a task; ties count half.

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
        runs = min(len(first), len(second))
        return replace(bootstrap(won.mean(axis=(0, 1)), reps=reps, seed=seed), runs=runs)
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
    return interval_of(float(won.mean()), np.concatenate(samples), count, min(runs))


def wins(a: Array, b: Array) -> Array:
    """Return 1 where a run of `a` beats one of `b`, 0.5 for a tie, `(runs_a, runs_b, tasks)`.

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
