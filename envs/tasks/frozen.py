"""The file of frozen tasks: its content, and the checks when it is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.errors import FastadaptError

Values = Mapping[str, Sequence[Sequence[float]]]


def splits_path(path: Path) -> Path:
    """Return the path of the frozen tasks beside a task-set file."""
    return path.with_name(path.name.removesuffix(".toml") + ".splits.json")


def frozen_content(task_set: str, hash_: str, names: Sequence[str], values: Values) -> dict:
    """Return the content of the file of frozen tasks.

    Args:
        task_set: versioned id.
        hash_: of the declaration that the tasks were drawn from.
        names: of the parameters.
        values: of the tasks of every split, `(tasks, P)` each.
    """
    content = {"task_set": task_set, "hash": hash_, "names": list(names), "splits": values}
    return content | {"digest": _digest(content)}


def read_frozen(file: Path | Traversable) -> dict[str, Any] | None:
    """Return the content of a file of frozen tasks, None if there is no file.

    Raises:
        FastadaptError: it is damaged or was edited.
    """
    if not file.is_file():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        digest = content.get("digest")  # files of earlier versions have none
        whole = (
            {"task_set", "hash", "names", "splits"} <= content.keys()
            and digest in (None, _digest(content))
            and all(_tabular(rows, content["names"]) for rows in content["splits"].values())
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        whole, content = False, None
    if not whole:
        raise FastadaptError(
            f"'{file.name}' was edited or corrupted since its tasks were frozen. Restore it from "
            "version control, or regenerate it with `fastadapt freeze FILE.toml` (which draws "
            "other tasks if the declaration has changed)."
        )
    return content


def frozen_values(
    frozen: Mapping[str, Any], split: str, names: Sequence[str], count: int
) -> tuple[list[int], NDArray[np.float64]]:
    """Return the columns of the parameters that are frozen, and their values `(count, columns)`.

    Raises:
        FastadaptError: the file has another split, parameter or number of tasks.
    """
    values = np.array(frozen["splits"].get(split, ()), np.float64)
    if len(values) != count or not set(frozen["names"]) <= set(names):
        raise FastadaptError(
            f"The frozen tasks of '{frozen['task_set']}' do not fit its declaration: '{split}' has "
            f"{len(values)} of {count} tasks, or parameters that it does not have. Regenerate "
            "them: `fastadapt freeze FILE.toml`."
        )
    return [names.index(name) for name in frozen["names"]], values


def _tabular(rows: Any, names: Sequence[str]) -> bool:
    """Return whether the rows are finite numbers, one for each name."""
    values = np.array(rows, np.float64)
    return values.ndim == 2 and values.shape[1] == len(names) and bool(np.isfinite(values).all())


def _digest(content: Mapping[str, Any]) -> str:
    """Return a hash of names and values, to the last bit."""
    text = json.dumps([content["names"], content["splits"]], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
