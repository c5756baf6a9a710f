"""Advantages against the definition, computed by hand."""

import torch

from fastadapt.agents.optim.gae import advantages

GAMMA, LAM = 0.9, 0.8


def by_definition(rewards, values, next_values, carry):
    """Sum of discounted temporal differences, term by term (Schulman et al. 2016, eq. 16)."""
    deltas = [r + GAMMA * n - v for r, v, n in zip(rewards, values, next_values, strict=True)]
    result = []
    for t in range(len(deltas)):
        total, weight = 0.0, 1.0
        for u in range(t, len(deltas)):
            total += weight * deltas[u]
            weight *= GAMMA * LAM * carry[u]
        result.append(total)
    return result


def test_advantages_equal_their_definition():
    rewards, values = [1.0, -2.0, 3.0, 0.5], [0.3, 0.1, -0.2, 0.7]
    next_values, carry = [0.1, 5.0, 0.7, 0.0], [1.0, 0.0, 1.0, 0.0]
    got = advantages(
        *(torch.tensor(x)[:, None] for x in (rewards, values, next_values, carry)), GAMMA, LAM
    )
    expected = torch.tensor(by_definition(rewards, values, next_values, carry))
    torch.testing.assert_close(got[:, 0], expected)


def test_nothing_passes_where_carry_is_zero():
    rewards = torch.zeros(3, 2)
    later = rewards.clone()
    later[2] = 100.0
    carry = torch.tensor([[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]])
    zero = torch.zeros(3, 2)
    got = advantages(later, zero, zero, carry, GAMMA, LAM)
    assert got[0, 0] == 0.0
    assert got[0, 1] > 0.0
