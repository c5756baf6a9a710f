"""Policies with and without a memory, and a critic that may see more than they do."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Output(NamedTuple):
    """Output of a policy over a sequence; leading dimensions `(T, N)`.

    Attributes:
        mean: of the Gaussian over actions, `(T, N, actions)`.
        states: the memory after each step, `(T, N, memory)`.
        hidden: the memory after the last step, `(N, memory)`.
    """

    mean: Tensor
    states: Tensor
    hidden: Tensor


def layer(inputs: int, outputs: int, gain: float) -> nn.Linear:
    """Return a linear layer with orthogonal weights and no bias at the start."""
    linear = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(linear.weight, gain)
    nn.init.zeros_(linear.bias)
    return linear


def perceptron(inputs: int, width: int, outputs: int, layers: int, gain: float) -> nn.Sequential:
    """Return `layers` hidden layers of hyperbolic tangents, and a linear one."""
    parts: list[nn.Module] = []
    for i in range(layers):
        parts += [layer(inputs if i == 0 else width, width, math.sqrt(2)), nn.Tanh()]
    return nn.Sequential(*parts, layer(width, outputs, gain))


class Policy(nn.Module):
    """A Gaussian policy; with a memory, a GRU whose output stands beside its input.

    Attributes:
        memory: width of the memory, 0 without one.
        log_std: `(actions,)`, the same in all states.
    """

    def __init__(
        self, inputs: int, actions: int, width: int, recurrent: bool, log_std: float
    ) -> None:
        super().__init__()
        self.memory = width if recurrent else 0
        self.gru = nn.GRU(width, width) if recurrent else None
        if self.gru is not None:
            self.encoder = nn.Sequential(layer(inputs, width, math.sqrt(2)), nn.Tanh())
            for name, parameter in self.gru.named_parameters():
                (nn.init.zeros_ if name.startswith("bias") else nn.init.orthogonal_)(parameter)
        self.head = perceptron(
            2 * width if recurrent else inputs, width, actions, 1 if recurrent else 2, 0.01
        )
        self.log_std = nn.Parameter(torch.full((actions,), log_std))

    def initial(self, robots: int) -> Tensor:
        """Return the empty memory, `(N, memory)`."""
        return torch.zeros(robots, self.memory)

    def forward(self, inputs: Tensor, hidden: Tensor) -> Output:
        """Run over a sequence without a border in it.

        Args:
            inputs: `(T, N, inputs)`.
            hidden: the memory before the first step, `(N, memory)`.
        """
        if self.gru is None:
            return Output(self.head(inputs), inputs[..., :0], hidden)
        encoded = self.encoder(inputs)
        states, last = self.gru(encoded, hidden[None])
        return Output(self.head(torch.cat([encoded, states], dim=-1)), states, last[0])

    def run(self, inputs: Tensor, hidden: Tensor, fresh: Tensor) -> Output:
        """Run over a sequence, emptying the memory before each step where `(T, N)` is fresh."""
        if self.gru is None:
            return self(inputs, hidden)
        borders = torch.nonzero(fresh.any(dim=1)).squeeze(-1).tolist()
        cuts = sorted({0, *borders})
        outputs: list[Output] = []
        for begin, end in zip(cuts, [*cuts[1:], len(inputs)], strict=True):
            hidden = hidden * ~fresh[begin][:, None]
            outputs.append(self(inputs[begin:end], hidden))
            hidden = outputs[-1].hidden
        mean, states = (torch.cat([output[i] for output in outputs]) for i in (0, 1))
        return Output(mean, states, hidden)


class Critic(nn.Module):
    """A value function of the observation, and of the task's parameters or the policy's memory.

    A critic that knows the task needs no memory; one that does not shares the policy's.

    Args:
        observations: size of an observation.
        context: how many parameters it is given.
        memory: width of the policy's memory.
        width: of its hidden layers.
        informed: whether it sees the parameters.
    """

    def __init__(
        self, observations: int, context: int, memory: int, width: int, informed: bool
    ) -> None:
        super().__init__()
        self.informed = informed
        self._observations = observations
        inputs = observations + (context if informed else memory)
        self.net = perceptron(inputs, width, 1, 2, 1.0)

    def forward(self, known: Tensor, states: Tensor) -> Tensor:
        """Return values `(...,)`.

        Args:
            known: observation and parameters, `(..., observations + context)`.
            states: the policy's memory, `(..., memory)`.
        """
        if self.informed:
            return self.net(known).squeeze(-1)
        seen = torch.cat([known[..., : self._observations], states], dim=-1)
        return self.net(seen).squeeze(-1)
