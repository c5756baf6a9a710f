"""Places of robot models: a path, an installed Python package, or the MuJoCo Menagerie."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from fastadapt.errors import FastadaptError


def locate(model: str, origin: Path | None) -> Path:
    """Return the file of a model.

    Args:
        model: a path, relative to the folder of `origin`; `package:<package>/<path in it>`; or
            `menagerie:<robot>` or `menagerie:<robot>/<entry>`.
        origin: the task-set file that names the model; None: relative to the working directory.

    Raises:
        FastadaptError: there is no such file or package.
    """
    if model.startswith("package:"):
        return _in_package(model.removeprefix("package:"))
    if model.startswith("menagerie:"):
        return _in_menagerie(model.removeprefix("menagerie:"))
    folder = origin.parent if origin is not None else Path()
    try:
        path = folder / Path(model).expanduser()
        missing = not path.is_file()
    except (RuntimeError, OSError, ValueError) as error:
        why = str(error).rstrip(".")
        raise FastadaptError(f"The model '{model[:200]}' is not a path: {why}.") from None
    if missing:
        near = _nearest(path.name, (p.name for p in path.parent.glob("*.xml")))
        raise FastadaptError(
            f"There is no model '{model}' (looked for '{path}').{near} Give a path relative to the "
            "task-set file, package:<package>/<path>, or menagerie:<robot>."
        )
    return path


def _in_package(place: str) -> Path:
    package, _, inside = place.partition("/")
    try:
        spec = find_spec(package) if package.isidentifier() else None
    except ValueError:  # a module that was not imported from a file, such as __main__
        spec = None
    if spec is None and package.isidentifier() and package != "__main__":
        raise FastadaptError(
            f"The model 'package:{place}' is in the Python package '{package}', which is not "
            f"installed. Install it, e.g. pip install {package.replace('_', '-')}"
        )
    if spec is None or not spec.submodule_search_locations:
        raise FastadaptError(
            f"The model 'package:{place}' is in no Python package: '{package:.60}' has no folder "
            "of files. Give package:<package>/<path in it>."
        )
    folder = Path(next(iter(spec.submodule_search_locations)))
    path = folder / inside
    if not path.is_file():
        near = _nearest(inside, (p.relative_to(folder).as_posix() for p in folder.rglob("*.xml")))
        raise FastadaptError(f"There is no file '{inside}' in the package '{package}'.{near}")
    return path


def _in_menagerie(place: str) -> Path:
    if find_spec("mujoco_menagerie") is None:
        raise FastadaptError(
            f"The model 'menagerie:{place}' needs the package mujoco-menagerie, which is not "
            "installed: pip install mujoco-menagerie"
        )
    import mujoco_menagerie  # pyright: ignore[reportMissingImports]  (an extra)

    robot, _, entry = place.partition("/")
    try:
        return mujoco_menagerie.get(robot).xml(entry or None)
    except (mujoco_menagerie.MenagerieError, OSError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise FastadaptError(f"The model 'menagerie:{place}' is not available: {reason}.") from None


def _nearest(name: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(names), n=3, cutoff=0.4)
    return f" Near to it: {', '.join(found)}." if found else ""
