"""Logs in tables: CSV, Parquet and HDF5."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from fastadapt.adaptation.logs.reading.recording import Recording, from_table
from fastadapt.envs.arrays import Array
from fastadapt.envs.tasks.log_keys import LogColumn
from fastadapt.errors import FastadaptError

INSTALL = "Install it with pip install 'fastadapt[logs]'."


def read_csv(path: Path, clock: LogColumn) -> list[Recording]:
    """Read a CSV file with one line of names; empty cells are missing samples.

    Raises:
        FastadaptError: it is empty, a line is cut short, or a clock is no number.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file, dialect=_dialect(path)) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FastadaptError(f"'{path}' is no CSV file: {error}.") from None
    if len(lines) < 3:
        raise FastadaptError(f"'{path}' holds fewer than two samples; a log has a line of names.")
    head, body = [name.strip() for name in lines[0]], lines[1:]
    for number, line in enumerate(body, start=2):
        if len(line) != len(head):
            raise FastadaptError(
                f"'{path}' is damaged: line {number} has {len(line)} cells, the names {len(head)}. "
                "If the recording was cut off, delete its last line."
            )
    table = {name: _numbers([line[i] for line in body]) for i, name in enumerate(head)}
    return [from_table(str(path), {n: v for n, v in table.items() if v is not None}, clock)]


def read_parquet(path: Path, clock: LogColumn) -> list[Recording]:
    """Read a Parquet file; list columns become `name[0]`, `name[1]`, ...

    Raises:
        FastadaptError: pyarrow is not installed, or the file is damaged.
    """
    return [from_table(str(path), parquet_columns(path), clock)]


def parquet_columns(path: Path) -> dict[str, Array]:
    """Return the numbers of a Parquet file, `(n,)` or `(n, k)` by column."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise FastadaptError(f"Parquet files need pyarrow. {INSTALL}") from None
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise FastadaptError(
            f"'{path}' is no whole Parquet file, it may be cut off: {_line(error)}."
        ) from None
    found = {}
    for name in table.column_names:
        values = table[name].to_numpy(zero_copy_only=False)
        if values.dtype == object:
            try:
                values = np.array([np.asarray(row, float) for row in values], float)
            except (TypeError, ValueError):
                continue  # text, or lists of unequal length
        elif values.dtype.kind == "M":
            values = values.astype("datetime64[ns]").astype(np.int64) * 1e-9
        if values.dtype.kind in "fiub":
            found[name] = values.astype(np.float64)
    return found


def read_hdf5(path: Path, clock: LogColumn) -> list[Recording]:
    """Read an HDF5 file: every data set of numbers as long as the clock, called by its path.

    Raises:
        FastadaptError: h5py is not installed, or the file is damaged.
    """
    try:
        import h5py
    except ImportError:
        raise FastadaptError(f"HDF5 files need h5py. {INSTALL}") from None
    table: dict[str, Any] = {}

    def collect(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.ndim >= 1 and item.dtype.kind in "fiub":
            table[name] = item

    try:
        with h5py.File(path) as file:
            file.visititems(collect)
            length = len(table[str(clock.column)]) if str(clock.column) in table else None
            read = {name: np.asarray(item[()], np.float64) for name, item in table.items()
                    if len(item) == length and item.ndim <= 2}  # fmt: skip
            if length is None:
                read = dict.fromkeys(table, np.zeros(2))  # for the message: names alone
    except OSError as error:
        raise FastadaptError(
            f"'{path}' is no whole HDF5 file, it may be cut off: {_line(error)}."
        ) from None
    return [from_table(str(path), read, clock)]


def _dialect(path: Path) -> type[csv.Dialect] | csv.Dialect:
    with path.open(newline="", encoding="utf-8-sig") as file:
        first = file.readline()

    class Found(csv.excel):
        delimiter = max(",;\t", key=first.count)

    return Found


def _numbers(cells: list[str]) -> Array | None:
    """Return cells as numbers, not-a-number where empty; None where a cell is text."""
    try:
        return np.array([float(cell) if cell.strip() else np.nan for cell in cells])
    except ValueError:
        return None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200].rstrip(".")
