"""The tables of settings on the pages of the agents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Any

from markdown_blocks import ROOT, attribute_docs, table

from fastadapt.agents.registry import find_config

_BLOCK = re.compile(r"(<!-- settings: (\S+) -->\n).*?(<!-- /settings -->)", re.DOTALL)


def agent_pages() -> dict[str, str]:
    """Return the pages of the agents with current tables, by their path in docs/."""
    folder = ROOT / "docs/agents"
    return {
        f"agents/{path.name}": _BLOCK.sub(_filled, path.read_text(encoding="utf-8"))
        for path in sorted(folder.glob("*.md"))
    }


def _filled(block: re.Match[str]) -> str:
    config = find_config(block[2])
    rows = [(f"`--{name.replace('_', '-')}`", default, doc) for name, default, doc in _rows(config)]
    return f"{block[1]}\n{table(('option', 'default', 'meaning'), rows)}\n\n{block[3]}"


def _rows(config: type[Any], prefix: str = "") -> Iterator[tuple[str, str, str]]:
    docs = attribute_docs(config)
    for field in fields(config):
        value = _default(field)
        if is_dataclass(value):
            yield from _rows(type(value), f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", f"`{value}`", docs.get(field.name, "")


def _default(field: Field[Any]) -> Any:
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default
