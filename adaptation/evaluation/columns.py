"""The table of results as files for other programs: CSV always, Parquet where pyarrow is there."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.adaptation.runs.checkpoint import write_text
from fastadapt.errors import FastadaptError

COLUMNS = np.dtype([
    ("agent", "U64"), ("seed", "i8"), ("task_set", "U64"), ("split", "U64"), ("task_id", "U16"),
    ("shot", "i4"), ("episode", "i4"), ("return", "f8"), ("distance", "f8"), ("energy", "f8"),
    ("length", "i4"), ("fell", "?"), ("diverged", "?"), ("adaptation_env_steps", "i8"),
    ("adaptation_gradient_steps", "i8"), ("adaptation_seconds", "f8"),
])  # fmt: skip
"""One row per agent, seed, task set, split, task, shot and evaluation episode.

`distance` in metres, `energy` in joules (see `trial.Episodes`), `length` in control steps; the
`adaptation_` columns are what the agent has spent on the task before this shot, since the trial
began.
"""
_NAMES = COLUMNS.names or ()


def write_tables(table: NDArray[np.void], folder: Path) -> list[Path]:
    """Write `results.csv`, and `results.parquet` if pyarrow is installed; return what was written.

    One row per agent, seed, task set, split, task, shot and measured episode, as `COLUMNS` says.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "results.csv", table_text(table))
    written = [folder / "results.csv"]
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return written
    columns = {name: table[name].tolist() for name in COLUMNS.names or ()}
    path = folder / "results.parquet"
    temporary = path.with_name(f".{path.name}.writing")
    pyarrow.parquet.write_table(pyarrow.table(columns), temporary)
    temporary.replace(path)
    return [*written, path]


def table_text(table: NDArray[np.void]) -> str:
    """Return rows of `COLUMNS` as CSV with a head line."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_NAMES)
    writer.writerows(table.tolist())  # Python floats: repr, so exact
    return file.getvalue()


def read_table(path: Path, rows: int) -> NDArray[np.void]:
    """Return the rows of a CSV file that `table_text` made.

    Args:
        path: of the file.
        rows: how many there must be.

    Raises:
        FastadaptError: the file is damaged, or ends early.
    """
    parse = {"U": str, "i": int, "f": float, "b": {"True": True, "False": False}.__getitem__}
    parsers = [parse[COLUMNS[name].kind] for name in _NAMES]
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _damaged(path, f"it is no text: {error}") from None
    lines = list(csv.reader(io.StringIO(text, newline="")))
    if not lines or lines[0] != list(_NAMES):
        raise _damaged(path, f"its first line is not {','.join(_NAMES)}")
    if len(lines) != rows + 1 or not text.endswith("\n"):
        raise _damaged(path, f"it ends early: {len(lines) - 1} of {rows} rows")
    records: list[tuple[Any, ...]] = []
    for number, line in enumerate(lines[1:], 2):
        try:
            fields = zip(parsers, line, strict=True)
            records.append(tuple(parser(field) for parser, field in fields))
        except (ValueError, KeyError) as error:
            raise _damaged(path, f"record {number}: {error}") from error
    return np.array(records, COLUMNS)


def _damaged(path: Path, why: str) -> FastadaptError:
    return FastadaptError(f"{path} is damaged ({why}). Evaluate again, or copy it again.")
