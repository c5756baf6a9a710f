"""Reading of logs, by what the path names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from fastadapt.adaptation.logs.reading.lerobot import INFO, read_lerobot
from fastadapt.adaptation.logs.reading.mcap_messages import read_mcap
from fastadapt.adaptation.logs.reading.recording import Recording
from fastadapt.adaptation.logs.reading.tables import read_csv, read_hdf5, read_parquet
from fastadapt.envs.tasks.log_keys import LogColumn
from fastadapt.errors import FastadaptError

Reader = Callable[[Path, LogColumn], list[Recording]]

READERS: dict[str, Reader] = {
    ".csv": read_csv,
    ".tsv": read_csv,
    ".parquet": read_parquet,
    ".mcap": read_mcap,
    ".h5": read_hdf5,
    ".hdf5": read_hdf5,
}
"""Readers by the ending of a file; folders are LeRobot data sets or ROS 2 bags."""


def read_logs(paths: Sequence[str | Path], clock: LogColumn) -> list[Recording]:
    """Read logs.

    Args:
        paths: files or folders.
        clock: the column of the times, for tables.

    Raises:
        FastadaptError: a path does not exist, is of no known format, or is damaged.
    """
    return [recording for path in paths for recording in _read(Path(path), clock)]


def _read(path: Path, clock: LogColumn) -> list[Recording]:
    if path.is_dir():
        return read_lerobot(path, clock) if (path / INFO).is_file() else read_mcap(path, clock)
    if not path.is_file():
        raise FastadaptError(f"There is no log '{path}'. Give files or folders that exist.")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise FastadaptError(
            f"'{path}' is no log that can be read: files end with {', '.join(READERS)}; a folder "
            "is a LeRobot data set or a ROS 2 bag."
        )
    return reader(path, clock)
