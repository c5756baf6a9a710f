"""What is said of an adaptation: one function for each number.

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
    """When something happened, per task; where it never did, when watching ended.

    Attributes:
        time: `(tasks,)`, in shots or seconds.
        happened: `(tasks,)`; False is right-censored: "later than `time`, if ever".
    """

    time: Array
    happened: NDArray[np.bool_]


class Survival(NamedTuple):
    """A Kaplan-Meier curve: from `time[i]` on, a share `share[i]` has not recovered yet."""

    time: Array
    share: Array


def normalised_score(returns: ArrayLike, floor: ArrayLike, oracle: ArrayLike) -> Array:
    """Return (return - floor) / mean gap: 0 is no better than the floor, 1 as good as the oracle.

    The floor is that of the same task; the gap is the mean over all tasks of (oracle - floor), so
    that the mean of the scores is the share of the gap that was closed, and a task that the damage
    hardly hurts, whose own gap is near zero, does not blow up.

    Args:
        returns: `(tasks,)` or `(tasks, moments)`.
        floor: `(tasks,)`, of the unadapted nominal agent.
        oracle: `(tasks,)`, of the agent that sees the task.

    Raises:
        FastadaptError: shapes differ, or the oracle is not above the floor on average.
    """
    scores, low, high = (np.asarray(x, float) for x in (returns, floor, oracle))
    if low.shape != high.shape or scores.shape[:1] != low.shape:
        raise FastadaptError(
            f"Returns {scores.shape}, floor {low.shape} and oracle {high.shape} are not of the "
            "same tasks."
        )
    gap = float((high - low).mean())
    if not gap > 0:
        raise FastadaptError(
            f"The oracle is {-gap:.3g} below the floor on average: there is no gap to close, so "
            "nothing can be normalised. Train the oracle longer, or widen the task set."
        )
    return (scores - low.reshape(-1, *[1] * (scores.ndim - 1))) / gap


def area_under_curve(shots: ArrayLike, curve: ArrayLike) -> Array:
    """Return the mean height of each curve over the shots, `(tasks,)`: trapezoids / range."""
    at, scores = _curve(shots, curve)
    if len(at) == 1:
        return scores[:, 0]
    return np.trapezoid(scores, at, axis=1) / (at[-1] - at[0])


def jump_start(shots: ArrayLike, curve: ArrayLike, baseline: ArrayLike = 0.0) -> Array:
    """Return the score before any shot, less a baseline's (e.g. domain-randomised), `(tasks,)`."""
    return _curve(shots, curve)[1][:, 0] - np.asarray(baseline, float)


def asymptote(shots: ArrayLike, curve: ArrayLike) -> Array:
    """Return the score after the last shot, `(tasks,)`."""
    return _curve(shots, curve)[1][:, -1]


def shots_to(shots: ArrayLike, curve: ArrayLike, threshold: ArrayLike) -> Times:
    """Return after how many shots each curve first reaches its threshold (right-censored).

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
    """Return what was lost against the best, summed over the shots, `(tasks,)`: trapezoids.

    In units of the score times shots; 0 for an agent that is as good as `best` from the start.
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
    counts by the fraction of it that belongs to the share.
    """
    if not 0 < share <= 1:
        raise FastadaptError(f"share = {share}; it must be in (0, 1].")
    ordered = np.sort(np.asarray(scores, float), axis=-1)
    count = ordered.shape[-1]
    weights = np.clip(share * count - np.arange(count), 0.0, 1.0)
    return ordered @ weights / (share * count)


def survival(fell: ArrayLike, diverged: ArrayLike) -> Array:
    """Return the share of episodes that neither ended by a fall nor in a broken simulation.

    Args:
        fell: share of episodes that ended by a fall, per task.
        diverged: share of those in which the simulation broke; no episode does both.
    """
    return 1 - np.asarray(fell, float) - np.asarray(diverged, float)


def cost_of_transport(energy: ArrayLike, weight: ArrayLike, distance: ArrayLike) -> Array:
    """Return energy / (weight x distance), without unit (Tucker 1975); inf for who got nowhere.

    Args:
        energy: mechanical work of the actuators [J].
        weight: of the robot [N].
        distance: covered [m].
    """
    work, force, way = (np.asarray(x, float) for x in (energy, weight, distance))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(way > 0, work / (force * way), np.inf)


def recovered_fraction(before: ArrayLike, dropped: ArrayLike, after: ArrayLike) -> Array:
    """Return (after - dropped) / (before - dropped): 1 is as good as the healthy twin.

    The gap is the mean over tasks, as in `normalised_score`; nan where damage cost nothing.
    """
    healthy, low, now = (np.asarray(x, float) for x in (before, dropped, after))
    gap = float((healthy - low).mean())
    return (now - low) / gap if gap > 0 else np.full(now.shape, np.nan)


def kaplan_meier(times: Times) -> Survival:
    """Return the share that has not recovered by each time (Kaplan and Meier 1958).

    Censored tasks count among those at risk until watching ended, and never as recovered.
    """
    time, happened = np.asarray(times.time, float), np.asarray(times.happened, bool)
    moments = np.unique(time[happened])
    at_risk = (time[None] >= moments[:, None]).sum(axis=1)
    events = ((time[None] == moments[:, None]) & happened[None]).sum(axis=1)
    share = np.cumprod(1 - events / np.maximum(at_risk, 1))
    return Survival(np.r_[0.0, moments], np.r_[1.0, share])


def restricted_mean(times: Times, horizon: float) -> float:
    """Return the mean time to recovery up to `horizon`: the area under the Kaplan-Meier curve.

    (Royston and Parmar 2013.) A task that never recovers counts as `horizon`.
    """
    curve = kaplan_meier(times)
    inside = curve.time < horizon
    edges = np.r_[curve.time[inside], horizon]
    return float((np.diff(edges) * curve.share[inside]).sum())


def time_to_recover(
    speed: ArrayLike, step: float, threshold: ArrayLike, *, window: float = 1.0, hold: float = 2.0
) -> Times:
    """Return when the moving average of a signal first reaches a threshold and stays there.

    Args:
        speed: `(T, tasks)` since the damage struck: speed or reward, one row per control step.
        step: duration of a control step [s].
        threshold: `(tasks,)` or one for all, e.g. 0.9 of the oracle's speed after the damage.
        window: length of the moving average [s].
        hold: how long it has to stay [s]; where the record ends earlier, to its end is not enough.

    Returns:
        Seconds since the damage, right-censored at the end of the record. The window looks back, so
        that the earliest time is `window`.
    """
    signal = np.asarray(speed, float)
    width, held = max(1, round(window / step)), max(1, round(hold / step))
    total, tasks = signal.shape
    sums = np.cumsum(np.r_[np.zeros((1, tasks)), signal], axis=0)
    average = (sums[width:] - sums[:-width]) / width  # [i] ends with step i + width
    good = average >= np.asarray(threshold, float)
    runs = np.cumsum(np.r_[np.zeros((1, tasks)), good], axis=0)
    stays = (runs[held:] - runs[:-held]) == held
    happened = stays.any(axis=0) if len(stays) else np.zeros(tasks, bool)
    first = stays.argmax(axis=0) if len(stays) else np.zeros(tasks, int)
    return Times(np.where(happened, (first + width) * step, total * step), happened)


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
