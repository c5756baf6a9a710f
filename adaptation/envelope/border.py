"""Borders and areas of an envelope, with intervals.

Success is a yes or no of every robot, `(damages, values, values, robots)`. Intervals resample the
robots of every cell, the same ones for all agents and numbers of shots, so that differences are
paired. Of n robots n - 1 are drawn, which makes the variance unbiased (Rao and Wu 1988,
"Resampling inference with complex survey data", section 2).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastadapt.adaptation.envelope.grid import Axis, Grid
from fastadapt.adaptation.statistics.bootstrap import REPS, Interval, interval_of
from fastadapt.envs.arrays import Array
from fastadapt.errors import FastadaptError

HALF = 0.5
"""Share of successes at the border."""
_FINE = 8
"""Points between two values of the grid, where success is interpolated for the area."""


class Border(NamedTuple):
    """Where success falls under a half along an axis, going out from the nominal value.

    Attributes:
        value: the place, interpolated, with its interval, from the last value of the grid inside to
            the first one outside: where success drops at once, the place in between is unknown.
            Where success never falls, the end of the grid, and where there is none even at the
            start, the start.
        open: whether success never falls within the grid.
        none: whether there is no success at the start.
    """

    value: Interval
    open: bool
    none: bool

    def __str__(self) -> str:
        if self.none:
            return "nowhere"
        return f"{self.value.point:.3g} (end of the grid)" if self.open else str(self.value)


class Resampler:
    """The same resamples of the robots of every cell for everything that is compared."""

    def __init__(self, grid: Grid, reps: int = REPS, seed: int = 0) -> None:
        if grid.robots < 2:
            raise FastadaptError("An interval needs at least 2 robots in every cell.")
        self.grid = grid
        rng = np.random.default_rng(seed)
        size = (reps, grid.cells, grid.robots - 1)
        self._chosen = rng.integers(grid.robots, size=size, dtype=np.uint16)

    def rates(self, success: ArrayLike) -> Array:
        """Return shares of success `(1 + reps, damages, values, values)`: all robots, resamples.

        Args:
            success: `(damages, values, values, robots)`.
        """
        flat = np.asarray(success, np.float32).reshape(self.grid.cells, self.grid.robots)
        cells = np.arange(self.grid.cells)[:, None]
        drawn = np.stack([flat[cells, chosen].mean(axis=1) for chosen in self._chosen])
        rates = np.concatenate([flat.mean(axis=1)[None], drawn]).astype(np.float64)
        return rates.reshape(len(rates), *self.grid.shape)

    def interval(self, values: Array) -> Interval:
        """Return the interval of a number of all robots and of each resample, `(1 + reps,)`."""
        return interval_of(float(values[0]), values[1:], self.grid.robots)


class Crossing(NamedTuple):
    """Where lines fall under a half, `(n,)` each.

    Attributes:
        at: interpolated.
        inside: the last value of the grid before.
        outside: the first value of the grid after.
    """

    at: Array
    inside: Array
    outside: Array


def borders(grid: Grid, rates: Array, axis: int, side: int, damage: int = 0) -> Crossing:
    """Return the border along an axis of each resample.

    Success counts as the mean over the values of the other axis that occur in training.

    Args:
        grid: of the envelope.
        rates: shares of success, `(n, damages, values, values)`.
        axis: number of the axis.
        side: 1 towards larger values, -1 towards smaller ones.
        damage: number of the damage.
    """
    line = rates[:, damage]
    if len(grid.axes) == 2:
        others = grid.axes[1 - axis].inside
        line = line[:, :, others].mean(axis=2) if axis == 0 else line[:, others].mean(axis=1)
    else:
        line = line[..., 0]
    return _crossing(grid.axes[axis], line, side)


def _crossing(axis: Axis, line: Array, side: int) -> Crossing:
    """Return where each line `(n, values)` first falls under a half, from nominal outwards."""
    order = np.arange(axis.start, len(axis.values) if side > 0 else -1, side)
    line, places = line[:, order], axis.scaled(np.array(axis.values)[order])
    under = line < HALF
    fell, first = under.any(axis=1), under.argmax(axis=1)
    before = np.maximum(first - 1, 0)
    rows = np.arange(len(line))
    high, low = line[rows, before], line[rows, first]
    drop = np.where(high > low, high - low, 1.0)
    share = np.clip((high - HALF) / drop, 0.0, 1.0)
    crossed = places[before] + share * (places[first] - places[before])
    ends = np.where(fell, places[0], places[-1])  # none at the start, or never under
    inner = fell & (first > 0)
    found = (np.where(inner, place, ends) for place in (crossed, places[before], places[first]))
    return Crossing(*(axis.unscaled(place) for place in found))


def border(resampler: Resampler, rates: Array, axis: int, side: int, damage: int = 0) -> Border:
    """Return the border along an axis with its interval; see `borders`."""
    grid = resampler.grid
    found = borders(grid, rates, axis, side, damage)
    ends = grid.axes[axis].values
    end, start = ends[-1 if side > 0 else 0], ends[grid.axes[axis].start]
    at = float(found.at[0])
    low, high = (found.inside, found.outside)[::side]
    value = Interval(at, resampler.interval(low).low, resampler.interval(high).high, grid.robots)
    return Border(value, bool(np.isclose(at, end)), bool(np.isclose(at, start)))


def sides(axis: Axis) -> list[int]:
    """Return the directions in which the grid leaves the nominal value."""
    return [s for s, more in ((1, axis.start < len(axis.values) - 1), (-1, axis.start > 0)) if more]


def areas(grid: Grid, rates: Array) -> Array:
    """Return the share of the grid where success is at least a half, `(n, damages)`.

    Success is interpolated between the values of the grid, linearly on the scale of each axis.
    """
    fine = [_between(axis) for axis in grid.axes]
    first, second = fine[0], fine[1] if len(fine) > 1 else np.ones((1, 1))
    found: list[Array] = []
    for part in np.array_split(rates, max(1, len(rates) // 256)):
        surface = np.einsum("ai,ndij,bj->ndab", first, part, second, optimize=True)
        found.append((surface >= HALF - 1e-9).mean(axis=(2, 3)))
    return np.concatenate(found)


def means(grid: Grid, rates: Array) -> Array:
    """Return the mean success over the grid, `(n, damages)`, interpolated as for `areas`."""
    weights = [_between(axis).mean(axis=0) for axis in grid.axes]
    second = weights[1] if len(weights) > 1 else np.ones(1)
    return np.einsum("i,ndij,j->nd", weights[0], rates, second)


@functools.cache
def _weights(places: tuple[float, ...]) -> Array:
    """Return the weights of the grid's values at points in the middle of equal steps, `(m, n)`."""
    steps = _FINE * (len(places) - 1)
    at = places[0] + (np.arange(steps) + 0.5) / steps * (places[-1] - places[0])
    return np.stack([np.interp(at, places, row) for row in np.eye(len(places))], axis=1)


def _between(axis: Axis) -> Array:
    return _weights(tuple(axis.scaled(axis.values).tolist()))


def interpolated(grid: Grid, rates: Array) -> tuple[list[Array], Array]:
    """Return fine values along both axes and success there, `(m,)` each and `(m, m)`.

    Args:
        grid: with two axes.
        rates: shares of success, `(values, values)`.
    """
    fine = [_between(axis) for axis in grid.axes]
    places = [
        axis.unscaled(weights @ axis.scaled(axis.values))
        for axis, weights in zip(grid.axes, fine, strict=True)
    ]
    return places, fine[0] @ rates @ fine[1].T


def difference(resampler: Resampler, after: Array, before: Array) -> Interval:
    """Return the difference of two numbers of all robots and of each resample, `(1 + reps,)`."""
    return resampler.interval(after - before)


def exclude_zero(interval: Interval) -> int:
    """Return 1 or -1 where an interval lies on one side of 0, else 0."""
    return int(interval.low > 0) - int(interval.high < 0)


def as_success(flags: ArrayLike, grid: Grid) -> NDArray[np.int8]:
    """Return verdicts of robots, cell by cell, as `(damages, values, values, robots)`."""
    return np.asarray(flags, np.int8).reshape(*grid.shape, grid.robots)
