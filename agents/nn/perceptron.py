"""Perceptrons of rectified units, and inputs that come in parts."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Perceptron(nn.Sequential):
    """A network of `layers` hidden layers of rectified units and a linear output."""

    def __init__(self, inputs: int, width: int, layers: int, outputs: int) -> None:
        parts: list[nn.Module] = []
        for i in range(layers):
            parts += [nn.Linear(inputs if i == 0 else width, width), nn.ReLU(inplace=True)]
        super().__init__(*parts, nn.Linear(width if layers else inputs, outputs))


def concatenate(*parts: Tensor) -> Tensor:
    """Return inputs `(rows, sizes)` of parts `(rows, size)`.

    A part may also be `(tasks, size)`: the `rows / tasks` consecutive rows of a task share it.
    """
    rows = max(len(part) for part in parts)
    whole = [
        part if len(part) == rows else part.repeat_interleave(rows // len(part), 0)
        for part in parts
    ]
    return torch.cat(whole, -1)
