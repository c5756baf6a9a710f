"""Files of a custom robot: the MJCF file, its includes, meshes and textures."""

from __future__ import annotations

import difflib
import hashlib
import json
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path

from fastadapt.errors import FastadaptError

_FOLDERS = ("meshdir", "texturedir", "assetdir")
_XML = (".xml", ".mjcf", ".urdf")
_ENTRY = "robot.json"


@dataclass(frozen=True)
class ModelFiles:
    """An MJCF file and all files that it needs.

    Attributes:
        model: the MJCF file.
        files: the MJCF file, its includes, meshes and textures, sorted.
    """

    model: Path
    files: tuple[Path, ...]

    @cached_property
    def digest(self) -> str:
        """Hash of the content; comments and layout of XML files do not count."""
        return _digest(self.files)

    def copy(self, folder: Path) -> None:
        """Copy all files into a folder in which `kept` finds them.

        Raises:
            FastadaptError: a file has changed or gone since the robot was loaded.
        """
        if not all(file.is_file() for file in self.files) or _digest(self.files) != self.digest:
            raise FastadaptError(
                f"The files of '{self.model}' have changed since it was loaded. Load it again."
            )
        top = Path(*_shared([file.parent.parts for file in self.files]))
        for file in self.files:
            target = folder / file.relative_to(top)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        entry = {"model": self.model.relative_to(top).as_posix()}
        (folder / _ENTRY).write_text(json.dumps(entry), encoding="utf-8")


def _digest(files: Iterable[Path]) -> str:
    parts = []
    for file in files:
        content = file.read_bytes()
        if file.suffix in _XML:
            # Canonical XML has no comments, and its attributes are sorted.
            content = ET.canonicalize(content.decode(), strip_text=True).encode()
        parts.append(hashlib.sha256(content).hexdigest())
    return hashlib.sha256("".join(sorted(parts)).encode()).hexdigest()


def model_files(model: str, origin: Path | None) -> ModelFiles:
    """Find the files of a robot.

    Args:
        model: a path, relative to the folder of `origin`; `package:<package>/<path in it>`; or
            `menagerie:<robot>` or `menagerie:<robot>/<entry>`.
        origin: the task-set file that names the model; None: relative to the working directory.

    Raises:
        FastadaptError: there is no such file or package, or the file is no XML.
    """
    found = (origin and kept(origin)) or _locate(model, origin).resolve()
    return ModelFiles(found, tuple(sorted(_closure(found))))


def kept_folder(origin: Path) -> Path:
    """Return the folder beside a task-set file for a copy of its robot."""
    return origin.with_name(origin.name.removesuffix(".toml") + ".robot")


def kept(origin: Path) -> Path | None:
    """Return the model that was copied beside a task-set file, or None."""
    entry = kept_folder(origin) / _ENTRY
    if not entry.is_file():
        return None
    return (entry.parent / json.loads(entry.read_text(encoding="utf-8"))["model"]).resolve()


def _locate(model: str, origin: Path | None) -> Path:
    if model.startswith("package:"):
        return _in_package(model.removeprefix("package:"))
    if model.startswith("menagerie:"):
        return _in_menagerie(model.removeprefix("menagerie:"))
    folder = origin.parent if origin is not None else Path()
    path = folder / Path(model).expanduser()
    if not path.is_file():
        near = _nearest(path.name, (p.name for p in path.parent.glob("*.xml")))
        raise FastadaptError(
            f"There is no model '{model}' (looked for '{path}').{near} Give a path relative to the "
            "task-set file, package:<package>/<path>, or menagerie:<robot>."
        )
    return path


def _in_package(place: str) -> Path:
    package, _, inside = place.partition("/")
    spec = find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise FastadaptError(
            f"The model 'package:{place}' is in the Python package '{package}', which is not "
            f"installed. Install it, e.g. pip install {package.replace('_', '-')}"
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
    import mujoco_menagerie

    robot, _, entry = place.partition("/")
    try:
        return mujoco_menagerie.get(robot).xml(entry or None)
    except (mujoco_menagerie.MenagerieError, OSError) as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise FastadaptError(f"The model 'menagerie:{place}' is not available: {reason}.") from None


def _closure(model: Path) -> set[Path]:
    """Return the existing files that a model needs; the compiler reports missing ones."""
    roots: dict[Path, ET.Element] = {}
    pending = [model]
    while pending:
        path = pending.pop()
        if path in roots:
            continue
        roots[path] = _parse(path)
        inner = [e.get("file") for tag in ("include", "model") for e in roots[path].iter(tag)]
        pending += [found for name in inner if name and (found := _first(name, path, model))]
    folders = [
        model.parent / value
        for root in roots.values()
        for compiler in root.iter("compiler")
        for key in _FOLDERS
        if (value := compiler.get(key))
    ]
    files = set(roots)
    for path, root in roots.items():
        for name in _named_files(root):
            places = [*(folder / name for folder in folders), model.parent / name]
            places += [path.parent / name]
            files |= {place.resolve() for place in places if place.is_file()}
    return files


def _named_files(root: ET.Element) -> set[str]:
    """Return the values of all file attributes (a cube texture has six)."""
    return {
        value for e in root.iter() for key, value in e.attrib.items() if key.startswith("file")
    } | {mesh.get("filename", "") for mesh in root.iter("mesh")} - {""}


def _first(name: str, including: Path, model: Path) -> Path | None:
    places = (model.parent / name, including.parent / name)
    return next((place.resolve() for place in places if place.is_file()), None)


def _parse(path: Path) -> ET.Element:
    try:
        return ET.parse(path).getroot()
    except (ET.ParseError, UnicodeDecodeError) as error:
        raise FastadaptError(f"'{path}' is not valid XML: {error}.") from None


def _shared(parts: list[tuple[str, ...]]) -> list[str]:
    """Return the leading folders that all paths have in common."""
    count = 0
    for column in zip(*parts, strict=False):
        if len(set(column)) > 1:
            break
        count += 1
    return list(parts[0][:count])


def _nearest(name: str, names: Iterable[str]) -> str:
    found = difflib.get_close_matches(name, list(names), n=3, cutoff=0.4)
    return f" Near to it: {', '.join(found)}." if found else ""
