"""Class attributes that follow from the robot's model, read when they are first needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class _FromModel:
    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self._compute = compute
        self._known: dict[type, Any] = {}

    def __get__(self, instance: object, owner: type) -> Any:
        if owner not in self._known:
            self._known[owner] = self._compute(owner)
        return self._known[owner]


def from_model(compute: Callable[[Any], Any]) -> Any:
    """Return a class attribute whose value is `compute(class)`, computed once for each class.

    Compiling a model takes a while; listing the environments should not.
    """
    return _FromModel(compute)
