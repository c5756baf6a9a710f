"""Recovery in an online trial, by paired differences between robots with the same seed.

Every level is a mean over a window that is fixed by the onset; none is chosen by its outcome, since
the minimum of a noisy curve lies below its mean and counts noise as damage.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from fastadapt.adaptation.statistics.metrics import Times
from fastadapt.adaptation.trials.online import Arm, OnlineTrial
from fastadapt.envs.arrays import Array, Mask, Steps

MOMENTS = (0.5, 1.0, 2.0, 5.0, 10.0)
"""Times since the onset after which the regained share is measured [s] (Kumar et al. 2021, "RMA",
report recovery on this scale)."""
SHARE = 0.9
"""Share of the gap between baseline and best whose regaining counts as recovery."""
LITTLE = 0.1
"""Fraction of a robot's level below which a loss or a gap counts as none."""

Status = Literal[
    "not struck", "twin broke down", "nothing lost", "nothing to regain", "recovered",
    "not recovered",
]  # fmt: skip
"""Outcome of one task. Not struck: the task has none of the damage that begins. Twin broke down:
the healthy robot, or the best one, failed, or lost half of its level; then there is nothing to
compare with. Nothing lost: the mean loss against the healthy robot is little both in the first 5 s
and overall. Nothing to regain: the best robot is not above the baseline."""


@dataclass(frozen=True)
class Recovery:
    """Recovery from the damage; levels are rewards per control step, `(N,)` if not said otherwise.

    The floor is a baseline that does not adapt, struck alike; the best is a robot with the level
    that can be had, settled or informed of the damage.

    Attributes:
        status: outcome of each task.
        before: mean level over the 2 s before the onset.
        lost: mean of healthy minus struck over the first 2 s of the complete damage.
        struck: `(K + 1, N)` levels at each of `MOMENTS` and over the last 5 s of the damage; NaN
            where the record is too short. So are `floor`, which is NaN without a floor, and `best`.
        healthy: level over the last 5 s of the damage.
        settled: level over the last 5 s of the damage.
        time: until 0.9 of the gap is regained for good [s]; right-censored. It means nothing
            unless the status is `recovered` or `not recovered`.
        fell: where the struck robot failed at or after the onset.
    """

    status: list[Status]
    before: Array
    lost: Array
    struck: Array
    floor: Array
    best: Array
    healthy: Array
    settled: Array
    time: Times
    fell: Mask


def recovery(trial: OnlineTrial, floor: Arm | None = None, best: Arm | None = None) -> Recovery:
    """Return the recovery in an online trial.

    Args:
        trial: as `run_online` returned it.
        floor: a baseline that does not adapt, struck alike (default: the same agent with its belief
            kept, where the trial has it).
        best: an agent that is informed at the onset, struck alike (default: the settled robot).
    """
    floor, best = floor or trial.uninformed, best or trial.settled
    windows, reward = _Windows(trial), trial.struck.reward
    time = _times(trial, windows, best, floor)
    return Recovery(
        _status(trial, windows, floor, best, time),
        windows.before(reward),
        windows.first(trial.healthy.reward - reward, 2.0),
        windows.levels(reward),
        windows.levels(floor.reward if floor else np.full(reward.shape, np.nan)),
        windows.levels(best.reward),
        windows.last(trial.healthy.reward),
        windows.last(trial.settled.reward),
        time,
        (trial.struck.ended >= trial.strike) & (trial.struck.ended < len(reward)),
    )


class _Windows:
    """Means of a reward `(T, N)` over windows that are aligned at each robot's onset."""

    def __init__(self, trial: OnlineTrial) -> None:
        total, self._step = len(trial.struck.reward), trial.step
        self.start = trial.strike
        damaged = round(trial.plan.damaged_for() / trial.step)
        self.stop = np.minimum(total, trial.strike + max(1, damaged))
        ramp = np.full(len(self.start), round(min(trial.plan.ramp, total) / trial.step))
        self._complete = np.minimum(self.start + ramp, self.stop - 1)

    def mean(self, reward: Array, start: Steps, stop: Steps) -> Array:
        """Return the mean over the control steps `start` to `stop`, `(N,)` each."""
        sums = np.cumsum(np.r_[np.zeros((1, reward.shape[1])), reward], axis=0)
        stop, robots = np.maximum(stop, start + 1), np.arange(len(start))
        return (sums[stop, robots] - sums[start, robots]) / (stop - start)

    def levels(self, reward: Array) -> Array:
        """Return the levels at each of `MOMENTS` and over the last 5 s, `(K + 1, N)`."""
        return np.array([*(self.around(reward, time) for time in MOMENTS), self.last(reward)])

    def before(self, reward: Array, seconds: float = 2.0) -> Array:
        """Return the mean before the onset; of the first time step where damage begins at once."""
        return self.mean(reward, np.maximum(self.start - self._steps(seconds), 0), self.start)

    def first(self, reward: Array, seconds: float) -> Array:
        """Return the mean over the first seconds of the complete damage."""
        stop = np.minimum(self._complete + self._steps(seconds), self.stop)
        return self.mean(reward, self._complete, stop)

    def last(self, reward: Array, seconds: float = 5.0) -> Array:
        """Return the mean over the last seconds of the damage."""
        return self.mean(
            reward, np.maximum(self.stop - self._steps(seconds), self.start), self.stop
        )

    def late(self, reward: Array) -> Array:
        """Return the mean over the second half of the damage."""
        return self.mean(reward, (self.start + self.stop) // 2, self.stop)

    def whole(self, reward: Array) -> Array:
        """Return the mean over all of the damage."""
        return self.mean(reward, self.start, self.stop)

    def around(self, reward: Array, seconds: float) -> Array:
        """Return the mean between 0.75 and 1.25 times a time since the onset, NaN beyond an end."""
        first, last = (self._steps(factor * seconds) for factor in (0.75, 1.25))
        if (self.start + last > self.stop).any():
            return np.full(len(self.start), np.nan)
        return self.mean(reward, self.start + first, self.start + last)

    def _steps(self, seconds: float) -> int:
        return max(1, round(seconds / self._step))


def _times(trial: OnlineTrial, windows: _Windows, best: Arm, floor: Arm | None) -> Times:
    """Return the times to recovery; the level to regain is that of late in the record."""
    record = windows.stop - windows.start
    longest = (record * trial.step).astype(np.float64)
    if floor is None:
        return Times(longest, np.zeros(len(record), bool))
    low, high = windows.late(floor.reward), windows.late(best.reward)
    threshold = low + SHARE * (high - low)
    steps, stays = np.zeros(len(record), np.int64), np.zeros(len(record), bool)
    hold = np.minimum(max(1, round(5.0 / trial.step)), np.maximum(record // 4, 1))
    for i, (start, stop) in enumerate(zip(windows.start, windows.stop, strict=True)):
        steps[i] = settling_time(trial.struck.reward[start:stop, i] - threshold[i])
        stays[i] = record[i] - steps[i] >= hold[i]
    happened = stays & ~(trial.struck.ended < windows.stop) & ~trial.struck.diverged
    return Times(np.where(happened, steps * trial.step, longest), happened)


def settling_time(excess: Array) -> int:
    """Return the step from which on the mean of a curve `(T,)` is at least 0, up to any later step.

    It is where the cumulative sum is least (Page 1954, "Continuous inspection schemes"): the mean
    from there to any later step is at least 0, and that from any earlier step to there below 0. A
    curve that is above 0 at first and falls later counts from that fall on, and a curve that stays
    below 0 on average has its least sum at its end, whatever its noise.
    """
    return int(np.argmin(np.r_[0.0, np.cumsum(excess)]))


def _status(
    trial: OnlineTrial, windows: _Windows, floor: Arm | None, best: Arm, time: Times
) -> list[Status]:
    """Return the outcome of each task."""
    healthy, struck = trial.healthy.reward, trial.struck.reward
    broken = trial.struck.diverged | (trial.struck.ended < trial.strike)
    broken |= trial.healthy.failed | best.failed
    for arm in (trial.healthy, *([best] if best is trial.settled else [])):
        before = windows.before(arm.reward, 5.0)  # an informed agent is struck: it may well lose
        broken |= windows.late(arm.reward) < before - 0.5 * np.abs(before)
    if floor is not None:
        broken |= floor.diverged
    scale = np.maximum(np.abs(windows.before(struck)), np.abs(windows.whole(healthy)))
    loss = healthy - struck
    lost = np.maximum(windows.first(loss, 5.0), windows.whole(loss)) > LITTLE * scale
    gap = (
        windows.late(best.reward - floor.reward)
        if floor is not None
        else np.full(len(lost), np.nan)
    )
    cases: list[tuple[Status, Mask]] = [
        ("not struck", ~trial.changes),
        ("twin broke down", broken),
        ("nothing lost", ~lost),
        ("nothing to regain", ~(gap > LITTLE * scale)),
        ("recovered", time.happened),
    ]
    found: list[Status] = ["not recovered"] * len(trial.strike)
    for name, holds in reversed(cases):
        for i in np.flatnonzero(holds).tolist():
            found[i] = name
    return found
