"""Networks of soft actor-critic: a squashed Gaussian policy and twin critics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import softplus

from fastadapt.agents.nn.perceptron import Perceptron, evaluate

_LOG_STD = (-5.0, 2.0)


class SquashedPolicy(nn.Module):
    """A Gaussian whose samples go through tanh, so that actions are in (-1, 1).

    Source: Haarnoja et al. 2018, appendix C.
    """

    def __init__(self, inputs: int, width: int, layers: int, actions: int) -> None:
        super().__init__()
        self.body = Perceptron(inputs, width, layers, 2 * actions)

    def forward(self, *parts: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation before the tanh, `(rows, actions)` each.

        The inputs come in parts (see `evaluate`).
        """
        mean, log_std = evaluate([self.body], *parts).squeeze(0).chunk(2, -1)
        return mean, log_std.clamp(*_LOG_STD).exp()

    def sample(self, parts: Sequence[Tensor], noise: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions `(rows, actions)` and their log-densities `(rows)`."""
        said = evaluate([self.body], *parts).squeeze(0)
        return _Squashed.apply(said, noise)  # pyright: ignore[reportReturnType]


class _Squashed(torch.autograd.Function):
    """From what the policy's network says and noise to actions and log-densities.

    One node of the graph for some thirty; with x = mean + std * noise the action is tanh(x), its
    log-density that of the noise less log std and log(1 - tanh(x)^2).
    """

    @staticmethod
    def forward(ctx: Any, said: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        mean, free = said.chunk(2, -1)
        log_std = free.clamp(*_LOG_STD)
        std = log_std.exp()
        raw = torch.addcmul(mean, std, noise)
        action = raw.tanh()
        # half of log(1 - tanh(x)^2) less log 2, in a form that does not round to log(0)
        slope = raw.add_(softplus(-2.0 * raw))
        parts = (2.0 * slope - log_std).sub_(noise.square(), alpha=0.5)
        density = parts.sum(-1) - noise.shape[-1] * (2 * math.log(2) + 0.5 * math.log(2 * math.pi))
        ctx.save_for_backward(action, std * noise, free == log_std)
        return action, density

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor, None]:
        action, spread, inside = ctx.saved_tensors
        of_action, of_density = grads[0], grads[1][:, None]
        # d density / d x = 2 tanh(x)
        of_mean = torch.addcmul(of_action, action, 2.0 * of_density - of_action * action)
        of_log_std = torch.addcmul(-of_density, of_mean, spread).mul_(inside)
        return torch.cat([of_mean, of_log_std], -1), None


class TwinCritic(nn.Module):
    """Two independent estimates of a state and action's worth."""

    def __init__(self, inputs: int, width: int, layers: int) -> None:
        super().__init__()
        self.first = Perceptron(inputs, width, layers, 1)
        self.second = Perceptron(inputs, width, layers, 1)

    def forward(self, *parts: Tensor, learn: bool = True) -> Tensor:
        """Return both estimates, `(2, rows)`; the inputs come in parts (see `evaluate`)."""
        return evaluate([self.first, self.second], *parts, learn=learn).squeeze(-1)
