"""NoRML's learned advantage: a network that is added to the advantage of each step."""

from __future__ import annotations

import math

import torch
from torch import Tensor


class LearnedAdvantage:
    """Adds to the advantage of each step what training finds useful (NoRML, Yang et al. 2019).

    One episode's advantages are mostly noise, while its transitions say much about the robot. A
    small network reads observation, change of the observation, action, its random part z and the
    advantage A; the inner step follows w A + h_0 + sum_i z_i h_i in place of A. The products with
    z make a policy-gradient step move the mean action by what h_i says on average. The network is
    the same for all tasks, and begins with h = 0 and w = 1.

    Attributes:
        size: number of its parameters.
    """

    def __init__(self, observations: int, actions: int, width: int) -> None:
        inputs = 2 * observations + 2 * actions + 1
        self._layers = [(inputs, width), (width, width), (width, actions + 1)]
        self.size = sum((i + 1) * o for i, o in self._layers) + 1

    def initial(self, generator: torch.Generator) -> Tensor:
        """Return new parameters `(size,)`; what comes out of them is the advantage."""
        parts: list[Tensor] = []
        for number, (inputs, outputs) in enumerate(self._layers, 1):
            limit = 0.0 if number == len(self._layers) else math.sqrt(6 / (inputs + outputs))
            weight = 2 * limit * torch.rand(inputs * outputs, generator=generator) - limit
            parts += [weight, torch.zeros(outputs)]
        return torch.cat([*parts, torch.ones(1)])

    def __call__(
        self, parameters: Tensor, advantages: Tensor, transitions: Tensor, noise: Tensor
    ) -> Tensor:
        """Return what takes the place of the advantages, `(M, B)`.

        Args:
            parameters: `(size,)`.
            advantages: `(M, B)`.
            transitions: `(M, B, inputs)`.
            noise: `(M, B, actions)`, standard normal.
        """
        features, start = transitions, 0
        for number, (inputs, outputs) in enumerate(self._layers, 1):
            middle, end = start + inputs * outputs, start + (inputs + 1) * outputs
            weight = parameters[start:middle].view(inputs, outputs)
            features = features @ weight + parameters[middle:end]
            start = end
            if number < len(self._layers):
                features = torch.tanh(features)
        learned = features[..., 0] + (features[..., 1:] * noise).sum(-1)
        return parameters[-1] * advantages + learned
