"""Candidate tasks against the segments of a log: whitened residuals and their derivatives."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastadapt.adaptation.logs.reading.mapping import Signal
from fastadapt.adaptation.logs.reading.recording import Series
from fastadapt.adaptation.logs.simulate import SegmentSimulator
from fastadapt.adaptation.logs.unknowns import NOTHING, Alternative, Question, Unknown, task_vectors
from fastadapt.adaptation.logs.whitening import Whitening, whiten
from fastadapt.envs.arrays import Array, Ids

_STEP = 1e-3
"""Step of the derivatives, in half ranges."""
ROBUST = 2.0
"""Whitened residuals beyond this count less (soft L1 loss): contacts that begin or end at another
moment than in the log."""
_SUDDEN = 4.0
"""A derivative this many times the usual one of its unknown may be that of such a contact."""
_LOST = 1e3
"""Whitened residual of a simulation that diverged."""
_FAR = 2.0
"""A segment is left out whose loss is this many times that of most."""
_MEDIAN = 0.6745
"""Median size of a standard normal variable."""


@dataclass(frozen=True)
class Structure:
    """The discrete part of an answer: a cause and a delay."""

    alternative: Alternative = NOTHING
    delay: int = 0


class Candidates:
    """Compares candidate tasks with some segments.

    Attributes:
        question: what is unknown.
        noise: `(signals,)` present estimate of the noise of each signal.
        kept: `(S,)` 0 where a segment is left out: no task predicts it, as with an impact.
        whitening: at the last task that `linearise` was given.
    """

    def __init__(
        self,
        simulator: SegmentSimulator,
        question: Question,
        nominal: Array,
        signals: tuple[Signal, ...],
    ) -> None:
        self.question = question
        self._simulator, self._segments = simulator, simulator.segments
        self._nominal = nominal
        self._rows = np.arange(simulator.segments.count)
        self.noise = np.array([s.noise or first_noise(s.series) for s in signals])
        self._given = np.array([s.noise is not None for s in signals])
        self.kept = np.ones(self._segments.count)
        self.whitening: Whitening | None = None

    @property
    def samples(self) -> int:
        """Number of samples."""
        return int(self._segments.valid.sum())

    def residuals(self, structure: Structure, unknowns: tuple[Unknown, ...], z: Array) -> Array:
        """Return whitened residuals of candidates `(C, unknowns)`, `(C, S, M)`."""
        return self.compare(self.vectors(structure, unknowns, z))

    def vectors(self, structure: Structure, unknowns: tuple[Unknown, ...], z: Array) -> Array:
        """Return the vectors `(C, P)` of candidate tasks."""
        vectors = task_vectors(self._nominal, unknowns, z, structure.alternative)
        if self.question.delay is not None:
            vectors[:, self.question.delay] = structure.delay
        return vectors

    def compare(self, vectors: Array) -> Array:
        """Return whitened residuals of tasks `(C, P)`, `(C, S, M)`."""
        rows = np.tile(self._rows, len(vectors))
        white = self._residuals_of(np.repeat(vectors, len(self._rows), axis=0), rows)
        return white.reshape(len(vectors), len(self._rows), -1)

    def _residuals_of(self, vectors: Array, rows: Ids) -> Array:
        """Return whitened residuals of tasks `(n, P)` in segments `(n,)`, `(n, M)`."""
        assert self.whitening is not None
        predicted = self._simulator.predict(vectors, rows)
        left = np.where(self._segments.valid[rows], self._segments.value[rows] - predicted, 0.0)
        white = self.whitening.apply(rows, left) * self.kept[rows, None]
        return np.clip(np.nan_to_num(white, nan=_LOST), -_LOST, _LOST)

    def derive(
        self, structure: Structure, unknowns: tuple[Unknown, ...], z: Array
    ) -> tuple[Array, Array]:
        """Return residuals `(S, M)` and derivatives of predictions `(S, M, unknowns)`."""
        steps = np.full(len(z), _STEP)
        for i, unknown in enumerate(unknowns):
            steps[i] *= -1 if z[i] + _STEP > unknown.limits()[1] else 1
        candidates = np.concatenate([z[None], z + np.diag(steps)])
        found = self.residuals(structure, unknowns, candidates)
        change = (found[:1] - found[1:]) / steps[:, None, None]
        self._calm(structure, unknowns, z, steps, found[0], change)
        return found[0], np.moveaxis(change, 0, 2)

    def _calm(
        self,
        structure: Structure,
        unknowns: tuple[Unknown, ...],
        z: Array,
        steps: Array,
        here: Array,
        change: Array,
    ) -> None:
        """Replace derivatives `(unknowns, S, M)` across a jump by those of its other side."""
        size = np.linalg.norm(change, axis=2)
        usual = np.median(size, axis=1, keepdims=True)
        which, where = np.nonzero(size > _SUDDEN * usual + 1e-9)
        if not len(which):
            return
        other = z - np.eye(len(z))[which] * steps[which, None]
        vectors = self.vectors(structure, unknowns, other)
        back = self._residuals_of(vectors, where)
        slope = (back - here[where]) / steps[which, None]
        smaller = np.linalg.norm(slope, axis=1) < size[which, where]
        change[which[smaller], where[smaller]] = slope[smaller]

    def linearise(self, unknowns: tuple[Unknown, ...], z: Array, structure: Structure) -> None:
        """Find the whitening at a task."""
        vector = self.vectors(structure, unknowns, z[None])[0]
        self.whitening = whiten(self._simulator, vector, self.noise)

    def update(self, unknowns: tuple[Unknown, ...], z: Array, structure: Structure) -> None:
        """Estimate the noise anew, from what the errors of the initial states leave."""
        assert self.whitening is not None
        segments, rows = self._segments, self._rows
        vectors = np.repeat(self.vectors(structure, unknowns, z[None]), len(rows), axis=0)
        left = np.where(segments.valid, segments.value - self._simulator.predict(vectors, rows), 0)
        rest = self.whitening.rest(rows, np.nan_to_num(left))
        used = 1 - (self.whitening.explained() + len(z)) / max(segments.valid.sum(), 1)
        for i in range(len(self.noise)):
            mine = segments.valid & (segments.signal == i) & (self.kept[:, None] > 0)
            if mine.any() and not self._given[i]:
                spread = float(np.median(np.abs(rest[mine]))) / _MEDIAN  # not of the outliers
                self.noise[i] = max(spread / np.sqrt(max(used, 0.2)), 1e-9)

    def trim(self, unknowns: tuple[Unknown, ...], z: Array, structure: Structure) -> None:
        """Leave out the segments that fit far worse than most."""
        self.kept[:] = 1.0
        white = self.residuals(structure, unknowns, z[None])[0]
        share = np.array([robust_cost(one) for one in white]) / self._segments.valid.sum(axis=1)
        self.kept[share > _FAR * np.median(share)] = 0.0


def robust_cost(white: Array) -> float:
    """Return the soft L1 loss of whitened residuals; half their square where they are small."""
    return float((ROBUST**2 * (np.sqrt(1 + (white / ROBUST) ** 2) - 1)).sum())


def first_noise(series: Series) -> float:
    """Return a first guess of the noise of a series, from its third differences."""
    third = np.diff(series.value, 3)
    spread = float(np.median(np.abs(third))) / 0.6745 if len(third) else 0.0
    return max(spread / np.sqrt(20.0), 1e-3 * float(series.value.std()), 1e-9)
