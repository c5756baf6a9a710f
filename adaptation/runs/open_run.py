"""Opening whatever a command accepts as RUN."""

from __future__ import annotations

from pathlib import Path

from fastadapt.adaptation.runs.external import is_external, load_external
from fastadapt.adaptation.runs.run import Run, load_run
from fastadapt.adaptation.runs.zoo import PREFIX, copy_from_zoo
from fastadapt.errors import FastadaptError


def open_run(where: str | Path | Run, out: str | Path | None = None) -> Run:
    """Open a run directory, the directory of an external agent, or a run of the zoo.

    Args:
        where: a path, `zoo:NAME`, or a run that is open already.
        out: with `zoo:NAME`: directory of the copy that takes its evaluations (default:
            `runs/NAME`).

    Raises:
        FastadaptError: it is none of them, or `out` was given for a run with a directory.
    """
    if isinstance(where, Run):
        return where
    text = str(where)
    if text.startswith(PREFIX):
        return load_run(copy_from_zoo(text.removeprefix(PREFIX), out))
    if out is not None:
        raise FastadaptError(
            f"--out is for runs of the zoo; the evaluations of '{text}' are saved in its own "
            "directory. Leave out --out."
        )
    path = Path(where)
    return load_external(path) if is_external(path) else load_run(path)
