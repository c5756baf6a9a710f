"""Distributions (TOML key `law`) of task parameters, by their inverse distribution functions."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from typing import Annotated, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from scipy.special import ndtr, ndtri

from fastadapt.envs.arrays import Array


class _Distribution(BaseModel, ABC):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @abstractmethod
    def quantile(self, u: Array) -> Array:
        """Return the quantiles at `u`, uniform draws in (0, 1) of any shape."""

    @abstractmethod
    def pieces(self) -> tuple[tuple[float, float], ...]:
        """Return the intervals of the support, in order; a single value is an empty interval."""

    def support(self) -> tuple[float, float]:
        """Return the smallest and the largest value of the support."""
        pieces = self.pieces()
        return pieces[0][0], pieces[-1][1]

    @property
    def logarithmic(self) -> bool:
        """True if values are compared by their ratios."""
        return False


class Constant(_Distribution):
    """A single value."""

    law: Literal["constant"]
    value: float

    def quantile(self, u: Array) -> Array:
        return np.full_like(u, self.value)

    def pieces(self) -> tuple[tuple[float, float], ...]:
        return ((self.value, self.value),)


class _Interval(_Distribution):
    low: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> _Interval:
        if not self.low < self.high:
            raise ValueError(f"low = {self.low} must be smaller than high = {self.high}")
        return self

    def pieces(self) -> tuple[tuple[float, float], ...]:
        return ((self.low, self.high),)


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


class TruncatedNormal(_Interval):
    """Normal with `mean` and `std` (before truncation), truncated to `low` and `high`."""

    law: Literal["truncated-normal"]
    mean: float
    std: float = Field(gt=0)

    @model_validator(mode="after")
    def _within_reach(self) -> TruncatedNormal:
        below, above, _ = self._tail()
        if not above > below:
            raise ValueError(
                f"low = {self.low} to high = {self.high} is out of reach of mean = {self.mean}, "
                f"std = {self.std}"
            )
        return self

    def quantile(self, u: Array) -> Array:
        below, above, sign = self._tail()
        share = np.asarray(u) if sign > 0 else 1.0 - np.asarray(u)
        z = sign * ndtri(below + (above - below) * share)
        return np.clip(self.mean + self.std * z, self.low, self.high)

    def _tail(self) -> tuple[float, float, float]:
        """Return the normal distribution function at the ends, and the sign of the mirroring.

        It is mirrored if both ends are above the mean: close to 1 few digits are left, close to 0
        all of them.
        """
        ends = [(end - self.mean) / self.std for end in (self.low, self.high)]
        sign = -1.0 if ends[0] > 0 else 1.0
        below, above = sorted(float(ndtr(sign * end)) for end in ends)
        return below, above, sign


class Choice(_Distribution):
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

    def pieces(self) -> tuple[tuple[float, float], ...]:
        return tuple((value, value) for value in sorted(self.values))


class UnionLaw(_Distribution):
    """Uniform over disjoint intervals; with `log = true`, uniform in the logarithm.

    A gap between intervals leaves room for an interpolation split.
    """

    law: Literal["union"]
    intervals: tuple[tuple[float, float], ...] = Field(min_length=1)
    log: bool = False

    @model_validator(mode="after")
    def _disjoint(self) -> UnionLaw:
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

    def pieces(self) -> tuple[tuple[float, float], ...]:
        return self.intervals

    @property
    def logarithmic(self) -> bool:
        return self.log


def overlap(law: _Distribution, known: _Distribution) -> tuple[float, float] | None:
    """Return an interval that `law` draws with positive probability and `known` covers, or None.

    Intervals that touch do not overlap, nor does a single value at the end of an interval.
    """
    for (low, high), (start, end) in itertools.product(law.pieces(), known.pieces()):
        common = max(low, start), min(high, end)
        known_value = low == high and (start < low < end or low == start == end)
        if known_value or common[0] < common[1]:
            return common
    return None


Law = Annotated[
    Constant | Uniform | LogUniform | TruncatedNormal | Choice | UnionLaw,
    Field(discriminator="law"),
]
