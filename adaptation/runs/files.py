"""Files of a run directory: atomic writing, and the lock of its one writer."""

from __future__ import annotations

import contextlib
import itertools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastadapt.errors import FastadaptError
from fastadapt.trust import UntrustedError, consented

_numbers = itertools.count()
LOCK, EVALUATING = ".lock", ".evaluating"
"""Names of the files that trainings and evaluations lock; both may run at the same time."""


class RunInUseError(FastadaptError):
    """Another process writes into the directory."""


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, with the permissions that the umask gives.

    Raises:
        OSError: it cannot be written; an older file remains as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{next(_numbers)}.writing")
    try:
        with temporary.open("x", encoding="utf-8") as file:  # of this process and call alone
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from None


def check_inside(path: Path) -> None:
    """Refuse a run directory from which a link leads out, unless there is consent.

    What is written there would land in another folder, and old checkpoints be deleted there.

    Raises:
        UntrustedError: a file or folder of the run is such a link.
    """
    if consented():
        return
    home = Path(os.path.realpath(path))
    inner = (path / name for name in ("", "checkpoints", "evaluations", "report", "task_set.robot"))
    entries = (entry for folder in inner if folder.is_dir() for entry in folder.iterdir())
    for entry in entries:
        target = Path(os.path.realpath(entry))  # a loop of links ends somewhere too
        if entry.is_symlink() and not target.is_relative_to(home):
            raise UntrustedError(
                f"'{entry}' is a link that leads out of the run, to '{os.readlink(entry):.200}'; "
                "nothing was read or written there. Put a copy in its place, or add --trust."
            )


@contextmanager
def locked(path: Path, name: str = LOCK, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a directory, which is made if it is missing, while the block writes there.

    The lock ends with the process, however it ends.

    Args:
        path: of the directory.
        name: of the file that is locked: `LOCK` for training, `EVALUATING` for evaluations.
        wait: until another process is done, in place of an error.

    Raises:
        RunInUseError: another process, or another thread of this one, holds the lock.
    """
    import fcntl

    try:
        path.mkdir(parents=True, exist_ok=True)
        file = (path / name).open("a", encoding="utf-8")
    except OSError as error:
        raise FastadaptError(
            f"'{path}' cannot be written: {error.strerror}. Choose another folder with --out."
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if not wait:
                raise RunInUseError(
                    f"Another process is training in '{path}'. Wait for it, or choose another "
                    "--out."
                ) from None
            print(f"fastadapt: waiting for another process in '{path}'.", file=sys.stderr)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
