"""One-line summaries of commands, read from source so that nothing is imported."""

from __future__ import annotations

import ast
import inspect
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from typing import Any


def summary_of(target: Any) -> str:
    """Return the first line of the docstring of a command's module, without its full stop.

    Args:
        target: `"module:function"`, or the function itself, whose own docstring is used.

    Returns:
        The line, or an empty text if there is none or the module is not found.
    """
    if not isinstance(target, str):
        return _first_line(inspect.getdoc(target))
    spec = _spec_of(target.partition(":")[0])
    source = getattr(spec.loader, "get_source", None) if spec else None
    if spec is None or source is None:
        return ""
    try:
        return _first_line(ast.get_docstring(ast.parse(source(spec.name) or "")))
    except (SyntaxError, OSError):
        return ""


def _spec_of(module: str) -> ModuleSpec | None:
    """Find a module; unlike `find_spec` alone, this does not import the packages around it."""
    top, *parts = module.split(".")
    spec, name = find_spec(top), top
    for part in parts:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    return spec


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0].removesuffix(".")
