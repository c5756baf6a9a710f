"""Opening whatever a command accepts as RUN."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from fastadapt.adaptation.runs.external import is_external, load_external
from fastadapt.adaptation.runs.files import EVALUATING, locked
from fastadapt.adaptation.runs.run import Run, load_run
from fastadapt.adaptation.runs.zoo import PREFIX, copy_from_zoo, copy_run

F = TypeVar("F", bound=Callable[..., Any])


def one_evaluation(function: F) -> F:
    """Let a function evaluate its first argument, a run, while no other process does.

    A second process waits, and then finds what the first one completed.
    """

    @functools.wraps(function)
    def alone(run: str | Path | Run, *args: Any, out: Any = None, **options: Any) -> Any:
        opened = open_run(run, out)
        with locked(opened.path, EVALUATING, wait=True):
            return function(opened, *args, **options)

    return alone  # pyright: ignore[reportReturnType]


def open_run(where: str | Path | Run, out: str | Path | None = None, trust: bool = False) -> Run:
    """Open a run directory, the directory of an external agent, or a run of the zoo.

    Args:
        where: a path, `zoo:NAME`, or a run that is open already.
        out: directory of a copy that takes the evaluations in place of the run's own, which is
            then not written to (default for runs of the zoo: `runs/NAME`).
        trust: let the run import Python code that it names, and open pickles (see
            `fastadapt.trust`).

    Raises:
        FastadaptError: it is none of them, or `out` holds other files.
    """
    if isinstance(where, Run):
        return where
    text = str(where)
    if text.startswith(PREFIX):
        return load_run(copy_from_zoo(text.removeprefix(PREFIX), out))
    path = Path(where)
    if out is not None:
        _opened(path, trust)
        path = copy_run(path, Path(out))
    return _opened(path, trust)


def _opened(path: Path, trust: bool) -> Run:
    """Open a directory as what it is."""
    return load_external(path, trust) if is_external(path) else load_run(path, trust)
