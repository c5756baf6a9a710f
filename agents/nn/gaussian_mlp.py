"""A Gaussian policy as a function of its parameters, of many tasks with parameters of their own."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from fastadapt.agents.nn.actor_critic import log_prob

_LEAST, _MOST = -3.0, 3.0
"""Limits of the logarithm of the standard deviation, by default."""


class Gaussian(NamedTuple):
    """Diagonal Gaussians over the actions of M tasks, B states each.

    Attributes:
        mean: `(M, B, actions)`.
        log_std: `(M, 1, actions)`.
    """

    mean: Tensor
    log_std: Tensor

    def log_prob(self, actions: Tensor) -> Tensor:
        """Return log-densities `(M, B)` of actions `(M, B, actions)`."""
        return log_prob(self.mean, self.log_std, actions)

    def detach(self) -> Gaussian:
        """Return the same numbers without their history."""
        return Gaussian(self.mean.detach(), self.log_std.detach())


def kl_divergence(old: Gaussian, new: Gaussian) -> Tensor:
    """Return KL(old || new) of every state, `(M, B)`."""
    spread = torch.exp(2 * (old.log_std - new.log_std))
    shift = (old.mean - new.mean).square() * torch.exp(-2 * new.log_std)
    return (new.log_std - old.log_std + 0.5 * (spread + shift - 1)).sum(-1)


class GaussianMLP:
    """The shape of a tanh network with two hidden layers and a log-std, held in one flat vector.

    The parameters of M tasks are a matrix `(M, size)`: one batched matrix product per layer serves
    all tasks, and whatever steps over parameters (an inner step, its step sizes, conjugate
    gradients) works on plain vectors.

    Args:
        observations: size of an observation.
        actions: of an action.
        width: of the hidden layers.
        least_log_std: least logarithm of the standard deviation, however often a step lowers it.

    Attributes:
        size: number of parameters P of one task.
    """

    def __init__(
        self, observations: int, actions: int, width: int, least_log_std: float = _LEAST
    ) -> None:
        self._least = least_log_std
        self.observations = observations
        self.actions = actions
        widths = (observations, width, width, actions)
        self._layers = list(pairwise(widths))
        self.size = sum((i + 1) * o for i, o in self._layers) + actions

    def initial(self, log_std: float, generator: torch.Generator) -> Tensor:
        """Return new parameters `(P,)`: Glorot's weights, zero biases, a hesitant last layer."""
        parts: list[Tensor] = []
        for number, (inputs, outputs) in enumerate(self._layers, 1):
            last = number == len(self._layers)
            limit = math.sqrt(6 / (inputs + outputs)) * (0.1 if last else 1.0)
            weight = 2 * limit * torch.rand(inputs * outputs, generator=generator) - limit
            parts += [weight, torch.zeros(outputs)]
        return torch.cat([*parts, torch.full((self.actions,), log_std)])

    def __call__(self, parameters: Tensor, observations: Tensor) -> Gaussian:
        """Return the policies' distributions.

        Args:
            parameters: `(M, P)`.
            observations: `(M, B, observations)`.
        """
        *layers, (weight, bias) = self.layers(parameters)
        features = observations
        for inner_weight, inner_bias in layers:
            features = torch.tanh(torch.baddbmm(inner_bias, features, inner_weight))
        return Gaussian(torch.baddbmm(bias, features, weight), self.log_std(parameters))

    def layers(self, parameters: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return weights `(M, in, out)` and biases `(M, 1, out)` of every layer, as views."""
        found: list[tuple[Tensor, Tensor]] = []
        start = 0
        for inputs, outputs in self._layers:
            middle, end = start + inputs * outputs, start + (inputs + 1) * outputs
            weight = parameters[:, start:middle].unflatten(1, (inputs, outputs))
            found.append((weight, parameters[:, middle:end].unsqueeze(1)))
            start = end
        return found

    def log_std(self, parameters: Tensor) -> Tensor:
        """Return the logarithm of the standard deviations, `(M, 1, actions)`."""
        return parameters[:, None, -self.actions :].clamp(self._least, _MOST)


class Linearised:
    """Linearisation of the distributions in the parameters; no gradient runs through it.

    Args:
        policy: the shape.
        parameters: `(M, P)`, around which.
        observations: `(M, B, observations)`, in which states.
    """

    @torch.no_grad()
    def __init__(self, policy: GaussianMLP, parameters: Tensor, observations: Tensor) -> None:
        self._policy = policy
        self._weights = [weight for weight, _ in policy.layers(parameters)]
        self._features = [observations]
        for weight, bias in policy.layers(parameters)[:-1]:
            self._features.append(torch.tanh(torch.baddbmm(bias, self._features[-1], weight)))
        raw = parameters[:, None, -policy.actions :]
        self._free = (raw == policy.log_std(parameters)).to(raw.dtype)

    @torch.no_grad()
    def push(self, shift: Tensor) -> tuple[Tensor, Tensor]:
        """Return the shifts of means and log-stds that a shift `(M, P)` of parameters causes."""
        moved: Tensor | None = None
        shifts = self._policy.layers(shift)
        for number, (features, weight) in enumerate(
            zip(self._features, self._weights, strict=True)
        ):
            if number > 0 and moved is not None:
                moved = moved * (1 - features.square())
            weight_shift, bias_shift = shifts[number]
            ahead = torch.baddbmm(bias_shift, features, weight_shift)
            moved = ahead if moved is None else torch.baddbmm(ahead, moved, weight)
        assert moved is not None
        return moved, shift[:, None, -self._policy.actions :] * self._free

    @torch.no_grad()
    def pull(self, mean: Tensor, log_std: Tensor) -> Tensor:
        """Return the gradient `(M, P)` that gradients of means and log-stds lead to."""
        parts = [(log_std * self._free).flatten(1)]
        back = mean
        for number in range(len(self._weights) - 1, -1, -1):
            features = self._features[number]
            parts.append(back.sum(1))
            parts.append((features.transpose(1, 2) @ back).flatten(1))
            if number > 0:
                back = (back @ self._weights[number].transpose(1, 2)) * (1 - features.square())
        return torch.cat(parts[::-1], dim=1)
