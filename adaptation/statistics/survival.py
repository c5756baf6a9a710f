"""Bootstrap intervals for right-censored times."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from fastadapt.adaptation.statistics.bootstrap import LEVEL, Interval, interval_of
from fastadapt.adaptation.statistics.metrics import Times, kaplan_meier, restricted_mean
from fastadapt.envs.arrays import Array


class Band(NamedTuple):
    """A Kaplan-Meier curve with its pointwise interval, each `(moments,)`."""

    time: Array
    share: Array
    low: Array
    high: Array


def restricted_mean_interval(times: Times, horizon: float, reps: int = 1000) -> Interval:
    """Return the restricted mean of censored times with its interval over tasks (and runs).

    Args:
        times: `(tasks,)`, or `(runs, tasks)`.
        horizon: upper limit of the mean, in the unit of the times.
        reps: number of resamples.
    """
    matrix = _matrix(times)
    point, tasks = restricted_mean(_flat(matrix), horizon), matrix.time.shape[1]
    if tasks < 2:
        return Interval(point, float("nan"), float("nan"), tasks, len(matrix.time))
    means = [restricted_mean(drawn, horizon) for drawn in _resamples(matrix, reps)]
    return interval_of(point, np.array(means), tasks, len(matrix.time))


def survival_band(times: Times, moments: ArrayLike, reps: int = 500) -> Band:
    """Return the Kaplan-Meier share at each moment with its pointwise interval over tasks.

    Args:
        times: `(tasks,)`, or `(runs, tasks)`.
        moments: `(moments,)`, ascending.
        reps: number of resamples.
    """
    at, matrix = np.asarray(moments, float), _matrix(times)
    point = _share(_flat(matrix), at)
    if matrix.time.shape[1] < 2:
        nothing = np.full(len(at), np.nan)
        return Band(at, point, nothing, nothing)
    drawn = np.array([_share(sample, at) for sample in _resamples(matrix, reps)])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    return Band(at, point, low, high)


def _share(times: Times, at: Array) -> Array:
    curve = kaplan_meier(times)
    return curve.share[np.searchsorted(curve.time, at, side="right") - 1]


def _matrix(times: Times) -> Times:
    return Times(np.atleast_2d(times.time), np.atleast_2d(times.happened))


def _flat(times: Times) -> Times:
    return Times(times.time.reshape(-1), times.happened.reshape(-1))


def _resamples(times: Times, reps: int) -> list[Times]:
    """Draw tasks, and runs where there are several; each `(runs * tasks,)`."""
    runs, tasks = times.time.shape
    rng = np.random.default_rng(0)
    rows = rng.integers(runs, size=(reps, runs, 1))
    columns = rng.integers(tasks, size=(reps, 1, tasks))
    time, happened = times.time[rows, columns], times.happened[rows, columns]
    return [_flat(Times(t, h)) for t, h in zip(time, happened, strict=True)]
