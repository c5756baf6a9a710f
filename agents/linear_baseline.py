"""What a state is worth on a task: linear in features, fitted to the task's own episodes."""

from __future__ import annotations

import torch
from torch import Tensor

_RIDGE = 1e-3


class LinearBaseline:
    """Ridge regression of returns on features of state and time, one fit for each task.

    A fit is drawn towards the one for all tasks together, which training leaves behind: a single
    episode says how its task differs, and need not say what a state is worth from scratch. Features
    as in Duan et al. 2016 ("Benchmarking deep RL", section 5): observation, its square, powers of
    time.

    Args:
        observations: size of an observation.
        trust: how many steps of a task's own data the fit for all tasks outweighs.

    Attributes:
        shared: `(features,)`, the fit for all tasks together.
    """

    def __init__(self, observations: int, trust: float) -> None:
        self.shared = torch.zeros(2 * observations + 4, dtype=torch.float64)
        self._trust = trust

    def fit(self, features: Tensor, returns: Tensor, valid: Tensor) -> Tensor:
        """Return each task's weights `(M, features)`.

        Args:
            features: `(M, B, features)`.
            returns: `(M, B)`.
            valid: `(M, B)`, which steps were lived.
        """
        kept = features * valid.unsqueeze(-1)
        rest = (returns - features @ self.shared) * valid
        return self.shared + _solve(kept, rest, max(self._trust, _RIDGE))

    def learn(self, features: Tensor, returns: Tensor, valid: Tensor) -> None:
        """Fit the weights for all tasks together; arguments as in `fit`."""
        kept = (features * valid.unsqueeze(-1)).flatten(0, 1).unsqueeze(0)
        self.shared = _solve(kept, (returns * valid).flatten().unsqueeze(0), 1.0)[0]


def features_of(observations: Tensor, time: Tensor) -> Tensor:
    """Return features `(M, B, 2 observations + 4)`, in double precision.

    Args:
        observations: `(M, B, observations)`, normalised.
        time: `(M, B)`, share of the episode that has passed.
    """
    seen = observations.double().clamp(-5.0, 5.0)
    t = time.double().unsqueeze(-1)
    return torch.cat([seen, seen.square(), t, t**2, t**3, torch.ones_like(t)], dim=-1)


def _solve(features: Tensor, targets: Tensor, ridge: float) -> Tensor:
    square = features.transpose(1, 2) @ features
    square.diagonal(dim1=1, dim2=2).add_(ridge)
    along = features.transpose(1, 2) @ targets.unsqueeze(-1)
    return torch.linalg.solve(square, along).squeeze(-1)
