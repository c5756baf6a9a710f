"""Writing of graphs as ONNX and TorchScript, with their contract beside them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from fastadapt.agents.graph import Graph
from fastadapt.errors import FastadaptError

OPSET = 18
"""Version of the ONNX operators, as in rsl_rl."""


def require(*packages: str) -> None:
    """Raise one sentence if a package of the extra `export` is missing."""
    import importlib.util

    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        raise FastadaptError(
            f"This needs the package '{missing[0]}', which is not installed. Run "
            "`pip install 'fastadapt[export]'`."
        )


def write_onnx(graph: Graph, metadata: Mapping[str, str], path: Path) -> None:
    """Write a graph as ONNX: `obs` and memories `NAME_in` to `actions` and memories `NAME_out`.

    The file takes one robot, so that its shapes are known; nothing inside depends on that.
    """
    names = [memory.name for memory in graph.memories]
    inputs = {"obs": torch.zeros(1, graph.inputs)}
    inputs |= {f"{m.name}_in": torch.zeros(m.initial.shape) for m in graph.memories}
    axes = {"obs": 0, "actions": 0} | {f"{n}_{side}": 1 for n in names for side in ("in", "out")}
    outputs = ["actions", *(f"{name}_out" for name in names)]
    save_onnx(graph.module, inputs, outputs, axes, metadata, path)


def save_onnx(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    outputs: Sequence[str],
    axes: Mapping[str, int],
    metadata: Mapping[str, str],
    path: Path,
    free: Sequence[str] = (),
) -> None:
    """Write a module as ONNX, atomically.

    Args:
        module: takes the inputs in order, returns the outputs in order.
        inputs: examples by name.
        outputs: names.
        axes: of each input and output, the axis of the robots.
        metadata: texts by key.
        path: of the file.
        free: inputs whose axis keeps its size open; that of all others is fixed at 1.
    """
    require("onnx")
    import onnx

    part = path.with_name(f".{path.name}.{os.getpid()}.writing")
    # The exporter by tracing: it makes one GRU node of a GRU, in a tenth of a second.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            tuple(inputs.values()),
            str(part),
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={name: {axis: "robots"} for name, axis in axes.items()},
            opset_version=OPSET,
            dynamo=False,
        )
    try:
        model = onnx.load(str(part))
        for value in (*model.graph.input, *model.graph.output):
            if value.name in axes and value.name not in free:
                value.type.tensor_type.shape.dim[axes[value.name]].dim_value = 1
        onnx.helper.set_model_props(model, dict(metadata))
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, str(part))
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
