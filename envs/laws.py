"""The laws that a task's parameters are drawn from, each by its inverse distribution function."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Array = NDArray[np.float64]


class _Law(BaseModel, ABC):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @abstractmethod
    def quantile(self, u: Array) -> Array:
        """Return the values at the uniform draws `u` (any shape, in (0, 1))."""

    @abstractmethod
    def support(self) -> tuple[float, float]:
        """Return the smallest and the largest value that can be drawn."""

    @property
    def logarithmic(self) -> bool:
        """Whether distances between values are ratios."""
        return False


class Constant(_Law):
    """Always the same value."""

    law: Literal["constant"]
    value: float

    def quantile(self, u: Array) -> Array:
        return np.full_like(u, self.value)

    def support(self) -> tuple[float, float]:
        return self.value, self.value


class _Interval(_Law):
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> _Interval:
        if not self.low < self.high:
            raise ValueError(f"low = {self.low} must be smaller than high = {self.high}")
        return self

    def support(self) -> tuple[float, float]:
        return self.low, self.high


class Uniform(_Interval):
    """Uniform between `low` and `high`."""

    law: Literal["uniform"]

    def quantile(self, u: Array) -> Array:
        return np.clip(self.low + (self.high - self.low) * u, self.low, self.high)


class LogUniform(_Interval):
    """Uniform in the logarithm between `low` and `high`, both positive."""

    law: Literal["log-uniform"]

    @field_validator("low")
    @classmethod
    def _positive(cls, low: float) -> float:
        if low <= 0:
            raise ValueError(f"low = {low} must be positive for a log-uniform law")
        return low

    def quantile(self, u: Array) -> Array:
        return np.clip(self.low * (self.high / self.low) ** u, self.low, self.high)

    @property
    def logarithmic(self) -> bool:
        return True


class Choice(_Law):
    """One of `values`, with equal or given `weights`."""

    law: Literal["choice"]
    values: tuple[float, ...] = Field(min_length=1)
    weights: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _one_weight_each(self) -> Choice:
        if self.weights is not None:
            if len(self.weights) != len(self.values):
                raise ValueError("weights must have as many entries as values")
            if min(self.weights) < 0 or sum(self.weights) <= 0:
                raise ValueError("weights must not be negative and must not all be zero")
        return self

    def quantile(self, u: Array) -> Array:
        weights = np.asarray(self.weights or np.ones(len(self.values)))
        edges = np.cumsum(weights / weights.sum())[:-1]
        return np.asarray(self.values)[np.searchsorted(edges, u, side="right")]

    def support(self) -> tuple[float, float]:
        return min(self.values), max(self.values)


class Union(_Law):
    """Uniform over several disjoint intervals, by length; `log = true` measures it in logarithms.

    Intervals with a gap between them leave a hole for an interpolation split.
    """

    law: Literal["union"]
    intervals: tuple[tuple[float, float], ...] = Field(min_length=1)
    log: bool = False

    @model_validator(mode="after")
    def _disjoint(self) -> Union:
        flat = [edge for interval in self.intervals for edge in interval]
        if any(a > b for a, b in itertools.pairwise(flat)) or any(
            a == b for a, b in self.intervals
        ):
            raise ValueError(f"intervals {self.intervals} must be ordered and must not overlap")
        if self.log and flat[0] <= 0:
            raise ValueError("intervals must be positive where log = true")
        return self

    def quantile(self, u: Array) -> Array:
        ends = np.log(self.intervals) if self.log else np.asarray(self.intervals)
        lengths = ends[:, 1] - ends[:, 0]
        starts = np.concatenate([[0.0], np.cumsum(lengths)])
        at = np.asarray(u) * starts[-1]
        i = np.clip(np.searchsorted(starts, at, side="right") - 1, 0, len(lengths) - 1)
        value = ends[i, 0] + (at - starts[i])
        value = np.exp(value) if self.log else value
        edges = np.asarray(self.intervals)
        return np.clip(value, edges[i, 0], edges[i, 1])  # exp(log(x)) can miss x in the last bit

    def support(self) -> tuple[float, float]:
        return self.intervals[0][0], self.intervals[-1][1]

    @property
    def logarithmic(self) -> bool:
        return self.log


Law = Annotated[Constant | Uniform | LogUniform | Choice | Union, Field(discriminator="law")]
