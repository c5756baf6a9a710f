"""One step of trust-region policy optimisation."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Step:
    """Result of a trust-region step.

    Attributes:
        parameters: after it; those from before where no step was good enough.
        improvement: of the surrogate.
        kl_divergence: of the policy.
        tries: lengths that were tried.
        taken: whether there was one.
    """

    parameters: Tensor
    improvement: float
    kl_divergence: float
    tries: int
    taken: bool


def step(
    parameters: Tensor,
    gradient: Tensor,
    fisher: Callable[[Tensor], Tensor],
    assess: Callable[[Tensor], tuple[float, float]],
    limit: float,
    *,
    conjugate_steps: int = 10,
    damping: float = 1e-3,
    tries: int = 15,
    shrink: float = 0.8,
) -> Step:
    """Follow the natural gradient as far as the KL limit allows (Schulman et al. 2015, app. C).

    Args:
        parameters: `(P,)`.
        gradient: `(P,)`, of the surrogate, which is to rise.
        fisher: `v -> F v`, F being the Hessian of the kl_divergence at `parameters`.
        assess: returns the surrogate and the kl_divergence at other parameters.
        limit: on the kl_divergence.
        conjugate_steps: Fisher-vector products spent on the direction.
        damping: added to the diagonal of F.
        tries: lengths to try, each shorter by `shrink`.
        shrink: see `tries`.
    """
    if not gradient.any():  # nothing to be gained in any direction
        return Step(parameters, 0.0, 0.0, 0, False)
    direction = solve(lambda v: fisher(v) + damping * v, gradient, conjugate_steps)
    curvature = float(direction @ (fisher(direction) + damping * direction))
    length = math.sqrt(2 * limit / curvature) if curvature > 0 else 0.0
    before, _ = assess(parameters)
    for number in range(tries):
        tried = parameters + length * shrink**number * direction
        after, kl_divergence = assess(tried)
        # Comparisons with NaN are false: a step to nowhere is never taken.
        if after > before and kl_divergence <= limit and bool(torch.isfinite(tried).all()):
            return Step(tried, after - before, kl_divergence, number + 1, True)
    return Step(parameters, 0.0, 0.0, tries, False)


def solve(
    product: Callable[[Tensor], Tensor], target: Tensor, steps: int, tolerance: float = 1e-10
) -> Tensor:
    """Return x with A x = target nearly (Hestenes and Stiefel 1952, section 3).

    Args:
        product: `v -> A v` of a symmetric positive definite matrix A.
        target: `(P,)`.
        steps: at most this many products.
        tolerance: of the squared length of the rest, as a share of that of the target.
    """
    x = torch.zeros_like(target)
    rest, direction = target.clone(), target.clone()
    square = rest @ rest
    enough = tolerance * square
    for _ in range(steps):
        if square <= enough:
            break
        ahead = product(direction)
        length = square / (direction @ ahead)
        x = x + length * direction
        rest = rest - length * ahead
        following = rest @ rest
        direction = rest + following / square * direction
        square = following
    return x
