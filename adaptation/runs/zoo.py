"""The zoo: trained runs that are part of the package, addressed as `zoo:NAME`."""

from __future__ import annotations

import os
import shutil
from importlib.resources import files
from pathlib import Path

from fastadapt.errors import FastadaptError, unknown_name

PREFIX = "zoo:"
_FOLDERS = ("agents", "references")
_DESCRIPTIONS = ("config.json", "external.json", "guest.json")
_LEFT = shutil.ignore_patterns(
    "evaluations", "report", "tensorboard", "replay.safetensors", ".lock", ".evaluating"
)
"""Parts of a run that evaluation does not need, or writes anew."""


def zoo_runs() -> dict[str, Path]:
    """Return the directories of the shipped runs by name: `pearl-reacher-damage`, ..."""
    home = Path(str(files("fastadapt.assets")))
    return {
        file.parent.relative_to(home / folder).as_posix(): file.parent
        for folder in _FOLDERS
        for pattern in ("*/config.json", "*/*/config.json")
        for file in sorted((home / folder).glob(pattern))
    }


def copy_from_zoo(name: str, out: str | Path | None = None) -> Path:
    """Copy a shipped run, whose own directory is read-only, and return the copy.

    A copy that exists already is returned with the evaluations that it has gathered.

    Args:
        name: of the run, without `zoo:`.
        out: directory of the copy (default: `runs/<name>`).

    Raises:
        FastadaptError: there is no such run, or `out` holds other files.
    """
    shipped = zoo_runs()
    if name not in shipped:
        raise unknown_name("run in the zoo called", name, shipped)
    return copy_run(shipped[name], Path("runs", name) if out is None else Path(out))


def copy_run(source: Path, target: Path) -> Path:
    """Copy what evaluation needs of a run, and return the copy, which takes its evaluations.

    A copy that exists already is returned with the evaluations that it has gathered.

    Raises:
        FastadaptError: `target` holds other files.
    """
    kept = next((name for name in _DESCRIPTIONS if (source / name).is_file()), _DESCRIPTIONS[0])
    config = target / kept
    if config.is_file():
        if config.read_bytes() != (source / kept).read_bytes():
            raise FastadaptError(
                f"'{target}' holds another run than '{source}'; nothing was written. Choose "
                "another --out."
            )
        return target
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FastadaptError(
            f"'{target}' exists and is not a copy of '{source}'; nothing was written. Choose "
            "another --out."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.copying")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(source, temporary, symlinks=True, ignore=_LEFT)
    try:
        os.replace(temporary, target)  # an empty folder gives way
    except OSError:
        shutil.rmtree(temporary)
        if not config.is_file():
            raise
        return copy_run(source, target)  # another process was faster
    return target
