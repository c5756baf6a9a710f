"""Intervals of an estimate: the larger of what noise allows and what segments disagree about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import t as student

from fastadapt.adaptation.logs.solve import PRIOR, Estimate
from fastadapt.envs.arrays import Array

LEVEL = 0.95
_DRAWS = 500


@dataclass(frozen=True)
class Spread:
    """The uncertainty of an estimate, in coordinates.

    Attributes:
        half: `(unknowns,)` half widths of the 95 % intervals.
        deviation: `(unknowns,)` standard deviations.
        covariance: `(unknowns, unknowns)` from noise alone.
        alone: `(unknowns,)` half widths if all other unknowns were known.
        disagreement: by how much segments disagree more than noise allows, as a variance; 1 or
            more.
    """

    half: Array
    deviation: Array
    covariance: Array
    alone: Array
    disagreement: float


def spread_of_estimate(estimate: Estimate, seed: int = 0) -> Spread:
    """Return the uncertainty of an estimate.

    Noise: the inverse of the information matrix. Disagreement: a bootstrap over segments, each
    resample solved by one Gauss-Newton step (Hu and Kalbfleisch 2000, "The estimating function
    bootstrap"). The larger of both counts for each unknown: noise alone is overconfident where the
    model is wrong, few segments are where it is right.
    """
    jacobian, residuals = estimate.jacobian, estimate.residuals
    used = np.flatnonzero((residuals != 0).any(axis=1))
    size = len(estimate.z)
    prior = np.eye(size) / PRIOR**2
    if not size:
        return Spread(np.zeros(0), np.zeros(0), prior, np.zeros(0), 1.0)
    information = np.einsum("smi,smj->sij", jacobian[used], jacobian[used])
    pull = np.einsum("smi,sm->si", jacobian[used], residuals[used])
    covariance = np.linalg.inv(information.sum(axis=0) + prior)
    noise = np.sqrt(np.diag(covariance))
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(used), np.full(len(used), 1 / len(used)), _DRAWS)
    matrices = np.einsum("bs,sij->bij", weights, information) + prior
    vectors = weights @ pull - estimate.z / PRIOR**2
    steps = np.linalg.solve(matrices, vectors[:, :, None])[:, :, 0]
    bootstrap = steps.std(axis=0) * np.sqrt(len(used) / max(len(used) - 1, 1))
    quantile = float(student.ppf((1 + LEVEL) / 2, max(len(used) - 1, 1)))
    half = np.maximum(1.96 * noise, quantile * bootstrap)
    with np.errstate(divide="ignore"):
        alone = 1.96 / np.sqrt(np.diag(information.sum(axis=0)))
    told = noise < PRIOR / 2
    ratio = np.median((bootstrap / noise)[told] ** 2) if told.any() else 1.0
    return Spread(half, half / 1.96, covariance, alone, max(float(ratio), 1.0))
