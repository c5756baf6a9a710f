"""Policy and value networks, with and without a memory."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Output(NamedTuple):
    """Output of a network for a sequence; leading dimensions `(T, N)`.

    Attributes:
        mean: `(T, N, actions)`, of the Gaussian over actions.
        value: `(T, N)`.
        hidden: `(N, hidden)`, the memory after the last step.
    """

    mean: Tensor
    value: Tensor
    hidden: Tensor


def _layer(inputs: int, outputs: int, gain: float) -> nn.Linear:
    layer = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(layer.weight, gain)
    nn.init.zeros_(layer.bias)
    return layer


def _head(inputs: int, width: int, outputs: int, gain: float, layers: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for i in range(layers):
        parts += [_layer(inputs if i == 0 else width, width, math.sqrt(2)), nn.Tanh()]
    return nn.Sequential(*parts, _layer(width, outputs, gain))


class ActorCritic(nn.Module):
    """A Gaussian policy and a value function over (observation, history) inputs.

    With a memory, a GRU reads the whole input; the heads see its output beside the observation (the
    skip keeps reflexes fast to learn). Without, the heads see the observation alone.

    Attributes:
        hidden_size: width of the memory, 0 without.
        log_std: `(actions,)`, of the policy, the same in all states.
    """

    def __init__(
        self,
        observations: int,
        history: int,
        actions: int,
        width: int,
        memory: bool,
        log_std: float,
    ) -> None:
        super().__init__()
        self.observations = observations
        self.hidden_size = width if memory else 0
        self.gru = nn.GRU(observations + history, width) if memory else None
        if self.gru is not None:
            for name, parameter in self.gru.named_parameters():
                if name.startswith("bias"):
                    nn.init.zeros_(parameter)
                elif name.startswith("weight_hh"):
                    nn.init.orthogonal_(parameter)
        features = observations + self.hidden_size
        layers = 1 if memory else 2
        self.actor = _head(features, width, actions, 0.01, layers)
        self.critic = _head(features, width, 1, 1.0, layers)
        self.log_std = nn.Parameter(torch.full((actions,), log_std))

    def initial(self, num_tasks: int) -> Tensor:
        """Return the empty memory, `(N, hidden)`."""
        return torch.zeros(num_tasks, self.hidden_size)

    def forward(self, inputs: Tensor, hidden: Tensor) -> Output:
        """Run over a sequence in one fused call.

        Args:
            inputs: `(T, N, observations + history)`.
            hidden: `(N, hidden)`, the memory before the first step.
        """
        features = inputs[..., : self.observations]
        if self.gru is not None:
            states, last = self.gru(inputs, hidden[None])
            features, hidden = torch.cat([states, features], dim=-1), last[0]
        return Output(self.actor(features), self.critic(features).squeeze(-1), hidden)


def log_prob(mean: Tensor, log_std: Tensor, action: Tensor) -> Tensor:
    """Return the log-density of actions under the diagonal Gaussian, summed over actions."""
    scaled = (action - mean) * torch.exp(-log_std)
    return (-0.5 * scaled.square() - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)


def entropy(log_std: Tensor) -> Tensor:
    """Return the entropy of the diagonal Gaussian, a scalar."""
    return (log_std + 0.5 * math.log(2 * math.pi * math.e)).sum()
