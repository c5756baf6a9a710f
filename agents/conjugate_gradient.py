"""Conjugate gradients."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


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
