"""Tables as Markdown text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

ONE_SEED, FEW_TASKS, NO_CEILING = "¹", "†", "‡"
"""Marks after an interval."""
_LEGEND = {
    ONE_SEED: "one training seed: the interval leaves out the luck of training",
    FEW_TASKS: "fewer than 10 distinct tasks: the interval is too narrow",
    NO_CEILING: "above 1 with its whole interval: the oracle is no ceiling there",
}


class Table(NamedTuple):
    """A table of text; the first two columns are names. A folded one is collapsed on the page."""

    title: str
    note: str
    head: list[str]
    rows: list[list[str]]
    folded: bool = False

    @property
    def legend(self) -> str:
        """Meaning of the marks in its cells; empty if it has none."""
        return legend(self.rows)

    def markdown(self) -> str:
        """Return it as Markdown."""
        return markdown_table(self.head, self.rows)


def markdown_table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Return an aligned Markdown table; the first two columns are text, the others numbers.

    Marks of intervals are explained below it.
    """
    body = list(body)
    rows = [[" ".join(t.replace("|", "\\|").split()) for t in row] for row in (head, *body)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * w if i < 2 else "-" * (w - 1) + ":" for i, w in enumerate(widths)])
    text = ""
    for row in rows:
        cells = enumerate(zip(row, widths, strict=True))
        text += (
            "| " + " | ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in cells) + " |\n"
        )
    marks = legend(body)
    return f"{text}\n{marks}\n" if marks else text


def html_table(head: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """Return a table as HTML; marks of intervals are explained below it."""
    body = list(body)
    names = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    rows = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in body)
    lines = "".join(f"<tr>{row}</tr>" for row in rows)
    table = f"<table><thead><tr>{names}</tr></thead><tbody>{lines}</tbody></table>"
    marks = legend(body)
    return f"{table}<p>{escape(marks)}</p>" if marks else table


def legend(body: Iterable[Sequence[str]]) -> str:
    """Return a line that explains the marks in the cells of a table; empty if there is none."""
    marks = "".join(_LEGEND)
    ends = {mark for row in body for cell in row for mark in cell[len(cell.rstrip(marks)) :]}
    found = [f"{mark} {meaning}" for mark, meaning in _LEGEND.items() if mark in ends]
    return f"{'; '.join(found)}." if found else ""


def shots_name(shots: int) -> str:
    """Return the name of a column: `1 shot`, `2 shots`."""
    return f"{shots} shot{'s' * (shots != 1)}"
