"""Schedules of online trials: when damage begins, how it grows, and which perturbations it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastadapt.envs import TaskSet
from fastadapt.envs.arrays import Array, Steps
from fastadapt.errors import FastadaptError, unknown_name


@dataclass(frozen=True)
class OnlinePlan:
    """Schedule of an online trial; all times in seconds of the episode."""

    duration: float = 40.0
    """Duration of the episode, beyond the horizon of the environment."""
    earliest: float = 10.0
    """Earliest onset of the damage; the onset is drawn, keyed by seed and task."""
    latest: float = 20.0
    """Latest onset."""
    ramp: float = 0.0
    """Time in which the damage grows to its full size; a long one is a drift."""
    heals_after: float | None = None
    """Time from the onset to the repair (default: never)."""
    again_after: float | None = None
    """Time from the repair to the next onset of the same damage (default: never)."""
    strikes: tuple[str, ...] = ()
    """Perturbations or groups that begin at the onset, while all others act from the start
    (default: every perturbation that belongs to a group; where there is no group, all)."""

    def __post_init__(self) -> None:
        if not 0 <= self.earliest <= self.latest < self.duration < math.inf:
            raise FastadaptError(
                f"The onset lies between {self.earliest:g} and {self.latest:g} s of "
                f"{self.duration:g} s; it must be 0 <= earliest <= latest < duration."
            )
        for name in ("ramp", "heals_after", "again_after"):
            if getattr(self, name) == math.inf:
                raise FastadaptError(
                    f"{name} = inf s; it must be finite. Leave it out for what never happens."
                )
        # `not >=` refuses NaN as well
        if not self.ramp >= 0 or not (self.heals_after is None or self.heals_after > self.ramp):
            raise FastadaptError(
                f"ramp = {self.ramp:g} s, heals_after = {self.heals_after}; a ramp is not negative "
                "and damage heals after it is complete."
            )
        if self.again_after is not None and (self.heals_after is None or not self.again_after > 0):
            raise FastadaptError(
                f"again_after = {self.again_after:g} s: damage begins again after a repair. Set "
                "heals_after, and a positive again_after."
            )

    def level(self, since: Steps, step: float) -> Array:
        """Return the level of the damage, 0 (absent) to 1 (complete), `(N,)`.

        Args:
            since: control steps since the onset, `(N,)`, negative before it.
            step: duration of a control step [s].
        """
        ramp = round(min(self.ramp, self.duration) / step)
        heals, again = (_steps(time, step) for time in (self.heals_after, self.again_after))
        phase = np.asarray(since)
        if heals is not None and again is not None:
            phase = np.where(phase < 0, phase, phase % (heals + again))
        level = np.clip((phase + 1) / (ramp + 1), 0.0, 1.0)
        return np.where((phase < 0) | (heals is not None and phase >= heals), 0.0, level)

    def damaged_for(self) -> float:
        """Return the time from the onset to the first repair, at most the duration [s]."""
        return self.duration if self.heals_after is None else min(self.heals_after, self.duration)


def striking(task_set: TaskSet, names: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the names of the perturbations that begin at the onset.

    Args:
        task_set: of the perturbations.
        names: of perturbations or groups; empty: all that belong to a group, or all there are.

    Raises:
        FastadaptError: there is neither a perturbation nor a group of a name.
    """
    declared = [block.perturbation for block in task_set.blocks]
    groups = {p.name: p.group for p in declared}
    groups |= {p.name: groups[p.along_with] for p in declared if p.along_with}
    known = [*groups, *{group: None for group in groups.values() if group}]
    for name in names:
        if name not in known:
            raise unknown_name(f"perturbation or group of '{task_set.name}' called", name, known)
    chosen = [n for n, g in groups.items() if (n in names or g in names if names else g)]
    return tuple(chosen or groups)


def _steps(time: float | None, step: float) -> int | None:
    """Return a time in control steps; a time beyond any episode is never."""
    return None if time is None or time / step > 2**31 else max(1, round(time / step))
