"""Markdown from classes: docstrings, the documentation of attributes, tables."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import griffe
from pydantic.fields import FieldInfo

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "fastadapt."


@cache
def _sources() -> griffe.Object:
    """Return the whole package, parsed but not imported."""
    loaded = griffe.load("fastadapt", search_paths=[str(ROOT)])
    assert isinstance(loaded, griffe.Object)
    return loaded


def attribute_docs(cls: type) -> dict[str, str]:
    """Return the docstrings under the attributes of a class and of its bases, by name."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith(PACKAGE):
            path = f"{base.__module__.removeprefix(PACKAGE)}.{base.__qualname__}"
            members = _sources()[path].members
            found |= {
                name: " ".join(member.docstring.value.split())
                for name, member in members.items()
                if member.is_attribute and member.docstring
            }
    return found


def prose(cls: type) -> str:
    """Return the docstring of a class; its paragraphs and lists keep their lines."""
    return inspect.cleandoc(cls.__doc__ or "")


def summary(cls: type) -> str:
    """Return the first sentence of the docstring of a class."""
    return " ".join(prose(cls).partition("\n\n")[0].split())


def key(name: str, field: FieldInfo) -> str:
    """Return a key of a table as files should write it, with its older name."""
    choices = getattr(field.validation_alias, "choices", [name])
    newer = [str(choice) for choice in choices if choice != name]
    return f"`{newer[0]}` (or `{name}`)" if newer else f"`{field.alias or name}`"


def unit(name: str) -> str:
    """Return a unit as tables show it: pure numbers have none."""
    return {"x": "x nominal", "-": ""}.get(name, name)


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    cells = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def page(*parts: str) -> str:
    """Return a page from its parts, each a block of Markdown; empty ones are left out."""
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"
