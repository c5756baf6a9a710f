"""Results as files: exact, complete or not there at all."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.adaptation.checkpoint import write_text
from fastadapt.adaptation.results import COLUMNS, Result
from fastadapt.envs.errors import FastadaptError

_NAMES = COLUMNS.names or ()


def table_text(table: NDArray[np.void]) -> str:
    """Return rows of `COLUMNS` as CSV with a head line."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_NAMES)
    writer.writerows(table.tolist())  # Python floats: repr, so exact
    return file.getvalue()


def save_result(result: Result, folder: Path) -> None:
    """Write `results.csv` and `summary.json`; see `Result.save`."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"rows": len(result.table), "meta": result.meta, "summary": result.summary()}
    try:
        text = json.dumps(content, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise FastadaptError(f"The meta data of a result must be JSON: {error}.") from error
    (folder / "summary.json").unlink(missing_ok=True)  # it says that the table is complete
    write_text(folder / "results.csv", table_text(result.table))
    write_text(folder / "summary.json", text + "\n")


def load_result(folder: Path) -> Result:
    """Return what `save_result` wrote; see `Result.load`."""
    for name in ("results.csv", "summary.json"):
        if not (folder / name).is_file():
            raise FastadaptError(
                f"{folder} is not a complete evaluation: it has no {name}. "
                "Give a folder that `fastadapt evaluate` wrote, or evaluate again."
            )
    try:
        content = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
        rows, meta = int(content["rows"]), dict(content["meta"])
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(folder / "summary.json", str(error)) from error
    return Result(read_table(folder / "results.csv", rows), meta)


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
