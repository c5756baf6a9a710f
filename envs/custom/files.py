"""Files of a custom robot: the MJCF file, its includes, meshes and textures."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import mujoco

from fastadapt.envs.custom.places import locate
from fastadapt.envs.custom.references import (
    FOLDERS,
    Document,
    Reference,
    documents_of,
    opened_names,
    parse,
    plain,
)
from fastadapt.errors import FastadaptError

_ENTRY = "robot.json"
Edits = tuple[tuple[str, str, str], ...]
"""Attributes of an XML file: name, value, and the value in a copy."""


@dataclass(frozen=True)
class ModelFile:
    """A file of a robot.

    Attributes:
        path: where it is.
        target: where MuJoCo finds it in a copy of the robot; the same, but for absolute paths.
        edits: the attributes that differ in a copy of an XML file; None: not an XML file.
    """

    path: Path
    target: Path
    edits: Edits | None = None

    def content(self) -> bytes:
        """Return the content that a copy has."""
        content = self.path.read_bytes()
        return ET.tostring(self._edited(content), "utf-8") if self.edits else content

    def digest(self) -> str:
        """Return a hash of the content; comments and layout of XML files do not count."""
        content = self.path.read_bytes()
        if self.edits is not None:
            content = self._canonical(content).encode()
        return hashlib.sha256(content).hexdigest()

    def _canonical(self, content: bytes) -> str:
        """Return canonical XML, which has no comments and sorted attributes."""
        try:
            text = content.decode()
            if not self.edits:
                return ET.canonicalize(text, strip_text=True)
        except (UnicodeDecodeError, ET.ParseError, ValueError):
            pass
        return ET.canonicalize(ET.tostring(self._edited(content), "unicode"), strip_text=True)

    def _edited(self, content: bytes) -> ET.Element:
        root = parse(content, self.path)
        for element in root.iter():
            for attribute, old, new in self.edits or ():
                if element.get(attribute) == old:
                    element.set(attribute, new)
        return root


@dataclass(frozen=True)
class ModelFiles:
    """An MJCF file and all files that MuJoCo opens for it.

    Attributes:
        model: the MJCF file.
        files: the MJCF file, its includes, meshes and textures, sorted.
        top: the folder that a copy stands for.
        missing: names of files that MuJoCo opens and that are not found.
    """

    model: Path
    files: tuple[ModelFile, ...]
    top: Path
    missing: frozenset[str] = frozenset()

    @cached_property
    def digest(self) -> str:
        """Hash of the content; comments and layout of XML files do not count."""
        return _digest(self.files)

    def spec(self) -> mujoco.MjSpec:
        """Read the model.

        Raises:
            FastadaptError: MuJoCo cannot read it.
        """
        return read_spec(self.model)

    def copy(self, folder: Path) -> None:
        """Copy all files into a folder in which `kept` finds them.

        Raises:
            FastadaptError: a file has changed or gone since the robot was loaded, or the copy
                would not be whole.
        """
        if not all(file.path.is_file() for file in self.files) or (
            _digest(self.files) != self.digest
        ):
            raise FastadaptError(
                f"The files of '{self.model}' have changed since it was loaded. Load it again."
            )
        for file in self.files:
            target = folder / file.target.relative_to(self.top)
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.edits:
                target.write_bytes(file.content())
            else:
                shutil.copyfile(file.path, target)
        model = self.model.relative_to(self.top)
        (folder / _ENTRY).write_text(json.dumps({"model": model.as_posix()}), encoding="utf-8")
        copied = files_of(plain(folder.absolute() / model))
        if copied.digest != self.digest or copied.missing:
            raise FastadaptError(
                f"MuJoCo does not find all files of '{self.model}' in a copy of its folder. Name "
                "them relative to the model, below its folder."
            )


def model_files(model: str, origin: Path | None) -> ModelFiles:
    """Find the files of a robot.

    Args:
        model: a path, relative to the folder of `origin`; `package:<package>/<path in it>`; or
            `menagerie:<robot>` or `menagerie:<robot>/<entry>`.
        origin: the task-set file that names the model; None: relative to the working directory.

    Raises:
        FastadaptError: there is no such file or package, the file is no model, or a file that it
            names cannot be kept.
    """
    found = (origin and kept(origin)) or locate(model, origin)
    return files_of(plain(found.absolute()))


def files_of(model: Path) -> ModelFiles:
    """Find the files of a model.

    Raises:
        FastadaptError: the file is no model, or a file that it names cannot be kept.
    """
    documents = documents_of(model)
    opened = opened_names(read_spec(model))
    plan = _Plan(model, documents)
    for document in documents:
        for reference in document.references:
            plan.add(document, reference, opened)
    found = {name for d in documents for r in d.references for name in r.known_as()}
    return ModelFiles(model, plan.files(), plan.top(), frozenset(opened - found))


def kept_folder(origin: Path) -> Path:
    """Return the folder beside a task-set file for a copy of its robot."""
    return origin.with_name(origin.name.removesuffix(".toml") + ".robot")


def kept(origin: Path) -> Path | None:
    """Return the model that was copied beside a task-set file, or None.

    Raises:
        FastadaptError: the entry of the copy is damaged.
    """
    entry = kept_folder(origin) / _ENTRY
    if not entry.is_file():
        return None
    try:
        model = json.loads(entry.read_text(encoding="utf-8"))["model"]
        found = entry.parent / model
        if found.is_file() and found.resolve().is_relative_to(entry.parent.resolve()):
            return found
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    raise FastadaptError(
        f"'{entry}' is damaged: it does not name a model below its folder. Copy the run again."
    )


def read_spec(model: Path) -> mujoco.MjSpec:
    """Read an MJCF or URDF file, whatever its name ends with.

    Raises:
        FastadaptError: MuJoCo cannot read it.
    """
    try:
        if model.suffix in (".xml", ".urdf"):
            return mujoco.MjSpec.from_file(str(model))
        # MuJoCo tells the format from the name: lend it one in the same folder.
        lent = str(model.with_name(f"{model.name}.xml"))
        return mujoco.MjSpec.from_file(lent, include={lent: model.read_bytes()})
    except (ValueError, RuntimeError, mujoco.FatalError) as error:
        raise FastadaptError(f"MuJoCo cannot read '{model}': {one_line(error)}") from None


def one_line(error: Exception) -> str:
    """Return the message of MuJoCo as part of a sentence."""
    what, _, where = str(error).replace("Error:", "").strip().partition("\nElement ")
    words = " ".join(what.split()).rstrip(".")
    return f"{words} (element {where.removeprefix('name ').strip()})." if where else f"{words}."


@dataclass
class _Plan:
    """Collects the files of a model, and what a copy changes so that it finds them."""

    model: Path
    documents: list[Document]
    found: dict[Path, Path] = field(default_factory=dict)
    edits: dict[Path, set[tuple[str, str, str]]] = field(default_factory=dict)
    passed: list[Path] = field(default_factory=list)

    def add(self, document: Document, reference: Reference, opened: set[str]) -> None:
        """Add a reference that MuJoCo opens; refuse one that a copy must not hold."""
        nested = reference.tag in ("include", "model")
        read = nested or reference.tag == "flexcomp" or reference.attribute == "filename"
        if not read and not reference.known_as() & opened:
            if not self._own(reference.path):
                raise FastadaptError(
                    f"'{self.model}' names '{reference.name}' (attribute {reference.attribute} of "
                    f"<{reference.tag}>), which MuJoCo does not open and which is outside of the "
                    "model's folder. Remove that attribute."
                )
            return
        if reference.attribute == "filename" and not reference.known_as() & opened:
            return  # what a URDF only shows
        if reference.absolute:
            self._add_absolute(document, reference, nested)
            return
        target = self._target(document, reference)
        self.found.setdefault(target, reference.path)
        if target == reference.path:
            self.passed.append(reference.through)

    def files(self) -> tuple[ModelFile, ...]:
        """Return all files, sorted by their places in a copy."""
        trees = {path for document in self.documents for path in document.trees}
        own = [ModelFile(p, p, tuple(sorted(self.edits.get(p, ())))) for p in trees]
        assets = [ModelFile(p, target) for target, p in self.found.items() if p not in trees]
        return tuple(sorted([*own, *assets], key=lambda file: str(file.target)))

    def top(self) -> Path:
        """Return the folder that holds all places in a copy, and those that are passed."""
        folders = [file.target.parent for file in self.files()] + self.passed
        return Path(*_shared([folder.parts for folder in folders]))

    def _own(self, path: Path) -> bool:
        """Return whether a file is below the model's folders or a declared asset folder."""
        folders = {folder for document in self.documents for folder in document.folders()}
        return any(path.is_relative_to(folder) for folder in folders)

    def _target(self, document: Document, reference: Reference) -> Path:
        """Return the place of an asset in a copy, where absolute asset folders are beside it."""
        for key in FOLDERS:
            declared = document.folder(key)
            if not Path(declared).is_absolute():
                continue
            beside = f"absolute_{key}"
            for source in document.trees:
                self.edits.setdefault(source, set()).add((key, declared, beside))
            if reference.path.is_relative_to(plain(Path(declared))):
                inside = reference.path.relative_to(plain(Path(declared)))
                return document.main.parent / beside / inside
        return reference.path

    def _add_absolute(self, document: Document, reference: Reference, nested: bool) -> None:
        path, base = reference.path, document.main.parent
        if not (path.is_relative_to(self.model.parent) if nested else self._own(path)):
            raise FastadaptError(
                f"'{self.model}' names '{reference.name}' by an absolute path outside of the "
                "model's folder, so no copy of the robot can hold it. Name it by a relative path, "
                "or declare its folder as meshdir or texturedir in <compiler>."
            )
        new = os.path.relpath(path, base)
        if not nested:
            key = "texturedir" if reference.tag == "texture" else "meshdir"
            inner = document.folder("assetdir", key)
            inner = inner if not Path(inner).is_absolute() else f"absolute_{key}"
            hashed = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
            new = f"{hashed}{path.suffix}"
            self.found.setdefault(plain(base / inner / new), path)
        edit = (reference.attribute, reference.name, new)
        self.edits.setdefault(reference.source, set()).add(edit)


def _digest(files: Iterable[ModelFile]) -> str:
    return hashlib.sha256("".join(sorted(file.digest() for file in files)).encode()).hexdigest()


def _shared(parts: list[tuple[str, ...]]) -> list[str]:
    """Return the leading folders that all paths have in common."""
    count = 0
    for column in zip(*parts, strict=False):
        if len(set(column)) > 1:
            break
        count += 1
    return list(parts[0][:count])
