"""Memory for matrices with many rows, used again from one gradient step to the next."""

from __future__ import annotations

import torch
from torch import Tensor

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
