"""Task sets and tasks as HTML tables, for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastadapt.envs.tasks.task import Task
    from fastadapt.envs.tasks.task_set import TaskSet


def table(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return an HTML table; what is in the cells is shown as it is."""
    lines = [f"<b>{escape(title)}</b>", "<table><tr>"]
    lines += [f"<th>{escape(name)}</th>" for name in head]
    for row in rows:
        lines.append("</tr><tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row))
    return "".join([*lines, "</tr></table>"])


def task_set_html(task_set: TaskSet) -> str:
    """Return the robot, the parameters and the splits of a task set."""
    cls = task_set.environment
    step = cls.control_step()
    robot = [
        ("environment", cls.id()),
        ("", cls.summary),
        ("observations", len(cls.observations)),
        ("actions", ", ".join(action.name for action in cls.actions())),
        ("control step", f"{step:g} s"),
        ("episode", f"{cls.horizon} control steps, {cls.horizon * step:g} s"),
    ]
    nominal = task_set.nominal.values
    parameters = zip(task_set.names, task_set.units, (f"{v:.4g}" for v in nominal), strict=True)
    splits = ((name, task_set.file.splits[name].count) for name in task_set.splits)
    return (
        table(task_set.id, ("robot", ""), robot)
        + table("parameters", ("name", "unit", "nominal"), parameters)
        + table("splits", ("name", "tasks"), splits)
    )


def task_html(task: Task) -> str:
    """Return the parameters of a task that differ from nominal."""
    nominal = dict(zip(task.names, task.nominal, strict=True))
    rows = [(n, f"{v:.4g}", f"{nominal[n]:.4g}") for n, v in task.changes().items()]
    title = f"{task.environment}, task {task.id}{'' if rows else ': nominal'}"
    return table(title, ("parameter", "value", "nominal"), rows)
