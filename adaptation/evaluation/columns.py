"""The columns of a results table, and its CSV and Parquet files."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.adaptation.runs.files import write_text
from fastadapt.envs.arrays import Mask
from fastadapt.errors import FastadaptError

COLUMNS = np.dtype([
    ("agent", "U64"), ("seed", "i8"), ("task_set", "U64"), ("split", "U64"), ("task_id", "U16"),
    ("shot", "i4"), ("episode", "i4"), ("return", "f8"), ("distance", "f8"), ("energy", "f8"),
    ("length", "i4"), ("fell", "?"), ("diverged", "?"), ("adaptation_env_steps", "i8"),
    ("adaptation_gradient_steps", "i8"), ("adaptation_seconds", "f8"), ("success", "i1"),
])  # fmt: skip
"""One row per agent, seed, task set, split, task, shot and evaluation episode.

`distance` in metres, `energy` in joules (see `trials.runner.Episodes`), `length` in control steps;
the `adaptation_` columns are the cost of adaptation on this task so far, since the trial began;
`success` is 1, 0, or -1 where the environment has no criterion or none was recorded.
"""
REQUIRED = ("agent", "seed", "task_set", "split", "task_id", "shot", "episode", "return")
"""Columns without which a file holds no results; the others are filled where a file lacks them."""
_EMPTY = {"U": "", "i": -1, "f": np.nan, "b": False}
"""Value of a column that was not recorded, by the kind of its type."""
_PARSE: dict[str, Callable[[str], Any]] = {
    "U": str,
    "i": int,
    "f": float,
    "b": {"True": True, "False": False}.__getitem__,
}


def is_recorded(values: NDArray[Any]) -> Mask:
    """Return where a column holds a recorded value and not a fill value.

    A Boolean column counts as recorded: its fill value is False.
    """
    if values.dtype.kind == "f":
        return ~np.isnan(values)
    return values != _EMPTY[values.dtype.kind] if values.dtype.kind in "iU" else values == values


def join_tables(tables: Sequence[NDArray[np.void]]) -> NDArray[np.void]:
    """Return the rows of all tables; a column that a table lacks is empty in its rows."""
    fields: dict[str, np.dtype[Any]] = {}
    for table in tables:
        for name in table.dtype.names or ():
            found = table.dtype[name]
            fields[name] = np.promote_types(fields[name], found) if name in fields else found
    dtype = np.dtype(list(fields.items()))
    return np.concatenate([_filled(table, dtype) for table in tables])


def _filled(table: NDArray[np.void], dtype: np.dtype[Any]) -> NDArray[np.void]:
    """Return a table with all fields of `dtype`."""
    if table.dtype == dtype:
        return table
    found = np.zeros(len(table), dtype)
    for name in dtype.names or ():
        known = name in (table.dtype.names or ())
        found[name] = table[name] if known else _EMPTY[dtype[name].kind]
    return found


def write_tables(table: NDArray[np.void], folder: Path) -> list[Path]:
    """Write `results.csv`, and `results.parquet` if pyarrow is installed; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "results.csv", table_text(table))
    written = [folder / "results.csv"]
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return written
    columns = {name: table[name].tolist() for name in table.dtype.names or ()}
    path = folder / "results.parquet"
    temporary = path.with_name(f".{path.name}.writing")
    pyarrow.parquet.write_table(pyarrow.table(columns), temporary)
    temporary.replace(path)
    return [*written, path]


def table_text(table: NDArray[np.void]) -> str:
    """Return a table as CSV with a header line."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.dtype.names or ())
    writer.writerows(table.tolist())  # Python floats: repr, so exact
    return file.getvalue()


def read_table(path: Path, rows: int) -> NDArray[np.void]:
    """Return the rows of a CSV file of results.

    Unknown columns are kept after the known ones, as whole numbers, numbers, Booleans or text.
    Known columns that the file lacks are empty: NaN, -1 or False.

    Args:
        path: of the file.
        rows: expected number of rows.

    Raises:
        FastadaptError: the file is damaged, truncated, or lacks one of `REQUIRED`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise damaged(path, f"it is not text: {error}") from None
    header, *lines = list(csv.reader(io.StringIO(text, newline=""))) or [[]]
    lacking = [name for name in REQUIRED if name not in header]
    if lacking or len(set(header)) < len(header) or "" in header:
        why = f"it lacks the column {lacking[0]}" if lacking else "a column is twice or nameless"
        raise damaged(path, why)
    if len(lines) != rows or not text.endswith("\n"):
        raise damaged(path, f"it ends early: {len(lines)} of {rows} rows")
    for number, line in enumerate(lines, 2):
        if len(line) != len(header):
            raise damaged(path, f"record {number} has {len(line)} of {len(header)} fields")
    texts = dict(zip(header, zip(*lines, strict=True), strict=True)) if lines else {}
    own = {name: values for name, values in texts.items() if name not in (COLUMNS.names or ())}
    extra = {name: _guessed(values) for name, values in own.items()}
    kinds = [(name, values.dtype) for name, values in extra.items()]
    table = np.zeros(rows, np.dtype([*((n, COLUMNS[n]) for n in COLUMNS.names or ()), *kinds]))
    for name in COLUMNS.names or ():
        kind = COLUMNS[name].kind
        given = texts.get(name)
        try:
            table[name] = _EMPTY[kind] if given is None else _parsed(path, name, kind, given)
        except OverflowError:
            raise damaged(path, f"the column {name} has a number that is too large") from None
    for name, values in extra.items():
        table[name] = values
    return table


def _parsed(path: Path, name: str, kind: str, texts: Sequence[str]) -> list[Any]:
    """Return the values of a known column; an empty field is a missing value."""
    values: list[Any] = []
    for number, text in enumerate(texts, 2):
        try:
            missing = text == "" and name not in REQUIRED
            values.append(_EMPTY[kind] if missing else _PARSE[kind](text))
        except (ValueError, KeyError) as error:
            raise damaged(path, f"record {number}, {name}: {error}") from error
    return values


def _guessed(texts: Sequence[str]) -> NDArray[Any]:
    """Return the values of an unknown column with the narrowest type that fits all."""
    for kind in "ibf":
        try:
            return np.array(
                [_PARSE[kind](t) for t in texts], {"i": "i8", "b": "?", "f": "f8"}[kind]
            )
        except (ValueError, KeyError, OverflowError):
            continue
    return np.array(texts)


def damaged(path: Path, why: str) -> FastadaptError:
    """Return the error for a file of results that cannot be read."""
    return FastadaptError(f"{path} is damaged ({why}). Evaluate again, or copy it again.")
