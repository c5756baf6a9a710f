"""Errors on segments that were kept for the check, against the nominal model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastadapt.adaptation.logs.reading.mapping import Signal
from fastadapt.adaptation.logs.simulate import SegmentSimulator
from fastadapt.envs.arrays import Array, Ids, Mask

_MOVES = 3.0
"""A signal moves whose change within segments is this many times its noise."""


@dataclass(frozen=True)
class Track:
    """A signal in one held-out segment: sampled, nominal and fitted, each `(n,)`."""

    name: str
    unit: str
    time: Array
    sampled: Array
    nominal: Array
    fitted: Array


@dataclass(frozen=True)
class HeldOut:
    """Root mean square errors on held-out segments.

    Attributes:
        names: of the signals.
        units: of the signals.
        nominal: `(signals,)` of the nominal model.
        fitted: `(signals,)` of the estimate.
        still: `(signals,)` of a robot that stays where the segment begins.
        moves: `(signals,)` whether the signal moves.
        tracks: those signals whose error the fit changes most, in one segment each.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    nominal: Array
    fitted: Array
    still: Array
    moves: Mask
    tracks: tuple[Track, ...]

    @property
    def moving(self) -> bool:
        """Whether any signal moves."""
        return bool(self.moves.any())

    @property
    def share_of_still(self) -> float:
        """Median error of the fit, as a share of that of a robot that stands still."""
        return float(np.median((self.fitted / self.still)[self.moves]))

    @property
    def fitted_over_nominal(self) -> float:
        """Geometric mean error of the fit, as a share of that of the nominal model."""
        ratio = (self.fitted / np.maximum(self.nominal, 1e-12))[self.moves]
        return float(np.exp(np.log(np.maximum(ratio, 1e-12)).mean()))


def check_held_out(
    simulator: SegmentSimulator,
    signals: Sequence[Signal],
    nominal: Array,
    fitted: Array,
    noise: Array,
) -> HeldOut:
    """Return the errors of two tasks on held-out segments.

    Args:
        simulator: of these segments.
        signals: of the log.
        nominal: `(P,)` a task.
        fitted: `(P,)` a task.
        noise: `(signals,)` standard deviations.
    """
    segments = simulator.segments
    rows = np.tile(np.arange(segments.count), 2)
    vectors = np.repeat(np.stack([nominal, fitted]), segments.count, axis=0)
    before, after = np.nan_to_num(simulator.predict(vectors, rows), nan=1e6).reshape(
        2, segments.count, -1
    )
    start = _start(segments.value, segments.signal, segments.valid, len(signals))
    errors = np.full((3, len(signals)), np.nan)
    for i in range(len(signals)):
        mine = segments.valid & (segments.signal == i)
        for k, predicted in enumerate((before, after, start)):
            errors[k, i] = np.sqrt(np.square((predicted - segments.value)[mine]).mean())
    errors = np.nan_to_num(errors)
    moves = errors[2] > _MOVES * noise
    errors[2] = np.maximum(errors[2], 1e-12)
    gain = np.where(moves, np.abs(errors[0] - errors[1]) / errors[2], -1.0)
    order = [i for i in np.argsort(-gain)[:8] if moves[i]]
    tracks = []
    for i in order:
        here = segments.valid & (segments.signal == i)
        change = np.where(here, np.square(before - after), 0.0).sum(axis=1)
        s = int(np.argmax(change))
        at = np.flatnonzero(here[s])
        tick = segments.tick_steps * segments.timestep
        time = (segments.tick + segments.weight)[s, at] * tick
        tracks.append(Track(signals[i].name, signals[i].unit, time, segments.value[s, at],
                            before[s, at], after[s, at]))  # fmt: skip
    return HeldOut(tuple(s.name for s in signals), tuple(s.unit for s in signals), errors[0],
                   errors[1], errors[2], moves, tuple(tracks))  # fmt: skip


def _start(value: Array, signal: Ids, valid: Mask, count: int) -> Array:
    """Return the first sample of the same signal and segment, `(S, M)`."""
    found = np.zeros_like(value)
    for i in range(count):
        mine = valid & (signal == i)
        first = np.argmax(mine, axis=1)
        found = np.where(mine, np.take_along_axis(value, first[:, None], axis=1), found)
    return found
