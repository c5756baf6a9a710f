"""Networks of soft actor-critic: a squashed Gaussian policy and twin critics."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

_LOG_STD = (-5.0, 2.0)


def multilayer(inputs: int, width: int, layers: int, outputs: int) -> nn.Sequential:
    """Return a perceptron with `layers` hidden ones of rectified units."""
    parts: list[nn.Module] = []
    for i in range(layers):
        parts += [nn.Linear(inputs if i == 0 else width, width), nn.ReLU(inplace=True)]
    return nn.Sequential(*parts, nn.Linear(width if layers else inputs, outputs))


class SquashedPolicy(nn.Module):
    """A Gaussian whose samples go through tanh, so that actions are in (-1, 1).

    Source: Haarnoja et al. 2018, appendix C.
    """

    def __init__(self, inputs: int, width: int, layers: int, actions: int) -> None:
        super().__init__()
        self.body = multilayer(inputs, width, layers, 2 * actions)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation before the tanh, `(..., actions)` each."""
        mean, log_std = self.body(inputs).chunk(2, -1)
        return mean, log_std.clamp(*_LOG_STD).exp()

    def sample(self, inputs: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions `(..., actions)` and their log-densities `(...)`."""
        mean, std = self(inputs)
        raw = mean + std * noise
        density = -0.5 * noise.square() - std.log() - 0.5 * math.log(2 * math.pi)
        # log(1 - tanh(x)^2), in a form that does not round to log(0)
        slope = 2.0 * (math.log(2.0) - raw - softplus(-2.0 * raw))
        return torch.tanh(raw), (density - slope).sum(-1)


class TwinCritic(nn.Module):
    """Two independent estimates of a state and action's worth."""

    def __init__(self, inputs: int, width: int, layers: int) -> None:
        super().__init__()
        self.first = multilayer(inputs, width, layers, 1)
        self.second = multilayer(inputs, width, layers, 1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return both estimates, `(2, ...)`."""
        return torch.stack([self.first(inputs), self.second(inputs)]).squeeze(-1)
