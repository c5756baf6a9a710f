"""Baselines of returns: linear features fitted to each task, and a critic that sees the task."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_RIDGE = 1e-3


class LinearBaseline:
    """Ridge regression of returns on features of state and time, one fit for each task.

    A fit is drawn towards the one for all tasks together, which training leaves behind: a single
    episode only has to determine how its task differs from the average one. Features
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
            valid: `(M, B)`, valid steps.
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


_EPOCHS, _BATCHES, _RATE = 4, 8, 1e-3


class TaskCritic(nn.Module):
    """Predicts returns from the state, the share of the episode that has passed, and the task.

    It sees the parameters of the task and the number of inner steps that were taken, so that a hard
    task does not look like a bad action. Only the outer loop asks it: what an agent does in a trial
    never depends on it (Pinto et al. 2018, "Asymmetric actor critic").

    Args:
        inputs: size of an observation, plus that of what is known of the task.
        width: of its two hidden layers.
    """

    scale: Tensor

    def __init__(self, inputs: int, width: int = 64) -> None:
        super().__init__()
        self.network = nn.Sequential(
            nn.Linear(inputs + 1, width), nn.Tanh(), nn.Linear(width, width), nn.Tanh(),
            nn.Linear(width, 1),
        )  # fmt: skip
        self.register_buffer("scale", torch.tensor([0.0, 0.0, 0.0]))  # mean, variance, count
        self.optimizer = torch.optim.Adam(self.parameters(), lr=_RATE)

    def features(self, observations: Tensor, time: Tensor, known: Tensor) -> Tensor:
        """Return its inputs `(M, B, ...)`.

        Args:
            observations: `(M, B, observations)`, normalised.
            time: `(M, B)`, share of the episode that has passed.
            known: `(M, known)`, of the task.
        """
        about = known[:, None].expand(-1, observations.shape[1], -1)
        parts = [observations.clamp(-5.0, 5.0), time.unsqueeze(-1), about]
        return torch.cat([part.float() for part in parts], dim=-1)

    @torch.no_grad()
    def values(self, features: Tensor) -> Tensor:
        """Return the values of `(M, B)` states, in double precision."""
        mean, variance, _ = self.scale.double()
        return mean + variance.sqrt() * self.network(features).squeeze(-1).double()

    def learn(self, features: Tensor, returns: Tensor, generator: torch.Generator) -> float:
        """Take gradient steps towards returns.

        Args:
            features: `(n, inputs)`, of visited states.
            returns: `(n,)`, of what followed.
            generator: for shuffling.

        Returns:
            The share of the returns' variance that it did not foresee.
        """
        self._rescale(returns)
        mean, variance, _ = self.scale
        targets = (returns.float() - mean) / variance.sqrt().clamp(min=1e-6)
        with torch.no_grad():
            missed = (self.network(features).squeeze(-1) - targets).var() / targets.var()
        for _ in range(_EPOCHS):
            for chosen in torch.chunk(torch.randperm(len(targets), generator=generator), _BATCHES):
                error = self.network(features[chosen]).squeeze(-1) - targets[chosen]
                self.optimizer.zero_grad()
                error.square().mean().backward()
                self.optimizer.step()
        return float(missed)

    def _rescale(self, returns: Tensor) -> None:
        """Follow mean and variance of the returns, over some ten iterations."""
        count = min(float(self.scale[2]) + 1, 10.0)
        new = torch.stack([returns.mean(), returns.var()]).float()
        self.scale[:2] += (new - self.scale[:2]) / count
        self.scale[2] = count
