"""Bootstrap intervals for the scores of agents on tasks.

Scores are a matrix `(runs, tasks)`: a run is an agent trained (or evaluated) with one seed. All
intervals are percentile bootstrap intervals and are reproducible from their seed.

Source: Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice",
section 4 (stratified bootstrap, interquartile mean, probability of improvement).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from fastadapt.adaptation.text_table import FEW_TASKS, ONE_SEED
from fastadapt.envs.arrays import Array
from fastadapt.errors import FastadaptError, unknown_name

Statistic = Callable[[Array], Array]
"""Reduces the last axis: `(..., n)` to `(...)`."""
Resample = Literal["tasks", "runs", "both"]

LEVEL = 0.95
"""Nominal coverage of every interval."""
FEW = 10
"""Percentile intervals over fewer tasks are too narrow: 0.91 of nominal 0.95 at 10, 0.83 at 5."""
REPS = 2000
"""Bootstrap resamples: the Monte Carlo error of an end is about 1 % of the interval's width."""
_CHUNK = 2**22  # numbers resampled at once: 32 MiB


@dataclass(frozen=True)
class Interval:
    """An estimate, its 95 % interval, and how many tasks (or runs) were resampled for it.

    `low` and `high` are NaN where n = 1: there is nothing to resample. `runs` is the number of
    training seeds behind it, 0 where unknown. As text it carries a mark if it stands on one
    training seed (¹) or on fewer than 10 tasks (†).
    """

    point: float
    low: float
    high: float
    n: int
    runs: int = field(default=0, compare=False)

    def __str__(self) -> str:
        """Format with three significant digits of the largest number: `412 [389, 436]`."""
        numbers = [x for x in (self.point, self.low, self.high) if math.isfinite(x)]
        largest = max((abs(x) for x in numbers), default=0.0)
        decimals = min(max(2 - math.floor(math.log10(largest)), 0), 6) if largest > 0 else 0
        point, low, high = (
            f"{round(x, decimals) + 0.0:.{decimals}f}" for x in (self.point, self.low, self.high)
        )
        ends = "no interval" if math.isnan(self.low) else f"{low}, {high}"
        return f"{point} [{ends}]{self.marks}"

    @property
    def marks(self) -> str:
        """Marks of what the interval leaves out; empty for several seeds on 10 tasks or more.

        Empty too where the number of seeds is unknown.
        """
        if self.runs == 0:
            return ""
        return ONE_SEED * (self.runs == 1) + FEW_TASKS * (self.n < FEW)

    def as_json(self) -> dict[str, Any]:
        """Return the fields; an absent end of the interval is `None`."""
        ends = {"low": self.low, "high": self.high}
        finite = {name: end if math.isfinite(end) else None for name, end in ends.items()}
        return {"point": self.point, **finite, "n": self.n, "runs": self.runs}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Interval:
        """Return the interval that `as_json` wrote."""
        low, high = (math.nan if fields[end] is None else fields[end] for end in ("low", "high"))
        return cls(fields["point"], low, high, fields["n"], fields.get("runs", 0))


def mean(scores: Array) -> Array:
    """Return the mean over the last axis."""
    return scores.mean(axis=-1)


def iqm(scores: Array) -> Array:
    """Return the interquartile mean over the last axis: the mean of the middle half.

    A quarter of the scores, rounded down, is cut at each end (Agarwal et al. 2021, section 4.3;
    equal to `scipy.stats.trim_mean(scores, 0.25)`).
    """
    count = scores.shape[-1]
    cut = count // 4
    if cut == 0:
        return scores.mean(axis=-1)
    ordered = np.partition(scores, (cut, count - cut - 1), axis=-1)
    return ordered[..., cut : count - cut].mean(axis=-1)


def median(scores: Array) -> Array:
    """Return the median over the last axis."""
    return np.median(scores, axis=-1)


def optimality_gap(scores: Array, target: float = 1.0) -> Array:
    """Return the mean shortfall below a target over the last axis; scores above it count as 0.

    For normalised scores the target is 1 (Agarwal et al. 2021, section 4.3). Lower is better.
    """
    return np.maximum(target - scores, 0.0).mean(axis=-1)


def bootstrap(
    matrix: ArrayLike,
    statistic: Statistic = mean,
    *,
    resample: Resample = "tasks",
    reps: int = REPS,
    seed: int = 0,
) -> Interval:
    """Return a statistic of all scores with its percentile bootstrap interval.

    Args:
        matrix: scores `(runs, tasks)`, or `(tasks,)` for one run.
        statistic: reduces the last axis, e.g. `mean` or `iqm`.
        resample: `tasks` draws tasks with replacement, each with all its runs: the variation over
            tasks of the same distribution. `runs` draws runs with replacement within every task
            (stratified, Agarwal et al. 2021): the variation over seeds on the same tasks; it needs
            two runs. `both` draws both.
        reps: number of resamples.
        seed: of the resampling.

    Raises:
        FastadaptError: the matrix is empty or not finite, or has one row or column to resample.
    """
    scores = checked(matrix)
    runs, tasks = scores.shape
    count = count_of(runs, tasks, resample)
    rng = np.random.default_rng(seed)
    samples: list[Array] = []
    for size in chunks(reps, runs * tasks):
        if resample == "tasks":
            columns = rng.integers(tasks, size=(size, tasks))
            drawn = np.moveaxis(scores[:, columns], 0, 1)
        elif resample == "both":
            rows = rng.integers(runs, size=(size, runs, 1))
            drawn = scores[rows, rng.integers(tasks, size=(size, 1, tasks))]
        else:
            rows = rng.integers(runs, size=(size, runs, tasks))
            drawn = scores[rows, np.arange(tasks)]
        samples.append(statistic(drawn.reshape(size, -1)))
    return interval_of(float(statistic(scores.reshape(-1))), np.concatenate(samples), count, runs)


class Profile(NamedTuple):
    """A performance profile: the share of scores above each threshold, with its band.

    Attributes:
        threshold: `(thresholds,)`.
        share: `(thresholds,)`, fraction of runs and tasks with a higher score.
        low: `(thresholds,)`, lower end of the pointwise interval.
        high: `(thresholds,)`.
    """

    threshold: Array
    share: Array
    low: Array
    high: Array


def performance_profile(
    matrix: ArrayLike,
    thresholds: ArrayLike,
    *,
    resample: Resample = "tasks",
    reps: int = REPS,
    seed: int = 0,
) -> Profile:
    """Return the share of scores above each threshold (Agarwal et al. 2021, eq. 3).

    Args:
        matrix: scores `(runs, tasks)`, or `(tasks,)` for one run.
        thresholds: `(thresholds,)`.
        resample: as in `bootstrap`.
        reps: number of resamples.
        seed: of the resampling; the same resamples for every threshold.

    Raises:
        FastadaptError: as `bootstrap`.
    """
    scores, at = checked(matrix), np.asarray(thresholds, float)
    intervals = [
        bootstrap((scores > tau).astype(float), resample=resample, reps=reps, seed=seed)
        for tau in at
    ]
    share, low, high = (
        np.array([getattr(interval, end) for interval in intervals])
        for end in ("point", "low", "high")
    )
    return Profile(at, share, low, high)


def over_tasks(scores: ArrayLike, statistic: Statistic = mean) -> Interval:
    """Return a statistic with its interval over tasks, and over runs too where there are several.

    Tasks and runs are crossed factors (every run is evaluated on every task), so both are drawn
    independently (Owen 2007, "The pigeonhole bootstrap"). With as few as three runs the variance
    over seeds is underestimated.

    Args:
        scores: `(tasks,)`, or `(runs, tasks)`.
        statistic: of all scores.

    Returns:
        The interval, whose n is the number of tasks. One task has a point and no interval.

    Raises:
        FastadaptError: there is no score, or one is not finite.
    """
    matrix = checked(scores)
    runs, tasks = matrix.shape
    if tasks == 1:
        return Interval(float(statistic(matrix.reshape(-1))), math.nan, math.nan, 1, runs)
    found = bootstrap(matrix, statistic, resample="tasks" if runs == 1 else "both")
    return Interval(found.point, found.low, found.high, tasks, runs)


def checked(matrix: ArrayLike) -> Array:
    """Return scores as a matrix `(runs, tasks)`; refuse an empty or non-finite one."""
    scores = np.atleast_2d(np.asarray(matrix, float))
    if scores.ndim != 2 or scores.size == 0:
        raise FastadaptError(
            f"Scores must be a matrix (runs, tasks) with at least one entry, not {scores.shape}."
        )
    bad = int((~np.isfinite(scores)).sum())
    if bad:
        raise FastadaptError(
            f"{bad} of {scores.size} scores are NaN or infinite, so they cannot be averaged. "
            "Leave out the episodes they come from, or give those a finite score."
        )
    return scores


def count_of(runs: int, tasks: int, resample: str) -> int:
    """Return the number of units to resample; refuse a single one."""
    counts = {"tasks": tasks, "runs": runs, "both": min(runs, tasks)}
    if resample not in counts:
        raise unknown_name("way to resample", resample, counts)
    if counts[resample] < 2:
        other = "runs" if resample == "tasks" else "tasks"
        raise FastadaptError(
            f"There is only 1 of the {resample} to resample, so no interval can be computed: "
            f"evaluate at least 2 {resample}, or use resample='{other}'."
        )
    return counts[resample]


def chunks(reps: int, size: int) -> list[int]:
    """Split `reps` into chunks whose resamples of `size` numbers fit into memory."""
    if reps < 1:
        raise FastadaptError(f"Cannot bootstrap with {reps} resamples; use at least 1.")
    chunk = max(1, _CHUNK // size)
    return [min(chunk, reps - start) for start in range(0, reps, chunk)]


def interval_of(point: float, samples: Array, count: int, runs: int = 0) -> Interval:
    """Return the percentile interval of bootstrap samples.

    Args:
        point: the estimate.
        samples: the same statistic of each resample, `(reps,)`.
        count: number of resampled units.
        runs: number of training seeds.
    """
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(samples, [tail, 1 - tail])
    return Interval(point, float(low), float(high), count, runs)
