"""The log of a training: `metrics.jsonl`, and the same numbers for TensorBoard."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from fastadapt.adaptation.runs.files import write_text

if TYPE_CHECKING:
    from fastadapt.adaptation.runs.run import Run

Write = Callable[[Mapping[str, float]], None]
"""Writes the metrics of an iteration, its number among them."""


@contextmanager
def metrics_log(run: Run, done: int) -> Iterator[Write]:
    """Open the log of a run, truncated to the completed iterations.

    Raises:
        OSError: a file cannot be written, e.g. on a full disk; the error names it.
    """
    path = run.path / "metrics.jsonl"
    kept = [row for row in run.metrics() if row["iteration"] <= done]
    write_text(path, "".join(json.dumps(row) + "\n" for row in kept))
    with path.open("a", encoding="utf-8") as file, Board(run.path / "tensorboard", done) as board:

        def write(row: Mapping[str, float]) -> None:
            try:
                file.write(json.dumps(row) + "\n")
                file.flush()
                os.fsync(file.fileno())  # a checkpoint never has more iterations than this file
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(path)) from None
            board.write(row)

        yield write


class Board:
    """An event file of TensorBoard, written in the calling thread.

    The writer of torch has a thread, whose errors end in a traceback beside our own sentence.
    """

    def __init__(self, folder: Path, done: int) -> None:
        self._path = folder
        self._done = done

    def __enter__(self) -> Self:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
        try:
            self._path.mkdir(exist_ok=True)
            self._path = self._path / name
            file: BinaryIO = self._path.open("xb")
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from None
        self._records = RecordWriter(file)
        # Of an interrupted training, what was logged after the last checkpoint is discarded.
        events: Any = event_pb2  # its classes are made when it is imported
        session = events.SessionLog(status=events.SessionLog.START)
        try:
            self._put(events.Event(file_version="brain.Event:2"))
            self._put(events.Event(step=self._done + 1, session_log=session))
        except OSError:
            with contextlib.suppress(OSError):
                self._records.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._records.close()
        except OSError as found:
            if error is None:  # else there is a sentence about the full disk already
                raise OSError(found.errno, found.strerror, str(self._path)) from None

    def write(self, row: Mapping[str, float]) -> None:
        """Write the metrics of an iteration.

        Raises:
            OSError: the file cannot be written.
        """
        from tensorboard.compat.proto import event_pb2, summary_pb2

        events: Any = event_pb2
        summary: Any = summary_pb2.Summary  # pyright: ignore[reportAttributeAccessIssue]
        values = [summary.Value(tag=name, simple_value=value) for name, value in row.items()]
        self._put(events.Event(step=int(row["iteration"]), summary=summary(value=values)))

    def _put(self, event: Any) -> None:
        event.wall_time = time.time()
        try:
            self._records.write(event.SerializeToString())
            self._records.flush()
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from None
