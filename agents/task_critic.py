"""What states are worth on tasks that are known: training's judge, never the agent's own."""

from __future__ import annotations

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fastadapt.agents import optimizer_state

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
        self._optimizer = torch.optim.Adam(self.parameters(), lr=_RATE)

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
        """Return what `(M, B)` states are worth, in double precision."""
        mean, variance, _ = self.scale.double()
        return mean + variance.sqrt() * self.network(features).squeeze(-1).double()

    def learn(self, features: Tensor, returns: Tensor, generator: torch.Generator) -> float:
        """Take gradient steps towards returns.

        Args:
            features: `(n, inputs)`, of states that were lived through.
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
                self._optimizer.zero_grad()
                error.square().mean().backward()
                self._optimizer.step()
        return float(missed)

    def _rescale(self, returns: Tensor) -> None:
        """Follow mean and variance of the returns, over some ten iterations."""
        count = min(float(self.scale[2]) + 1, 10.0)
        new = torch.stack([returns.mean(), returns.var()]).float()
        self.scale[:2] += (new - self.scale[:2]) / count
        self.scale[2] = count

    def state(self) -> tuple[dict[str, NDArray], dict[str, NDArray]]:
        """Return its weights, and what its optimiser remembers."""
        weights = {name: value.numpy().copy() for name, value in self.state_dict().items()}
        return weights, optimizer_state.pack(self._optimizer)

    def load_state(self, weights: dict[str, NDArray], optimizer: dict[str, NDArray]) -> None:
        """Return to what `state` gave; the optimiser only where there is something of it."""
        self.load_state_dict({name: torch.from_numpy(v.copy()) for name, v in weights.items()})
        if optimizer:
            optimizer_state.unpack(self._optimizer, optimizer)
