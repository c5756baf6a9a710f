"""Cross-validated regression: the share of each target's variance that inputs explain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastadapt.envs.arrays import Array, Ids

_PENALTIES = np.logspace(-4, 4, 17)
_FOLDS = 5
_RESAMPLES = 200
_OUTLIER = 5.0
"""Inputs count as no further from their mean than this many standard deviations."""
_WIDTHS = (0.5, 1.0, 2.0)
"""Length scales of the Gaussian kernel, as multiples of the root of the number of inputs."""


@dataclass(frozen=True)
class Explained:
    """The share of the variance of one target that a regression explains on tasks held out.

    Attributes:
        share: cross-validated R^2; 0 or less where the inputs tell nothing, 1 where they tell all.
        low: lower end of its 95 % interval over tasks.
        high: upper end.
    """

    share: float
    low: float
    high: float


def explained(views: Sequence[Array], targets: Array, seed: int = 0) -> list[Explained]:
    """Return what inputs tell of each target, by the best of several ridge regressions.

    One is linear, one has a Gaussian kernel (Saunders et al. 1998, "Ridge regression learning
    algorithm in dual variables"). In each of five folds, the view, the kernel and the penalty of
    each target are those whose leave-one-out error on the training tasks, plus its standard error,
    is smallest; where none is better than the mean of the target, that is the prediction. So
    nothing is chosen on the tasks held out. Predictions stay within the range of the training
    tasks.

    Args:
        views: sets of inputs, `(n, features)` each, of which the best one counts.
        targets: `(n, targets)`; a constant one has a share of 0.
        seed: of the folds and of the bootstrap over tasks (percentile).

    Returns:
        One for each target.
    """
    rng = np.random.default_rng(seed)
    count = len(targets)
    order = rng.permutation(count)
    misses, spread = np.empty(targets.shape), np.empty(targets.shape)
    for held in np.array_split(order, _FOLDS):
        known = np.setdiff1d(order, held)
        y = targets - targets[known].mean(axis=0)
        kernels = [k for view in views for k in _kernels(_standardised(view, known), known)]
        misses[held] = np.square(y[held] - _predicted(kernels, y, known, held))
        spread[held] = np.square(y[held])
    drawn = rng.integers(count, size=(_RESAMPLES, count))
    found: list[Explained] = []
    for miss, total in zip(misses.T, spread.T, strict=True):
        varies = total.sum() > 1e-12 * len(total)
        shares = 1 - miss[drawn].sum(axis=1) / np.maximum(total[drawn].sum(axis=1), 1e-12)
        low, high = np.percentile(shares, [2.5, 97.5]) if varies else (0.0, 0.0)
        share = 1 - miss.sum() / total.sum() if varies else 0.0
        found.append(Explained(float(share), float(low), float(high)))
    return found


def _standardised(inputs: Array, known: Ids) -> Array:
    """Return inputs with mean 0 and standard deviation 1 on the known rows; constant ones are 0."""
    middle, width = inputs[known].mean(axis=0), inputs[known].std(axis=0)
    flat = width < 1e-9 * np.maximum(1.0, np.abs(middle))
    scaled = np.where(flat, 0.0, (inputs - middle) / np.where(flat, 1.0, width))
    return np.clip(scaled, -_OUTLIER, _OUTLIER)


def _predicted(kernels: Sequence[Array], y: Array, known: Ids, held: Ids) -> Array:
    """Return the predictions of the held rows, `(held, targets)`."""
    best = np.zeros(y.shape[1])  # of the mean, which is 0
    chosen = np.zeros((len(held), y.shape[1]))
    for kernel in kernels:
        values, vectors = np.linalg.eigh(kernel[np.ix_(known, known)])
        values, across = np.maximum(values, 0.0), kernel[np.ix_(held, known)] @ vectors
        turned = vectors.T @ y[known]
        for penalty in _PENALTIES * values.mean():
            kept = values / (values + penalty)
            leverage = np.square(vectors) @ kept + 1 / len(known)  # of the mean, taken off
            left = np.maximum(1 - leverage, 1e-6)[:, None]
            error = (y[known] - vectors @ (kept[:, None] * turned)) / left
            gain = np.square(error) - np.square(y[known])
            score = gain.mean(axis=0) + gain.std(axis=0) / np.sqrt(len(known))
            better = score < best
            best = np.where(better, score, best)
            fitted = across @ (turned[:, better] / (values + penalty)[:, None])
            chosen[:, better] = fitted
    return np.clip(chosen, y[known].min(axis=0), y[known].max(axis=0))


def _kernels(x: Array, known: Ids) -> list[Array]:
    """Return the kernel matrices of all rows: linear, then Gaussian of several widths."""
    product = x @ x.T / x.shape[1]
    size = np.diag(product)
    apart = np.maximum(size[:, None] + size - 2 * product, 0.0)
    typical = float(np.median(apart[np.ix_(known, known)])) or 1.0
    found = [product] + [np.exp(-apart / (2 * width**2 * typical)) for width in _WIDTHS]
    return [_centred(kernel, known) for kernel in found]


def _centred(kernel: Array, known: Ids) -> Array:
    """Return a kernel matrix about the mean of the known rows in its feature space."""
    about = kernel[:, known].mean(axis=1)
    return kernel - about[:, None] - about + about[known].mean()
