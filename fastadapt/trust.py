"""Consent to run code, or open a pickle, that comes with a file instead of with the installation.

A run directory and a task-set file are data. What ships, and what installed packages register as
entry points, may be imported on their behalf; any other module, class or pickle that they name
needs the consent of the user.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from fastadapt.errors import FastadaptError

_RUN_FILES = ("config.json", "external.json", "guest.json")
_reading: ContextVar[Path | None] = ContextVar("reading", default=None)
_consent: ContextVar[bool] = ContextVar("consent", default=False)
_files_are_data: ContextVar[bool] = ContextVar("files_are_data", default=False)


class UntrustedError(FastadaptError):
    """Code or a pickle that a file names was refused, and did not run."""


@contextmanager
def consent() -> Iterator[None]:
    """Let code and pickles that files name run inside the block, as --trust does."""
    token = _consent.set(True)
    try:
        yield
    finally:
        _consent.reset(token)


@contextmanager
def command_line(trusted: bool) -> Iterator[None]:
    """Treat every file that a command is given as data, unless the command has --trust."""
    tokens = _files_are_data.set(True), _consent.set(trusted)
    try:
        yield
    finally:
        _files_are_data.reset(tokens[0])
        _consent.reset(tokens[1])


@contextmanager
def reading(path: Path, trusted: bool = False) -> Iterator[None]:
    """Attribute every name that is looked up inside the block to a file or a run directory.

    Args:
        path: of the file or directory, for messages.
        trusted: it was written by this process, or its reader gave consent.
    """
    tokens = _reading.set(path), _consent.set(trusted or _consent.get())
    try:
        yield
    finally:
        _reading.reset(tokens[0])
        _consent.reset(tokens[1])


@contextmanager
def reading_task_set(path: Path) -> Iterator[None]:
    """As `reading`, for a task-set file: one in a run directory, or given to a command, is data.

    In Python, a file elsewhere is named by the program itself, which is consent.
    """
    data = _files_are_data.get() or any((path.parent / name).is_file() for name in _RUN_FILES)
    with reading(path, trusted=not data):
        yield


def consented() -> bool:
    """Return whether code and pickles that files name may run."""
    return _consent.get()


def ask(what: str) -> None:
    """Announce code that a file names, or refuse it; names that no file gave are the user's own.

    Args:
        what: the code, e.g. `"the agent 'module:Class'"`.

    Raises:
        UntrustedError: there is no consent.
    """
    path = _reading.get()
    if path is not None:
        _decide(f"'{path}'", what)


def ask_always(path: Path, what: str) -> None:
    """As `ask`, for a file that can run code however it was named, such as a pickle.

    Raises:
        UntrustedError: there is no consent.
    """
    _decide(f"'{path}'", what)


def _decide(source: str, what: str) -> None:
    if not _consent.get():
        raise UntrustedError(
            f"{source} wants to run {what:.200}, which is not part of fastadapt or of an installed "
            "plugin; nothing was run. If you trust its author, add --trust (in Python: "
            "trust=True, or `with fastadapt.trust.consent():`)."
        )
    if _files_are_data.get():
        print(f"fastadapt: {source} runs {what:.200} (--trust).", file=sys.stderr)
