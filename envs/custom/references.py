"""Files that an MJCF or URDF model refers to, found where MuJoCo looks for them."""

from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import mujoco

from fastadapt.errors import FastadaptError

FOLDERS = ("meshdir", "texturedir", "assetdir")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


@dataclass(frozen=True)
class Reference:
    """A file attribute of an XML element.

    Attributes:
        source: the XML file that contains the element.
        tag: name of the element, e.g. `mesh`.
        attribute: name of the attribute, e.g. `file`.
        name: its value.
        path: the file that MuJoCo finds, as MuJoCo names it (links are not followed).
        absolute: whether MuJoCo looks for it by an absolute path.
        through: the highest folder that MuJoCo passes on the way to it, by the `..` of the name.
    """

    source: Path
    tag: str
    attribute: str
    name: str
    path: Path
    absolute: bool
    through: Path

    def known_as(self) -> set[str]:
        """Return its names as `opened_names` has them."""
        return {_uniform(self.name), _uniform(str(self.path))}


@dataclass
class Document:
    """An XML file with its includes: the model, or one that it attaches.

    Attributes:
        main: the file that the others are included in; relative names start from its folder.
        trees: the content of the file and of its includes.
        elements: their elements and the files that these are in, in the order of the document, with
            includes expanded.
        references: the files that it refers to.
    """

    main: Path
    trees: dict[Path, ET.Element] = field(default_factory=dict)
    elements: list[tuple[Path, ET.Element]] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)

    def folder(self, *keys: str) -> str:
        """Return an asset folder as declared; "" without one. The last declaration counts."""
        found = ""
        for compiler in self._compilers():
            for key in keys:
                found = compiler.get(key, found)
        return found

    @property
    def strips(self) -> bool:
        """Whether the folders of file names are ignored (`strippath`)."""
        given = [c.get("strippath") for c in self._compilers() if "strippath" in c.attrib]
        return given[-1:] == ["true"]

    def _compilers(self) -> list[ET.Element]:
        return [element for _, element in self.elements if element.tag == "compiler"]

    def folders(self) -> set[Path]:
        """Return the folders of the files, and the asset folders that they declare."""
        declared = {self.main.parent / self.folder(key) for key in FOLDERS}
        return {plain(path) for path in {p.parent for p in self.trees} | declared}


def documents_of(model: Path) -> list[Document]:
    """Return a model and the models that it attaches, with the files that they refer to.

    Raises:
        FastadaptError: a file is not valid XML.
    """
    found: dict[Path, Document] = {}
    _attach(model, (), found)
    return list(found.values())


def _attach(main: Path, above: tuple[Path, ...], found: dict[Path, Document]) -> None:
    """Add a model and those that it attaches; `above` are the models that attach it."""
    if main in above:
        raise FastadaptError(f"'{main}' attaches itself (<model file=...>). Remove that element.")
    if main in found:
        return
    document = Document(main)
    _read(document, main)
    document.references += _assets(document)
    for reference in document.references:
        if reference.tag == "model":
            _attach(reference.path, (*above, main), found)
    found[main] = document


def parse(content: bytes, path: Path) -> ET.Element:
    """Return the root element of an XML file, in any encoding that MuJoCo reads.

    MuJoCo reads bytes and takes no notice of the declared encoding, nor of dashes in comments.

    Raises:
        FastadaptError: the file is not valid XML.
    """
    try:
        return ET.fromstring(content)
    except (ET.ParseError, ValueError, LookupError) as error:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
        try:
            return ET.fromstring(_DECLARATION.sub("", _COMMENT.sub("", text)))
        except (ET.ParseError, ValueError):
            raise FastadaptError(f"'{path}' is not valid XML: {error}.") from None


def opened_names(spec: mujoco.MjSpec) -> set[str]:
    """Return the names of the asset files that MuJoCo opens when it compiles a model.

    A texture that MuJoCo draws itself has no file, whatever its attributes say.
    """
    names: set[str] = {
        part.file for kind in (spec.meshes, spec.hfields, spec.skins) for part in kind
    }
    for texture in spec.textures:
        if texture.builtin == mujoco.mjtBuiltin.mjBUILTIN_NONE:
            names |= {texture.file} if texture.file else set(texture.cubefiles)
    return {_uniform(name) for name in names if name}


def _read(document: Document, path: Path) -> None:
    """Read a file and its includes, in the order of the includes."""
    try:
        root = parse(path.read_bytes(), path)
    except OSError as error:
        raise FastadaptError(f"'{path}' cannot be read: {error.strerror}.") from None
    document.trees[path] = root
    for element in root.iter():
        if element.tag != "include":
            document.elements.append((path, element))
            continue
        name = element.get("file")
        places = [document.main.parent, path.parent]
        place = _first(name, places) if name else None
        if name and place and (inner := plain(place / name)) not in document.trees:
            absolute, through = Path(name).is_absolute(), _highest(place / name)
            document.references.append(
                Reference(path, "include", "file", name, inner, absolute, through)
            )
            _read(document, inner)


def _assets(document: Document) -> Iterator[Reference]:
    """Yield the references of a document to files other than includes."""
    folders = {key: document.folder("assetdir", key) for key in ("meshdir", "texturedir")}
    strips = document.strips
    for source, element in document.elements:
        bases = [document.main.parent, source.parent]
        for attribute, name in element.attrib.items():
            urdf = attribute == "filename" and element.tag == "mesh"
            if not name or not (attribute.startswith("file") or urdf):
                continue
            places = bases
            if element.tag != "model":
                inner = folders["texturedir" if element.tag == "texture" else "meshdir"]
                places = [*(base / inner for base in bases), *bases]
            wanted = re.split(r"[/\\]", name)[-1] if strips else name
            if place := _first(wanted, places):
                path, absolute = plain(place / wanted), Path(wanted).is_absolute()
                through = _highest(place / wanted)
                yield Reference(source, element.tag, attribute, name, path, absolute, through)


def _first(name: str, places: list[Path]) -> Path | None:
    """Return the first folder in which there is a file of that name."""
    try:
        return next((place for place in places if (place / name).is_file()), None)
    except (OSError, ValueError):  # a name that no file can have
        return None


def _highest(path: Path) -> Path:
    """Return the highest folder in which a `..` of a path ends; without one, that of the file."""
    found, parts = path.parent, []
    for part in path.parts:
        if part != "..":
            parts.append(part)
        elif parts:
            parts.pop()
            found = min(found, Path(*parts), key=lambda folder: len(folder.parts))
    return found


def _uniform(name: str) -> str:
    """Return a file name in one spelling: MuJoCo changes some of the slashes."""
    return os.path.normpath(name.replace("\\", "/"))


def plain(path: Path) -> Path:
    """Return a path without `..`; links are followed only where they lead out of a `..`."""
    short = Path(os.path.normpath(path))
    return (
        short if not path.exists() or (short.exists() and short.samefile(path)) else path.resolve()
    )
