"""Task sets and tasks as HTML tables, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return an HTML table; what is in the cells is shown as it is."""
    lines = [f"<b>{escape(title)}</b>", "<table><tr>"]
    lines += [f"<th>{escape(name)}</th>" for name in head]
    for row in rows:
        lines.append("</tr><tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row))
    return "".join([*lines, "</tr></table>"])


class ShownTaskSet:
    """The looks of a task set: a line, and tables of its robot, parameters and splits."""

    def __repr__(self: Any) -> str:
        facts = f"{self.environment.id()}, {len(self.names)} parameters, {', '.join(self.splits)}"
        return f"TaskSet('{self.id}': {facts})"

    def _repr_html_(self: Any) -> str:
        cls = self.environment
        step = cls.control_step()
        robot = [
            ("environment", cls.id()),
            ("", cls.summary),
            ("observations", len(cls.observations)),
            ("actions", ", ".join(action.name for action in cls.actions())),
            ("control step", f"{step:g} s"),
            ("episode", f"{cls.horizon} control steps, {cls.horizon * step:g} s"),
        ]
        nominal = (f"{value:.4g}" for value in self.nominal.values)
        parameters = zip(self.names, self.units, nominal, strict=True)
        splits = ((name, self.file.splits[name].count) for name in self.splits)
        return (
            table(self.id, ("robot", ""), robot)
            + table("parameters", ("name", "unit", "nominal"), parameters)
            + table("splits", ("name", "tasks"), splits)
        )


class ShownTask:
    """The looks of a task: a table of the parameters that differ from nominal."""

    def _repr_html_(self: Any) -> str:
        nominal = dict(zip(self.names, self.nominal, strict=True))
        rows = [(n, f"{v:.4g}", f"{nominal[n]:.4g}") for n, v in self.changes().items()]
        title = f"{self.environment}, task {self.id}{'' if rows else ': nominal'}"
        return table(title, ("parameter", "value", "nominal"), rows)
