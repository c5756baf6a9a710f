"""A recorded log in memory: columns of numbers, each with its own times."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fastadapt.adaptation.logs.reading.units import unit_factor
from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.tasks.log_keys import LogColumn
from fastadapt.errors import FastadaptError, unknown_name

_MOST_MISSING = 0.2
"""Largest share of a column's samples that may be missing."""


@dataclass(frozen=True)
class Series:
    """The samples of one column, missing ones left out.

    Attributes:
        time: `(n,)` seconds, increasing.
        value: `(n,)` as recorded.
        missing: samples that were not-a-number.
    """

    time: Array
    value: Array
    missing: int = 0


@dataclass(frozen=True)
class Recording:
    """One uninterrupted recording.

    Attributes:
        name: of the file, with the number of the episode where a file holds several.
        columns: by name.
    """

    name: str
    columns: Mapping[str, Series]

    def column(self, name: str) -> Series:
        """Return a column.

        Raises:
            FastadaptError: there is none of that name.
        """
        if name not in self.columns:
            shown = sorted(self.columns)
            error = unknown_name(f"column in '{self.name}' called", name, shown[:40])
            more = f" (and {len(shown) - 40} more)" if len(shown) > 40 else ""
            raise FastadaptError(f"{error}{more} Correct the table [log] of the task set.")
        return self.columns[name]


def from_table(name: str, table: Mapping[str, ArrayLike], clock: LogColumn) -> Recording:
    """Return a recording from columns of equal length, one of them the clock.

    Args:
        name: for messages.
        table: `(n,)` numbers by column, not-a-number where a sample is missing; `(n, k)` arrays
            become k columns `name[0]`, `name[1]`, ...
        clock: the column of the times.

    Raises:
        FastadaptError: the clock is missing, runs backwards or has no numbers; or a column is
            mostly missing.
    """
    arrays = _flat(table)
    column = str(clock.column)
    if column not in arrays:
        raise FastadaptError(
            f"'{name}': {unknown_name('column for the clock called', column, list(arrays)[:40])} "
            "Name it under [log] as `time`."
        )
    time = arrays.pop(column) * unit_factor(clock.unit or "s", "s", column) * clock.scale
    known = np.isfinite(time)
    if known.sum() < 2:
        raise FastadaptError(f"'{name}': the clock '{column}' has no two times.")
    rows = np.flatnonzero(known)
    check_clock(name, time[rows], rows)
    return Recording(
        name, {key: _series(name, key, time[rows], value[rows]) for key, value in arrays.items()}
    )


def check_clock(name: str, time: Array, rows: Ids | None = None) -> None:
    """Refuse times that run backwards.

    Raises:
        FastadaptError: they do; the message names the first place.
    """
    back = np.flatnonzero(np.diff(time) < 0)
    if len(back):
        at = int(back[0])
        row = at + 1 if rows is None else int(rows[at + 1])
        raise FastadaptError(
            f"'{name}': time runs backwards at sample {row + 1}, from {time[at]:.6g} s to "
            f"{time[at + 1]:.6g} s. Cut the log there, or give the parts as separate files."
        )


def _series(name: str, key: str, time: Array, value: Array) -> Series:
    if np.isinf(value).any():
        at = int(np.flatnonzero(np.isinf(value))[0])
        raise FastadaptError(
            f"'{name}': column '{key}' is infinite at {time[at]:.6g} s. Repair or remove it."
        )
    known = np.isfinite(value)
    last = np.append(np.diff(time[known]) > 0, True)  # of samples at one time, the last counts
    return Series(time[known][last], value[known][last], int((~known).sum()))


def check_present(name: str, key: str, series: Series) -> None:
    """Refuse a column with too many missing samples.

    Raises:
        FastadaptError: it has.
    """
    total = len(series.value) + series.missing
    if len(series.value) < 2 or series.missing > _MOST_MISSING * total:
        raise FastadaptError(
            f"'{name}': column '{key}' lacks {series.missing} of {total} samples (NaN or empty); "
            f"at most {_MOST_MISSING:.0%} may be missing. Repair it, or take it out of [log]."
        )


def _flat(table: Mapping[str, ArrayLike]) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for key, given in table.items():
        values = np.asarray(given, np.float64)
        if values.ndim == 1:
            found[key] = values
        else:
            rows = values.reshape(len(values), -1)
            found |= {f"{key}[{i}]": rows[:, i] for i in range(rows.shape[1])}
    return found


def by_number(names: Sequence[str]) -> list[str]:
    """Return names sorted with their numbers as numbers: `x[2]` before `x[10]`."""

    def parts(name: str) -> list[int | str]:
        return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]

    return sorted(names, key=parts)
