"""Exported acting of MAML: the policy of one robot, adapted or not."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fastadapt.agents.graph import OBSERVATION, Graph, adapted, blocks_of
from fastadapt.agents.nn.exported import Limits, Reflex, Scaling
from fastadapt.agents.nn.gaussian_mlp import GaussianMLP
from fastadapt.agents.nn.normaliser import Normaliser
from fastadapt.envs.arrays import Array


class _Scaled(nn.Module):
    """A network whose output is multiplied by a number."""

    def __init__(self, network: nn.Module, factor: float) -> None:
        super().__init__()
        self.network, self.factor = network, factor

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs, `(N, actions)`."""
        return self.factor * self.network(inputs)


def policy_graph(
    shape: GaussianMLP,
    parameters: Tensor,
    scale: Normaliser,
    action_scale: float,
    limits: tuple[Array, Array],
    steps: int,
) -> Graph:
    """Return acting with the parameters `(P,)` of one robot after `steps` inner steps."""
    parts: list[nn.Module] = []
    for weight, bias in shape.layers(parameters[None]):
        layer = nn.Linear(weight.shape[1], weight.shape[2])
        with torch.no_grad():
            layer.weight.copy_(weight[0].T)
            layer.bias.copy_(bias[0, 0])
        parts += [layer, nn.Tanh()]
    network = _Scaled(nn.Sequential(*parts[:-1]), action_scale)
    module = Reflex(Scaling(scale.entries()), network, Limits(*limits))
    blocks = blocks_of([(OBSERVATION, shape.observations)])
    return Graph(module, blocks, adapts=adapted(steps, "inner step"), samples=scale.count)
