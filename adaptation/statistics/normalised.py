"""Intervals of normalised scores: agent, nominal baseline and oracle are resampled together."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from fastadapt.adaptation.statistics.bootstrap import (
    LEVEL,
    REPS,
    Interval,
    Statistic,
    checked,
    chunks,
    interval_of,
    mean,
)
from fastadapt.adaptation.statistics.metrics import normalised_score
from fastadapt.envs.arrays import Array, Ids
from fastadapt.errors import FastadaptError

_SAME = 1e-3
"""Largest difference between two records of one measurement: references are saved rounded."""


def normalised_interval(
    scores: ArrayLike,
    nominal: ArrayLike,
    oracle: ArrayLike,
    statistic: Statistic = mean,
    *,
    reps: int = REPS,
    seed: int = 0,
) -> Interval:
    """Return a statistic of (score - nominal) / mean(oracle - nominal) with its interval.

    A resample draws the same tasks for all three, and training seeds of each where its scores are
    kept by seed. So the uncertainty of the ratio's two ends is part of the interval, and what they
    share with the agent is not counted twice: the oracle against itself is 1 with no width.

    Args:
        scores: returns `(tasks,)` of an agent, or `(runs, tasks)`.
        nominal: returns of the nominal baseline on the same tasks, alike.
        oracle: returns of the oracle, alike.
        statistic: of the normalised scores.
        reps: number of resamples.
        seed: of the resampling.

    Returns:
        The interval over the n tasks; without ends for one task, or where the gap may be 0.

    Raises:
        FastadaptError: other numbers of tasks, a score that is not finite, or no gap on average.
    """
    own, low, high = checked(scores), checked(nominal), checked(oracle)
    if not own.shape[1] == low.shape[1] == high.shape[1]:
        raise FastadaptError(
            f"Scores on {own.shape[1]} tasks, nominal on {low.shape[1]} and oracle on "
            f"{high.shape[1]}: give all three on the same tasks."
        )
    ends = low.mean(axis=0), high.mean(axis=0)
    values = np.stack([normalised_score(run, *ends) for run in own])
    point, (runs, tasks) = float(statistic(values.reshape(-1))), own.shape
    if tasks == 1:
        return Interval(point, math.nan, math.nan, 1, runs)
    rng, samples = np.random.default_rng(seed), list[Array]()
    for size in chunks(reps, own.size + low.size + high.size):
        columns = rng.integers(tasks, size=(size, 1, tasks))
        rows = _rows(rng, size, own)
        if any(_is_mean_of(end, own) for end in (low, high)):
            rows[:] = np.arange(runs)[:, None]  # the seeds of that reference stay together too
        bottom, top = (
            end[rows if _is(end, own) else _rows(rng, size, end), columns].mean(axis=1)
            for end in (low, high)
        )
        drawn = own[rows, columns]
        gap = (top - bottom).mean(axis=-1)
        gap = np.where(gap > 0, gap, np.nan)[:, None, None]
        samples.append(statistic(((drawn - bottom[:, None]) / gap).reshape(size, -1)))
    found = np.concatenate(samples)
    bounded = found[np.isfinite(found)]
    if len(bounded) < (1 + LEVEL) / 2 * len(found):
        return Interval(point, math.nan, math.nan, tasks, runs)
    return interval_of(point, bounded, tasks, runs)


def _rows(rng: np.random.Generator, size: int, scores: Array) -> Ids:
    """Draw runs with replacement, `(size, runs, 1)`."""
    return rng.integers(len(scores), size=(size, len(scores), 1))


def _is(reference: Array, own: Array) -> bool:
    """Return whether a reference holds the agent's own returns."""
    return reference.shape == own.shape and bool(np.abs(reference - own).max() < _SAME)


def _is_mean_of(reference: Array, own: Array) -> bool:
    """Return whether a reference is the mean over the agent's own seeds."""
    return len(reference) == 1 < len(own) and _is(reference[0], own.mean(axis=0))
