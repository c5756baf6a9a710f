"""Numbered training tasks."""

from __future__ import annotations

from collections.abc import Callable

from fastadapt.envs import Task

Draw = Callable[[int, int], list[Task]]
"""Returns tasks `start` to `start + count`, called with (count, start)."""

_BLOCK = 64
"""Tasks that are drawn together: drawing one takes as long as drawing this many."""


class NumberedTasks:
    """Training tasks by number; which one a number means does not depend on earlier calls.

    Args:
        draw: returns a stretch of them.
    """

    def __init__(self, draw: Draw) -> None:
        self._draw = draw
        self._blocks: dict[int, list[Task]] = {}

    def __getitem__(self, number: int) -> Task:
        block, place = divmod(number, _BLOCK)
        if block not in self._blocks:
            if len(self._blocks) > 8:  # those of trials that ended long ago
                del self._blocks[min(self._blocks)]
            self._blocks[block] = self._draw(_BLOCK, block * _BLOCK)
        return self._blocks[block][place]
