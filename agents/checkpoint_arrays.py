"""The state of an optimiser as arrays, for checkpoints."""

from __future__ import annotations

import torch
from numpy.typing import NDArray
from torch import Tensor


def pack(optimizer: torch.optim.Optimizer) -> dict[str, NDArray]:
    """Return what the optimiser remembers of each parameter."""
    return {
        f"{index}.{name}": value.numpy().copy()
        for index, entry in optimizer.state_dict()["state"].items()
        for name, value in entry.items()
    }


def unpack(optimizer: torch.optim.Optimizer, arrays: dict[str, NDArray]) -> None:
    """Return the optimiser to what `pack` gave."""
    entries: dict[int, dict[str, Tensor]] = {}
    for key, value in arrays.items():
        index, name = key.split(".", 1)
        entries.setdefault(int(index), {})[name] = torch.from_numpy(value.copy())
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": entries, "param_groups": groups})
