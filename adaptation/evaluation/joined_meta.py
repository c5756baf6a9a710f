"""Provenance of several results as one: what is common, and what differs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.errors import FastadaptError


def check_criteria(metas: Sequence[Mapping[str, Any]]) -> None:
    """Refuse results whose episodes were judged by different criteria of success.

    Raises:
        FastadaptError: they were.
    """
    parts = [part for meta in metas for part in (meta, *meta.get("parts", []))]
    criteria = {str(part["success"]) for part in parts if part.get("success")}
    if len(criteria) > 1:
        raise FastadaptError(
            f"The results have different criteria of success ({'; '.join(sorted(criteria))}), so "
            "they cannot be pooled. Evaluate all of them with the same table [success]."
        )


_TYPES: Mapping[str, type] = {
    **dict.fromkeys(("tasks", "nominal", "machine"), dict),
    **dict.fromkeys(("splits", "parts"), list),
}


def check_types(meta: Mapping[str, Any]) -> None:
    """Check the entries that are read by name.

    Raises:
        TypeError: one of them is of another type.
    """
    for name, wanted in _TYPES.items():
        if not isinstance(meta.get(name, wanted()), wanted):
            raise TypeError(f"'{name}' is no {'table' if wanted is dict else 'list'}")


def joined_meta(metas: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return equal entries, `tasks` and `splits` merged, and under `parts` what differs."""
    parts: list[dict[str, Any]] = []
    for meta in metas:
        common = {key: value for key, value in meta.items() if key != "parts"}
        parts += [common | part for part in meta.get("parts", [{}])]
    merged: dict[str, Any] = {}
    for key in dict.fromkeys(key for part in parts for key in part):
        values = [part[key] for part in parts if key in part]
        if len(values) == len(parts) and all(value == values[0] for value in values):
            merged[key] = values[0]
        elif key == "tasks":  # ids are hashes of the content: equal ids never disagree
            merged[key] = {name: task for value in values for name, task in value.items()}
        elif key == "splits":
            merged[key] = list(dict.fromkeys(split for value in values for split in value))
    rest = [{k: v for k, v in part.items() if k not in merged} for part in parts]
    return merged | ({"parts": rest} if any(rest) else {})


def parameters_by_row(
    table: NDArray[np.void], meta: Mapping[str, Any]
) -> dict[str, NDArray[np.float64]]:
    """Return the parameters of the task of each row by name, `(rows,)` each; NaN where unknown."""
    tasks: Mapping[str, Mapping[str, float]] = meta.get("tasks", {})
    nominal: Mapping[str, float] = meta.get("nominal", {})
    names = dict.fromkeys([*nominal, *(name for task in tasks.values() for name in task)])
    known, rows = np.unique(table["task_id"], return_inverse=True)
    changes = [tasks.get(str(task), {}) for task in known]
    return {
        name: np.array([task.get(name, nominal.get(name, math.nan)) for task in changes])[rows]
        for name in names
    }
