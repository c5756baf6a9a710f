"""Adam on many parameters that lie side by side in one vector."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def side_by_side(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Move parameters into one vector, of which they become views; return the vector."""
    found = list(parameters)
    flat = torch.cat([parameter.detach().reshape(-1) for parameter in found])
    for parameter, values in zip(found, flat.split([p.numel() for p in found]), strict=True):
        parameter.data = values.view(parameter.shape)
    return flat


class FlatAdam:
    """Takes one step of Adam for all parameters at once; small networks wait for nothing else.

    Its state is kept parameter by parameter, as a plain Adam's is.

    Attributes:
        parameters: what it improves.
        values: all of them, in one vector.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float) -> None:
        self.parameters = list(parameters)
        self.values = side_by_side(self.parameters)
        self._sizes = [parameter.numel() for parameter in self.parameters]
        self._all = nn.Parameter(self.values)
        self._all.grad = torch.zeros_like(self.values)
        self._adam = torch.optim.Adam([self._all], lr=rate, fused=True)

    def descend(self, loss: Tensor) -> None:
        """Take a step down the gradient of the loss."""
        self.follow(torch.autograd.grad(loss, self.parameters))

    def follow(self, gradients: Sequence[Tensor]) -> None:
        """Take a step down gradients, one for each parameter."""
        assert self._all.grad is not None
        torch.cat([gradient.reshape(-1) for gradient in gradients], out=self._all.grad)
        self._adam.step()

    def state(self) -> dict[str, NDArray]:
        """Return what is remembered of each parameter, by its number."""
        remembered = self._adam.state.get(self._all, {})
        return {
            f"{index}.{name}": part.numpy().copy()
            for name, value in remembered.items()
            for index, part in enumerate(self._split(name, value))
        }

    def load_state(self, state: Mapping[str, NDArray]) -> None:
        """Return to what `state` gave."""
        names = {key.split(".", 1)[1] for key in state}
        everyone = range(len(self.parameters))
        arrays = {n: [torch.from_numpy(state[f"{i}.{n}"]) for i in everyone] for n in names}
        self._adam.state[self._all] = {
            name: parts[0].clone()
            if name == "step"
            else torch.cat([part.reshape(-1) for part in parts])
            for name, parts in arrays.items()
        }

    def _split(self, name: str, value: Tensor) -> list[Tensor]:
        """Return the parameters' parts of what is remembered; of steps all took the same number."""
        if name == "step":
            return [value] * len(self.parameters)
        parts = zip(value.split(self._sizes), self.parameters, strict=True)
        return [part.view(parameter.shape) for part, parameter in parts]
