"""The spread of residuals that noise in the samples and in the initial states causes.

A segment starts at a noisy measurement, so that all its residuals err together: their covariance is
R = D + S C S', with D the noise of the samples, C that of the initial state and S the derivatives
of the samples after it. Residuals are compared after multiplication with R^(-1/2).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastadapt.adaptation.logs.segments import Segments
from fastadapt.adaptation.logs.simulate import SegmentSimulator
from fastadapt.envs.arrays import Array, Ids

_LOOSE = 4.0
"""Velocities by differences have this many times the variance of the noise of both samples."""
_STEP = 0.5
"""Step of the derivatives, in standard deviations of the initial state."""


@dataclass(frozen=True)
class Whitening:
    """R^(-1/2) of each segment.

    Attributes:
        noise: `(S, M)` standard deviation of each sample; infinite where there is none.
        left: `(S, M, k)` orthonormal directions along which initial states err.
        size: `(S, k)` by how much more than the noise.
    """

    noise: Array
    left: Array
    size: Array

    def apply(self, rows: Ids, residuals: Array) -> Array:
        """Return whitened residuals of segments, `(n, M)`."""
        scaled = residuals / self.noise[rows]
        left, size = self.left[rows], self.size[rows]
        along = np.einsum("nmk,nm->nk", left, scaled)
        shrunk = along * (1 - 1 / np.sqrt(1 + size**2))
        return scaled - np.einsum("nmk,nk->nm", left, shrunk)

    def rest(self, rows: Ids, residuals: Array) -> Array:
        """Return residuals without what the likeliest initial states explain, `(n, M)`."""
        noise = self.noise[rows]
        along = np.einsum("nmk,nm->nk", self.left[rows], residuals / noise)
        gain = along * self.size[rows] ** 2 / (1 + self.size[rows] ** 2)
        fitted = np.einsum("nmk,nk->nm", self.left[rows], gain)
        return residuals - fitted * np.where(np.isfinite(noise), noise, 0.0)

    def explained(self) -> float:
        """Return the number of samples that the initial states use up."""
        return float((self.size**2 / (1 + self.size**2)).sum())


def spread_of(segments: Segments, noise: Array) -> Array:
    """Return the standard deviations of initial positions and velocities, `(2 nv,)`.

    Args:
        segments: what measures them.
        noise: `(signals,)` standard deviation of each signal.
    """
    at, speed = segments.position_of, segments.velocity_of
    position = np.where(at >= 0, noise[np.maximum(at, 0)], 0.0)
    position *= np.where(_is_turn(segments), 2.0, 1.0)  # half the angle is in the quaternion
    differences = position * np.sqrt(_LOOSE / 2) / segments.difference
    velocity = np.where(speed >= 0, noise[np.maximum(speed, 0)], differences)
    return np.concatenate([position, velocity])


def _is_turn(segments: Segments) -> Array:
    """Return which degrees of freedom are turns of a free body, `(nv,)`."""
    turns = segments.qpos.shape[1] - segments.qvel.shape[1]  # one number more for each
    found = np.zeros(segments.qvel.shape[1], bool)
    if turns:
        seen = segments.position_of
        found[1:] = (np.diff(seen) == 2) & (seen[1:] >= 0)  # the real part is skipped
        for i in np.flatnonzero(found):
            found[i : i + 3] = True
    return found


def whiten(simulator: SegmentSimulator, vector: Array, noise: Array) -> Whitening:
    """Return the whitening at a task.

    Args:
        simulator: of the segments.
        vector: `(P,)` the task.
        noise: `(signals,)` standard deviations.
    """
    segments = simulator.segments
    spread = spread_of(segments, noise)
    free = np.flatnonzero(spread > 0)
    steps = np.concatenate([np.zeros((1, len(spread))), _STEP * np.diag(spread)[free]])
    rows = np.repeat(np.arange(segments.count), len(steps))
    moved = np.tile(steps, (segments.count, 1))
    predicted = simulator.predict(np.tile(vector, (len(rows), 1)), rows, moved)
    predicted = predicted.reshape(segments.count, len(steps), -1)
    deviation = np.where(segments.valid, noise[segments.signal], np.inf)
    change = (predicted[:, 1:] - predicted[:, :1]) / _STEP  # per standard deviation
    scaled = np.nan_to_num(np.swapaxes(change, 1, 2)) / deviation[:, :, None]
    left, size, _ = np.linalg.svd(scaled, full_matrices=False)
    return Whitening(deviation, left, size)
