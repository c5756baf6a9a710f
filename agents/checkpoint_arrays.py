"""Parts of a checkpoint: networks, optimisers and tensors as named arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fastadapt.errors import FastadaptError

Arrays = dict[str, NDArray]


class Part(Protocol):
    """Anything whose state is named arrays."""

    def state(self) -> Arrays:
        """Return the state."""
        ...

    def load_state(self, state: Arrays) -> None:
        """Return to what `state` gave."""
        ...


def gather(parts: Mapping[str, Part]) -> Arrays:
    """Return the arrays of all parts, named `part.array`; a part "" adds no name of its own."""
    return {
        ".".join(filter(None, (name, key))): value
        for name, part in parts.items()
        for key, value in part.state().items()
    }


def scatter(parts: Mapping[str, Part], arrays: Mapping[str, NDArray]) -> None:
    """Return all parts to what `gather` gave.

    Raises:
        FastadaptError: the arrays do not fit.
    """
    for name, part in parts.items():
        if name:
            part.load_state(under(name, arrays))
        else:
            named = [other for other in parts if other]
            part.load_state({k: v for k, v in arrays.items() if k.partition(".")[0] not in named})


def under(name: str, arrays: Mapping[str, NDArray]) -> Arrays:
    """Return the arrays of one part, by their names within it."""
    found = {k.removeprefix(f"{name}."): v for k, v in arrays.items() if k.startswith(f"{name}.")}
    return found | ({"": arrays[name]} if name in arrays else {})


class ModuleArrays:
    """The weights and buffers of a network."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module

    def state(self) -> Arrays:
        """Return copies of all weights and buffers."""
        return {k: v.numpy().copy() for k, v in self._module.state_dict().items()}

    def load_state(self, state: Arrays) -> None:
        """Load weights and buffers.

        Raises:
            FastadaptError: they are those of another network.
        """
        try:
            self._module.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in state.items()})
        except RuntimeError:
            raise misfit() from None


class TensorArray:
    """One tensor, loaded in place."""

    def __init__(self, tensor: Tensor) -> None:
        self._tensor = tensor

    def state(self) -> Arrays:
        """Return a copy of the tensor."""
        return {"": self._tensor.detach().numpy().copy()}

    def load_state(self, state: Arrays) -> None:
        """Load the tensor.

        Raises:
            FastadaptError: its shape is another one.
        """
        if state[""].shape != self._tensor.shape:
            raise misfit()
        self._tensor.data.copy_(torch.from_numpy(np.array(state[""])))


class OptimizerArrays:
    """The state that an optimiser keeps of each parameter."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizer = optimizer

    def state(self) -> Arrays:
        """Return copies, named by the number of the parameter."""
        return {
            f"{index}.{name}": value.numpy().copy()
            for index, entry in self._optimizer.state_dict()["state"].items()
            for name, value in entry.items()
        }

    def load_state(self, state: Arrays) -> None:
        """Load the state of every parameter."""
        entries: dict[int, dict[str, Tensor]] = {}
        for key, value in state.items():
            index, name = key.split(".", 1)
            entries.setdefault(int(index), {})[name] = torch.from_numpy(value.copy())
        groups = self._optimizer.state_dict()["param_groups"]
        self._optimizer.load_state_dict({"state": entries, "param_groups": groups})


def misfit() -> FastadaptError:
    """Return the error for a checkpoint of another agent."""
    return FastadaptError(
        "The checkpoint's weights do not fit this agent: its task set or its settings are others, "
        "or another version of fastadapt wrote it. Use the task set and settings of its run."
    )
