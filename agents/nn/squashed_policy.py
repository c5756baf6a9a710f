"""Networks of soft actor-critic: a squashed Gaussian policy and twin critics."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from fastadapt.agents.nn.perceptron import Perceptron, concatenate

_LOG_STD = (-5.0, 2.0)


class SquashedPolicy(nn.Module):
    """A Gaussian whose samples go through tanh, so that actions are in (-1, 1).

    Source: Haarnoja et al. 2018, appendix C.
    """

    def __init__(self, inputs: int, width: int, layers: int, actions: int) -> None:
        super().__init__()
        self.body = Perceptron(inputs, width, layers, 2 * actions)

    def forward(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log standard deviation before the tanh, `(rows, actions)` each.

        The inputs come in parts (see `concatenate`).
        """
        mean, log_std = self.body(concatenate(*parts)).chunk(2, -1)
        return mean, log_std.clamp(*_LOG_STD)

    def sample(self, parts: Sequence[Tensor], noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions `(rows, actions)` and their log-densities `(rows)`.

        With x = mean + std * noise the action is tanh(x); its log-density is that of the noise,
        less log std and log(1 - tanh(x)^2).
        """
        mean, log_std = self(*parts)
        raw = mean + log_std.exp() * noise
        normal = -0.5 * noise.square() - 0.5 * math.log(2 * math.pi)
        slope = 2.0 * (math.log(2) - raw - softplus(-2.0 * raw))  # does not round to log(0)
        return raw.tanh(), (normal - log_std - slope).sum(-1)


class TwinCritic(nn.Module):
    """Two independent estimates of an action's value in a state."""

    def __init__(self, inputs: int, width: int, layers: int) -> None:
        super().__init__()
        self.first = Perceptron(inputs, width, layers, 1)
        self.second = Perceptron(inputs, width, layers, 1)

    def forward(self, *parts: Tensor) -> Tensor:
        """Return both estimates, `(2, rows)`; the inputs come in parts (see `concatenate`)."""
        inputs = concatenate(*parts)
        return torch.cat([self.first(inputs), self.second(inputs)], -1).T
