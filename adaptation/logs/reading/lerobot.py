"""Logs in a local LeRobot data set (version 3): `meta/info.json` and Parquet files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from fastadapt.adaptation.logs.reading.recording import Recording, by_number, from_table
from fastadapt.adaptation.logs.reading.tables import parquet_columns
from fastadapt.envs.arrays import Array
from fastadapt.envs.tasks.log_keys import LogColumn
from fastadapt.errors import FastadaptError

INFO = "meta/info.json"


def read_lerobot(path: Path, clock: LogColumn) -> list[Recording]:
    """Read the episodes of a data set; features become columns `<feature>.<name>`.

    The clock of the format is `timestamp`, whatever `clock` says but for its unit.

    Raises:
        FastadaptError: the data set is of another version, or not whole.
    """
    info = _info(path)
    files = by_number([str(file) for file in path.glob("data/chunk-*/file-*.parquet")])
    if not files:
        raise FastadaptError(f"'{path}' holds no data/chunk-*/file-*.parquet: copy it again.")
    parts = [parquet_columns(Path(file)) for file in files]
    shared = set.intersection(*(set(part) for part in parts))
    for needed in ("timestamp", "episode_index"):
        if needed not in shared:
            raise FastadaptError(f"'{path}' has no column '{needed}' in its data: copy it again.")
    whole = {name: np.concatenate([part[name] for part in parts]) for name in shared}
    episode = whole.pop("episode_index")
    expected = info.get("total_episodes", 0)
    found = np.unique(episode)
    if len(found) < expected:
        raise FastadaptError(
            f"'{path}' is not whole: {len(found)} of {expected} episodes are there. Copy it again."
        )
    named = _named(whole, info.get("features", {}))
    at = clock.model_copy(update={"column": "timestamp"})
    return [
        from_table(f"{path} episode {int(i)}", {n: v[episode == i] for n, v in named.items()}, at)
        for i in found
    ]


def _info(path: Path) -> dict[str, Any]:
    try:
        info = json.loads((path / INFO).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FastadaptError(f"'{path}' is no LeRobot data set: {INFO}: {error}.") from None
    version = str(info.get("codebase_version", "none")) if isinstance(info, dict) else "none"
    if not version.startswith("v3"):
        raise FastadaptError(
            f"'{path}' is a LeRobot data set of version {version}; version 3 is read. Convert it "
            "with LeRobot's own script."
        )
    return info


def _named(columns: dict[str, Array], features: dict[str, Any]) -> dict[str, Array]:
    """Return columns of which arrays are split by the names of their feature."""
    found: dict[str, Array] = {}
    for feature, values in columns.items():
        names = features.get(feature, {}).get("names")
        if isinstance(names, dict):  # grouped: {"motors": [...]}
            names = [name for group in names.values() for name in group]
        if values.ndim == 2 and names and len(names) == values.shape[1]:
            found |= {f"{feature}.{name}": values[:, i] for i, name in enumerate(names)}
        else:
            found[feature] = values
    return found
