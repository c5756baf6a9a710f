"""The zoo: trained runs that are part of the package, addressed as `zoo:NAME`."""

from __future__ import annotations

import os
import shutil
from importlib.resources import files
from pathlib import Path

from fastadapt.errors import FastadaptError, unknown_name

PREFIX = "zoo:"
_FOLDERS = ("agents", "references")


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
    target = Path("runs", name) if out is None else Path(out)
    config = target / "config.json"
    if config.is_file():
        if config.read_bytes() != (shipped[name] / "config.json").read_bytes():
            raise FastadaptError(
                f"'{target}' holds another run than {PREFIX}{name}; nothing was written. Choose "
                "another --out."
            )
        return target
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise FastadaptError(
            f"'{target}' exists and is not a copy of {PREFIX}{name}; nothing was written. Choose "
            "another --out."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.copying")
    shutil.rmtree(temporary, ignore_errors=True)
    shutil.copytree(shipped[name], temporary, symlinks=True)
    try:
        os.replace(temporary, target)  # an empty folder gives way
    except OSError:
        shutil.rmtree(temporary)
        if not config.is_file():
            raise
        return copy_from_zoo(name, out)  # another process was faster
    return target
