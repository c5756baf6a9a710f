"""Writing of graphs as TorchScript, which keeps the memories that an ONNX file hands back."""

# No postponed annotations: TorchScript reads them as types.
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from fastadapt.agents.graph import Graph


def write_torchscript(graph: Graph, path: Path) -> None:
    """Write a graph as TorchScript that takes `obs`, keeps its memories, and has `reset()`."""
    sizes = [len(memory.initial) for memory in graph.memories]
    none = np.zeros((0, 1, 1), np.float32)
    initial = torch.from_numpy(np.concatenate([m.initial for m in graph.memories] or [none]))
    part = path.with_name(f".{path.name}.{os.getpid()}.writing")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        example = torch.zeros(1, graph.inputs), initial
        inner: Any = torch.jit.trace(_Joined(graph.module, sizes).eval(), example)
        torch.jit.script(_Keeping(inner, initial)).save(str(part))
    os.replace(part, path)


class _Joined(nn.Module):
    """A graph whose memories are one tensor, joined along their layers."""

    def __init__(self, module: nn.Module, sizes: list[int]) -> None:
        super().__init__()
        self.module, self.sizes = module, sizes

    def forward(self, obs: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return actions and the memories."""
        if not self.sizes:
            return self.module(obs), memory
        actions, *after = self.module(obs, *memory.split(self.sizes))
        return actions, torch.cat(after)


class _Keeping(nn.Module):
    """A graph that keeps its memories."""

    memory: torch.Tensor
    initial: torch.Tensor

    def __init__(self, inner: nn.Module, initial: torch.Tensor) -> None:
        super().__init__()
        self.inner = inner
        self.register_buffer("memory", initial.clone())
        self.register_buffer("initial", initial.clone())

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        """Return actions `(1, actions)`."""
        actions, memory = self.inner(obs, self.memory)
        self.memory.copy_(memory)
        return actions

    @torch.jit.export
    def reset(self) -> None:
        """Begin with another robot."""
        self.memory.copy_(self.initial)
