"""Adaptation metrics, one function each.

A curve is `(tasks, moments)`: a score per task after each of the numbers of shots in `shots`.
Source of most definitions: Taylor and Stone 2009, "Transfer learning for reinforcement learning
domains", section 2.1 (jump-start, asymptote, time to threshold, area), and Beck et al. 2023, "A
survey of meta-reinforcement learning", section 2.4 (few-shot evaluation).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastadapt.envs.arrays import Array
from fastadapt.errors import FastadaptError


class Times(NamedTuple):
    """Right-censored event times, one per task.

    Attributes:
        time: `(tasks,)`, of the event or of censoring, in shots or seconds.
        happened: `(tasks,)`; False where the event had not happened by `time`.
    """

    time: Array
    happened: NDArray[np.bool_]


class Survival(NamedTuple):
    """A Kaplan-Meier curve: the share without an event is `share[i]` from `time[i]` on."""

    time: Array
    share: Array


def normalised_score(returns: ArrayLike, nominal: ArrayLike, oracle: ArrayLike) -> Array:
    """Return (return - nominal) / mean gap: 0 is the nominal baseline, 1 the oracle.

    The baseline is that of the same task; the gap is the mean over all tasks of (oracle - nominal).
    The mean score is then the share of the gap that was closed, and tasks on which the damage costs
    little, with a gap near zero, do not dominate it.

    Args:
        returns: `(tasks,)` or `(tasks, moments)`.
        nominal: `(tasks,)`, of the agent trained on the healthy robot only.
        oracle: `(tasks,)`, of the agent that observes the task's parameters.

    Raises:
        FastadaptError: shapes differ, or the oracle is not above the nominal baseline on average.
    """
    scores, low, high = (np.asarray(x, float) for x in (returns, nominal, oracle))
    if low.shape != high.shape or scores.shape[:1] != low.shape:
        raise FastadaptError(
            f"Returns {scores.shape}, nominal {low.shape} and oracle {high.shape} differ in their "
            "number of tasks."
        )
    gap = float((high - low).mean())
    if not gap > 0:
        raise FastadaptError(
            f"The oracle is {-gap:.3g} below the nominal baseline on average, so scores cannot be "
            "normalised. Train the oracle longer, or widen the task set."
        )
    return (scores - low.reshape(-1, *[1] * (scores.ndim - 1))) / gap


def area_under_curve(shots: ArrayLike, curve: ArrayLike) -> Array:
    """Return the mean of each curve over the shots, `(tasks,)`: trapezoidal area / range."""
    at, scores = _curve(shots, curve)
    if len(at) == 1:
        return scores[:, 0]
    return np.trapezoid(scores, at, axis=1) / (at[-1] - at[0])


def jump_start(shots: ArrayLike, curve: ArrayLike, baseline: ArrayLike = 0.0) -> Array:
    """Return the score before any shot minus a baseline's (e.g. domain-randomised), `(tasks,)`."""
    return _curve(shots, curve)[1][:, 0] - np.asarray(baseline, float)


def asymptote(shots: ArrayLike, curve: ArrayLike) -> Array:
    """Return the score after the last shot, `(tasks,)`."""
    return _curve(shots, curve)[1][:, -1]


def shots_to(shots: ArrayLike, curve: ArrayLike, threshold: ArrayLike) -> Times:
    """Return the number of shots after which each curve first reaches its threshold.

    Args:
        shots: `(moments,)`, ascending.
        curve: `(tasks, moments)`.
        threshold: `(tasks,)` or one for all, e.g. 0.9 of the asymptote or of the oracle.
    """
    at, scores = _curve(shots, curve)
    reached = scores >= np.broadcast_to(np.asarray(threshold, float), len(scores))[:, None]
    happened = np.asarray(reached.any(axis=1))
    return Times(np.where(happened, at[reached.argmax(axis=1)], at[-1]), happened)


def regret(shots: ArrayLike, curve: ArrayLike, best: ArrayLike) -> Array:
    """Return the regret against the best score, integrated over the shots (trapezoids), `(tasks,)`.

    In units of the score times shots; 0 for an agent that matches `best` from the start.
    """
    at, scores = _curve(shots, curve)
    gap = np.broadcast_to(np.asarray(best, float), len(scores))[:, None] - scores
    return np.asarray(np.trapezoid(gap, at, axis=1)) if len(at) > 1 else np.zeros(len(scores))


def negative_adaptation(shots: ArrayLike, curve: ArrayLike) -> Array:
    """Return 1 where the agent is worse after the last shot than before any, else 0, `(tasks,)`.

    Its mean is the negative-adaptation rate.
    """
    scores = _curve(shots, curve)[1]
    return (scores[:, -1] < scores[:, 0]).astype(float)


def cvar(scores: ArrayLike, share: float = 0.2) -> Array:
    """Return the mean of the worst `share` of the scores, over the last axis.

    Conditional value at risk (Rockafellar and Uryasev 2000): the score on the border of the share
    is weighted by the fraction of it that belongs to the share.
    """
    if not 0 < share <= 1:
        raise FastadaptError(f"share = {share}; it must be in (0, 1].")
    ordered = np.sort(np.asarray(scores, float), axis=-1)
    count = ordered.shape[-1]
    weights = np.clip(share * count - np.arange(count), 0.0, 1.0)
    return ordered @ weights / (share * count)


def survival(fell: ArrayLike, diverged: ArrayLike) -> Array:
    """Return the share of episodes without a fall or a diverged simulation.

    Args:
        fell: share of episodes that ended in a fall, per task.
        diverged: share of episodes whose simulation diverged; disjoint from the falls.
    """
    return 1 - np.asarray(fell, float) - np.asarray(diverged, float)


def cost_of_transport(energy: ArrayLike, weight: ArrayLike, distance: ArrayLike) -> Array:
    """Return energy / (weight x distance), dimensionless (Tucker 1975); inf without progress.

    Args:
        energy: mechanical work of the actuators [J].
        weight: of the robot [N].
        distance: covered [m].
    """
    work, force, way = (np.asarray(x, float) for x in (energy, weight, distance))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(way > 0, work / (force * way), np.inf)


def kaplan_meier(times: Times) -> Survival:
    """Return the Kaplan-Meier estimate of the share without an event (Kaplan and Meier 1958).

    Censored tasks are at risk until their time of censoring and never count as an event.
    """
    from scipy.stats import CensoredData, ecdf

    time, happened = np.asarray(times.time, float), np.asarray(times.happened, bool)
    curve = ecdf(CensoredData.right_censored(time, ~happened)).sf
    return Survival(np.r_[0.0, curve.quantiles], np.r_[1.0, curve.probabilities])


def restricted_mean(times: Times, horizon: float) -> float:
    """Return the restricted mean time to the event: the area under the Kaplan-Meier curve.

    Integrated up to `horizon` (Royston and Parmar 2013); a task without the event counts as that.
    """
    curve = kaplan_meier(times)
    inside = curve.time < horizon
    edges = np.r_[curve.time[inside], horizon]
    return float((np.diff(edges) * curve.share[inside]).sum())


def _curve(shots: ArrayLike, curve: ArrayLike) -> tuple[Array, Array]:
    at, scores = np.asarray(shots, float), np.asarray(curve, float)
    if at.ndim != 1 or scores.ndim != 2 or scores.shape[1] != len(at) or len(at) == 0:
        raise FastadaptError(
            f"A curve is (tasks, moments) with one column for each number of shots; got shots "
            f"{at.shape} and curve {scores.shape}."
        )
    if (np.diff(at) <= 0).any():
        raise FastadaptError(f"Numbers of shots must ascend; got {at.tolist()}.")
    return at, scores
