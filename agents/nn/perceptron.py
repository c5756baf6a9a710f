"""Perceptrons of rectified units, several of them evaluated on the same inputs at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.functional import pad

_mask = torch.ops.aten.threshold_backward.grad_input  # gradient where the unit was on, else 0


class Perceptron(nn.Sequential):
    """`layers` hidden layers of rectified units; called on its own, plain torch.

    `evaluate` says the same, faster.

    Attributes:
        weights: weight and bias of each layer.
    """

    def __init__(self, inputs: int, width: int, layers: int, outputs: int) -> None:
        parts: list[nn.Module] = []
        for i in range(layers):
            parts += [nn.Linear(inputs if i == 0 else width, width), nn.ReLU(inplace=True)]
        super().__init__(*parts, nn.Linear(width if layers else inputs, outputs))
        self.weights = tuple(self.parameters())


def evaluate(networks: Sequence[Perceptron], *parts: Tensor, learn: bool = True) -> Tensor:
    """Return what networks of one shape say of the same inputs, `(networks, rows, outputs)`.

    Args:
        networks: of one shape.
        parts: of the inputs, side by side: `(rows, size)`, or `(tasks, size)` where the
            `rows / tasks` rows of a task share it.
        learn: whether gradients flow into the networks' weights (into the parts they do).
    """
    weights = [w if learn else w.detach() for network in networks for w in network.weights]
    return _Evaluation.apply(len(networks), len(parts), *parts, *weights)  # pyright: ignore


class _Evaluation(torch.autograd.Function):
    """All layers of all networks in one node of the graph.

    What it saves over one node for each operation: memory is used again, rows start on cache lines,
    no gradient is taken of inputs that need none, that of shared inputs is summed over rows first.
    """

    @staticmethod
    def forward(ctx: Any, count: int, num_parts: int, *tensors: Tensor) -> Tensor:
        parts, weights = tensors[:num_parts], tensors[num_parts:]
        loan, depth = Loan(_BUFFERS, weights[0].dtype), len(weights) // count // 2
        inputs = _side_by_side(parts, loan)
        outputs = inputs.new_empty(count, inputs.shape[0], weights[-1].shape[0])
        hidden: list[list[Tensor]] = []
        for network in range(count):
            states = [inputs]
            for layer in range(depth):
                weight, bias = weights[2 * (network * depth + layer) :][:2]
                if layer == 0:
                    weight, current = _widened(weight, inputs.shape[1]), inputs
                else:
                    current = _trimmed(states[-1], weight.shape[1])
                if layer == depth - 1:
                    torch.addmm(bias, current, weight.t(), out=outputs[network])
                    break
                above = loan.matrix(inputs.shape[0], weight.shape[0])
                torch.addmm(bias, current, weight.t(), out=_trimmed(above, weight.shape[0]))
                states.append(above.relu_())
            hidden.append(states)
        ctx.save_for_backward(*weights)
        ctx.loan, ctx.hidden, ctx.shapes = loan, hidden, [part.shape for part in parts]
        return outputs

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, *grads: Tensor
    ) -> tuple[Tensor | None, ...]:
        weights, loan = ctx.saved_tensors, Loan(_BUFFERS, grads[0].dtype)
        wanted, learn = ctx.needs_input_grad[2:], ctx.needs_input_grad[-1]
        found: list[Tensor | None] = [None] * len(weights)
        of_parts: list[Tensor | None] = [None] * len(ctx.shapes)
        for network, states in enumerate(ctx.hidden):
            grad, first = grads[0][network], network * 2 * len(states)
            for layer in reversed(range(len(states))):
                weight, state = weights[first + 2 * layer], states[layer]
                if learn:
                    used = _trimmed(state, weight.shape[1]) if layer else state
                    found[first + 2 * layer] = _trimmed(torch.mm(grad.t(), used), weight.shape[1])
                    found[first + 2 * layer + 1] = grad.sum(0)
                if layer:
                    below = loan.matrix(state.shape[0], weight.shape[1])
                    grad = torch.mm(grad, weight, out=_trimmed(below, weight.shape[1]))
                    _mask(below, state, 0, grad_input=below)
            _reach_parts(of_parts, grad, weights[first], ctx.shapes, wanted)
        return None, None, *of_parts, *found


def _side_by_side(parts: Sequence[Tensor], loan: Loan) -> Tensor:
    """Return `(rows, sizes)` with zeros beyond them, from parts that tasks may share."""
    rows, start = max(part.shape[0] for part in parts), 0
    inputs = loan.matrix(rows, sum(part.shape[1] for part in parts))
    for part in parts if rows else ():
        tasks, size = part.shape
        place = inputs.view(tasks, rows // tasks, -1)[..., start : start + size]
        place.copy_(part[:, None])
        start += size
    return inputs


def _trimmed(matrix: Tensor, columns: int) -> Tensor:
    """Return the first columns."""
    return matrix if matrix.shape[1] == columns else matrix.narrow(1, 0, columns)


def _widened(weight: Tensor, columns: int) -> Tensor:
    """Return the matrix with columns of zeros to its right."""
    missing = columns - weight.shape[1]
    return pad(weight, (0, missing)) if missing else weight


def _reach_parts(
    sums: list[Tensor | None],
    grad: Tensor,
    weight: Tensor,
    shapes: Sequence[tuple[int, int]],
    wanted: Sequence[bool],
) -> None:
    """Add the gradients of the parts that want one, from that of the first layer `(rows, out)`."""
    start = 0
    for i, (tasks, size) in enumerate(shapes):
        if wanted[i]:
            shared = grad if tasks == grad.shape[0] else grad.unflatten(0, (tasks, -1)).sum(1)
            columns = _widened(weight[:, start : start + size], -(-size // 16) * 16)  # it is faster
            gradient = _trimmed(torch.mm(shared, columns), size)
            before = sums[i]
            sums[i] = gradient if before is None else before.add_(gradient)
        start += size


_LINE = 16  # floats in a cache line; rows that start on one are multiplied up to 1.7 times as fast
_KEPT = 256 * 2**20  # bytes kept at most


class RowBuffers:
    """Lends matrices whose rows start on cache lines; columns beyond the asked ones stay zero.

    New memory of some megabytes comes from the operating system page by page, which takes longer
    than to fill it (measured: a quarter of a gradient step with 4096 rows of 300).
    """

    def __init__(self) -> None:
        self._free: dict[tuple[int, int, torch.dtype], list[Tensor]] = {}
        self._bytes = 0

    def lend(self, rows: int, columns: int, dtype: torch.dtype) -> Tensor:
        """Return a matrix `(rows, columns rounded up to 16)`; give it back by `take_back`."""
        free = self._free.get((rows, columns, dtype))
        if free:
            matrix = free.pop()
            self._bytes -= matrix.nbytes
            return matrix
        return torch.zeros(rows, -(-columns // _LINE) * _LINE, dtype=dtype)

    def take_back(self, matrices: list[tuple[int, Tensor]]) -> None:
        """Keep matrices, each with the columns that were asked for, for the next borrower."""
        for columns, matrix in matrices:
            if self._bytes + matrix.nbytes > _KEPT:
                self._free.clear()
                self._bytes = 0
            shape = matrix.shape[0], columns, matrix.dtype
            self._free.setdefault(shape, []).append(matrix)
            self._bytes += matrix.nbytes


class Loan:
    """Matrices borrowed together; they go back when nothing holds the loan any more."""

    def __init__(self, buffers: RowBuffers, dtype: torch.dtype) -> None:
        self._buffers, self._dtype = buffers, dtype
        self._matrices: list[tuple[int, Tensor]] = []

    def matrix(self, rows: int, columns: int) -> Tensor:
        """Borrow one more matrix."""
        matrix = self._buffers.lend(rows, columns, self._dtype)
        self._matrices.append((columns, matrix))
        return matrix

    def __del__(self) -> None:
        self._buffers.take_back(self._matrices)


_BUFFERS = RowBuffers()
