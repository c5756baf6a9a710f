"""Success: an objective's own yes or no about an episode."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fastadapt.envs.arrays import Array, Ids, Mask, Steps
from fastadapt.errors import FastadaptError, unknown_name


class SuccessKeys(BaseModel):
    """Keys of a criterion of success; a table `[success]` gives some of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    measure: str = "distance"
    """What is bounded: `distance` (its meaning is the environment's), or another number that
    `info` of a step holds, e.g. `x_velocity` [m/s]."""
    at_least: float | None = None
    """Smallest value of a success, in the unit of the measure."""
    at_most: float | None = None
    """Largest value of a success, in the unit of the measure."""
    held: float = Field(default=0.0, ge=0)
    """Seconds up to the end of the episode for which the bounds must hold (0: at its end)."""
    average_after: float | None = Field(default=None, ge=0)
    """The bounds are those of the mean over the episode from this time on [s], in place of those of
    its end."""
    may_fall: bool = False
    """Whether an episode that ended by failure can be a success."""


class Success(SuccessKeys):
    """When an episode is a success: bounds on one measure, at its end, for a while, or on average.

    An episode whose simulation diverged is none, nor one that ended by failure (unless `may_fall`).
    """

    @model_validator(mode="after")
    def _has_bounds_and_one_reading(self) -> Success:
        if self.at_least is None and self.at_most is None:
            raise ValueError("give 'at_least', 'at_most' or both, or every episode is a success")
        if None not in (self.at_least, self.at_most) and self._low > self._high:
            raise ValueError("'at_least' is more than 'at_most': no episode could be a success")
        if self.held and self.average_after is not None:
            raise ValueError("'held' and 'average_after' exclude each other: leave one out")
        return self

    @property
    def _low(self) -> float:
        return -math.inf if self.at_least is None else self.at_least

    @property
    def _high(self) -> float:
        return math.inf if self.at_most is None else self.at_most

    def within(self, values: Array) -> Mask:
        """Return where values are within the bounds."""
        return (values >= self._low) & (values <= self._high)

    def __str__(self) -> str:
        """Say it in words: `distance at most 0.03, held for the last 0.5 s, without a fall`."""
        bounds = [
            f"{word} {value:g}"
            for word, value in (("at least", self.at_least), ("at most", self.at_most))
            if value is not None
        ]
        what = f"{self.measure} {' and '.join(bounds)}"
        if self.average_after is not None:
            what = f"mean {what}"
            what += f", from {self.average_after:g} s on" if self.average_after else ""
        elif self.held:
            what += f", held for the last {self.held:g} s"
        else:
            what += " at the end"
        return what + ("" if self.may_fall else ", without a fall")


class SuccessMeter:
    """Judges the episodes of N robots while they run."""

    def __init__(self, criterion: Success, num_robots: int, control_step: float) -> None:
        self._criterion = criterion
        self._needed = max(1, math.ceil(criterion.held / control_step - 1e-9))
        self._skipped = math.ceil((criterion.average_after or 0.0) / control_step - 1e-9)
        self._kept = np.zeros(num_robots, np.int64)  # steps in a row within the bounds
        self._sum, self._count = np.zeros((2, num_robots))

    @classmethod
    def of(cls, criterion: Success | None, num_robots: int, control_step: float) -> Self | None:
        """Return a meter, None where there is no criterion."""
        return None if criterion is None else cls(criterion, num_robots, control_step)

    def reset(self, ids: Ids) -> None:
        """Begin new episodes of some robots."""
        self._kept[ids] = 0
        self._sum[ids] = self._count[ids] = 0.0

    def judge(
        self,
        measures: Mapping[str, Array],
        running: Mask,
        elapsed: Steps,
        terminated: Mask,
        truncated: Mask,
    ) -> Mask:
        """Take in a control step and return where an episode has ended in success, `(N,)`.

        A robot keeps the verdict of its last episode until it is reset; before the end there is
        none, so the value is false.

        Args:
            measures: of the step, each `(N,)`, and where the simulation has `diverged`.
            running: which robots took the step, `(N,)`.
            elapsed: control steps since the start of the episode, `(N,)`.
            terminated: where the episode has ended by failure, `(N,)`.
            truncated: where it has ended at its time limit, `(N,)`.

        Raises:
            FastadaptError: the environment does not measure what the criterion is about.
        """
        rule = self._criterion
        if rule.measure not in measures:
            raise unknown_name("measure of success called", rule.measure, measures)
        values = np.asarray(measures[rule.measure], np.float64)
        if rule.average_after is None:
            kept = np.where(rule.within(values), self._kept + 1, 0)
            self._kept = np.where(running, kept, self._kept)
            good = self._kept >= np.minimum(self._needed, np.maximum(elapsed, 1))
        else:
            counted = running & (elapsed > self._skipped)
            self._sum += np.where(counted, values, 0.0)
            self._count += counted
            mean = np.divide(self._sum, self._count, out=np.full_like(values, np.nan),
                             where=self._count > 0)  # fmt: skip
            good = rule.within(mean)
        ended = truncated | terminated if rule.may_fall else truncated & ~terminated
        return good & ended & ~np.asarray(measures["diverged"], bool)


def criterion_of(declared: object, keys: SuccessKeys | None) -> Success | None:
    """Return the criterion that an environment declares, with the keys that a table changes.

    A table with another `measure` keeps nothing of what the environment declares.

    Args:
        declared: of the environment, None if it has no criterion.
        keys: of the table `[success]`, None if there is none.

    Raises:
        FastadaptError: the environment declares something else, or the keys make no criterion.
    """
    if declared is not None and not isinstance(declared, Success):
        raise FastadaptError(
            f"An environment declares success as {declared!r:.60}; give a "
            "`fastadapt.envs.success.Success`, or None where it has no criterion."
        )
    if keys is None:
        return declared
    given = keys.model_dump(exclude_unset=True)
    kept = {} if declared is None or "measure" in given else declared.model_dump(exclude_unset=True)
    for one, other in (("held", "average_after"), ("average_after", "held")):
        if one in given:
            kept.pop(other, None)
    try:
        return Success.model_validate(kept | given)
    except ValidationError as error:
        why = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise FastadaptError(f"[success]: {why}.") from None
