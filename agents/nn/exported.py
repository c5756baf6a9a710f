"""Parts of exported graphs: scaled inputs, limited actions, acting with and without memory."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fastadapt.agents.nn.normaliser import Entries


def _constant(values: NDArray) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32).copy())


class Scaling(nn.Module):
    """Scales inputs by fixed statistics and limits them."""

    mean: Tensor
    scale: Tensor
    limit: Tensor

    def __init__(self, entries: Entries) -> None:
        super().__init__()
        most = np.finfo(np.float32).max
        self.register_buffer("mean", _constant(entries.mean))
        self.register_buffer("scale", _constant(1.0 / entries.spread))
        self.register_buffer("limit", _constant(np.minimum(entries.limit, most)))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return scaled inputs, `(..., size)`."""
        scaled = (inputs - self.mean) * self.scale
        return torch.maximum(torch.minimum(scaled, self.limit), -self.limit)


class Limits(nn.Module):
    """Keeps actions within the limits of the robot."""

    low: Tensor
    high: Tensor

    def __init__(self, low: NDArray, high: NDArray) -> None:
        super().__init__()
        self.register_buffer("low", _constant(low))
        self.register_buffer("high", _constant(high))

    def forward(self, actions: Tensor) -> Tensor:
        """Return clipped actions, `(N, actions)`."""
        return torch.maximum(torch.minimum(actions, self.high), self.low)


class FromUnit(nn.Module):
    """Squashes actions by tanh and scales them to the limits of the robot."""

    middle: Tensor
    reach: Tensor

    def __init__(self, low: NDArray, high: NDArray) -> None:
        super().__init__()
        self.register_buffer("middle", _constant((high + low) / 2))
        self.register_buffer("reach", _constant((high - low) / 2))

    def forward(self, raw: Tensor) -> Tensor:
        """Return actions `(N, actions)`."""
        return self.middle + self.reach * torch.tanh(raw)


class Reflex(nn.Module):
    """Acting without a memory: scaling, a network, the robot's limits."""

    def __init__(self, scaling: nn.Module, network: nn.Module, limits: nn.Module) -> None:
        super().__init__()
        self.scaling, self.network, self.limits = scaling, network, limits

    def forward(self, obs: Tensor) -> Tensor:
        """Return actions `(N, actions)`."""
        return self.limits(self.network(self.scaling(obs)))


class Recurrent(nn.Module):
    """Acting with a memory: as `Reflex`, with a network that carries its state.

    The network takes inputs `(T, N, inputs)` and a memory `(N, hidden)`, and returns an output with
    `mean` and `hidden`.
    """

    def __init__(self, scaling: nn.Module, network: nn.Module, limits: nn.Module) -> None:
        super().__init__()
        self.scaling, self.network, self.limits = scaling, network, limits

    def forward(self, obs: Tensor, h_in: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions `(N, actions)` and the memory `(1, N, hidden)`."""
        output = self.network(self.scaling(obs)[None], h_in[0])
        return self.limits(output.mean[0]), output.hidden[None]
