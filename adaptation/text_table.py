"""Tables as Markdown text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Table(NamedTuple):
    """A table of text; the first two columns are names. A folded one is collapsed on the page."""

    title: str
    note: str
    head: list[str]
    rows: list[list[str]]
    folded: bool = False

    def markdown(self) -> str:
        """Return it as Markdown."""
        return markdown_table(self.head, self.rows)


def markdown_table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Return an aligned Markdown table; the first two columns are text, the others numbers."""
    rows = [[" ".join(t.replace("|", "\\|").split()) for t in row] for row in (head, *body)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * w if i < 2 else "-" * (w - 1) + ":" for i, w in enumerate(widths)])
    text = ""
    for row in rows:
        cells = enumerate(zip(row, widths, strict=True))
        text += (
            "| " + " | ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in cells) + " |\n"
        )
    return text


def shots_name(shots: int) -> str:
    """Return the name of a column: `1 shot`, `2 shots`."""
    return f"{shots} shot{'s' * (shots != 1)}"
