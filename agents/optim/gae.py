"""Generalised advantage estimation."""

from __future__ import annotations

import torch
from torch import Tensor


def advantages(
    rewards: Tensor, values: Tensor, next_values: Tensor, carry: Tensor, gamma: float, lam: float
) -> Tensor:
    """Return generalised advantages (Schulman et al. 2016, eq. 16).

    What ends an estimate is said by the caller, so that failure, time limits and the borders of
    trials are never mixed up.

    Args:
        rewards: `(T, N)`.
        values: `(T, N)`, of the state in which each step began.
        next_values: `(T, N)`, of the state in which it ended; 0 where the robot failed for good.
        carry: `(T, N)`, 1 where the estimate runs on into the next step, 0 where it ends.
        gamma: discount.
        lam: trace decay.

    Returns:
        `(T, N)`; add `values` for the targets of the critic.
    """
    deltas = rewards + gamma * next_values - values
    result = torch.empty_like(deltas)
    trace = torch.zeros_like(deltas[0])
    for t in range(len(deltas) - 1, -1, -1):
        trace = deltas[t] + gamma * lam * carry[t] * trace
        result[t] = trace
    return result
