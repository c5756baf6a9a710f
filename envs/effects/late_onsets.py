"""Which perturbations begin after the last control step of an episode, and so never act in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastadapt.envs.laws import Law
from fastadapt.envs.task_set import TaskSet

_EPS = 1e-9
"""Seconds by which rounding may miss a time; see `onsets`."""
_DRAWS = 10_000
"""Evenly spaced draws of which the share is taken."""


@dataclass(frozen=True)
class LateOnset:
    """A perturbation that some episodes are too short for.

    Attributes:
        perturbation: its name.
        splits: in which its onset has this law.
        span: the earliest and the latest onset [s].
        share: of the draws that begin too late; 1 where it never begins.
    """

    perturbation: str
    splits: tuple[str, ...]
    span: tuple[float, float]
    share: float

    def __str__(self) -> str:
        low, high = self.span
        when = f"{low:g} s" if low == high else f"{low:g} to {high:g} s"
        plural = "s" if len(self.splits) > 1 else ""
        return f"'{self.perturbation}' in split{plural} {', '.join(self.splits)} (onset {when})"


def late_onsets(task_set: TaskSet) -> list[LateOnset]:
    """Return what begins too late for the task set's episodes, in the order of the file."""
    cls = task_set.environment
    last = (cls.horizon - 1) * cls.control_step() + _EPS
    found: list[LateOnset] = []
    for perturbation in task_set.file.perturbations:
        laws: dict[Law, list[str]] = {}
        for split in task_set.splits:
            law = task_set.file.in_split(split, perturbation).onset
            if law is not None:
                laws.setdefault(law, []).append(split)
        for law, splits in laws.items():
            share = _share_after(law, last)
            if share > 0:
                name = perturbation.name
                found.append(LateOnset(name, tuple(splits), law.support(), share))
    return found


def _share_after(law: Law, time: float) -> float:
    """Return which share of the draws of a law is later than a time; 1 only where all are."""
    low, high = law.support()
    if low > time:
        return 1.0
    if high <= time:
        return 0.0
    draws = law.quantile((np.arange(_DRAWS) + 0.5) / _DRAWS)
    return min(float((draws > time).mean()), 1 - 1 / _DRAWS)
