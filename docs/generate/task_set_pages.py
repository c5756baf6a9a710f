"""Pages about the task-set file: its tables, distributions, own robots, and the sets that ship."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, get_args

from markdown_blocks import attribute_docs, key, page, summary, table
from pydantic import BaseModel

from fastadapt.envs import list_task_sets, load_task_set
from fastadapt.envs.custom.mjcf import Servo
from fastadapt.envs.custom.schema import RobotTable
from fastadapt.envs.distributions import Law
from fastadapt.envs.objectives.catalogue import OBJECTIVES
from fastadapt.envs.success import SuccessKeys
from fastadapt.envs.tasks.log_keys import LogColumn, LogKeys
from fastadapt.envs.tasks.schema import Group, Split, TaskSetFile


def task_set_pages() -> dict[str, str]:
    """Return the pages by their path in docs/."""
    return {
        "reference/task-set-file.md": _file_page(),
        "reference/own-robot.md": _robot_page(),
        "reference/task-sets.md": _shipped_page(),
    }


def _file_page() -> str:
    return page(
        "# The task-set file",
        "A task set is one TOML file: an environment, the distributions of its perturbations, and "
        "its splits. Errors name the wrong key and the nearest valid one. The "
        "[guide](../guide/task-sets.md) explains the file by example.",
        "## Top level",
        _keys(TaskSetFile),
        "## `[alternatives.<name>]`",
        "Perturbations of one group are alternatives: `[alternatives.<name>]` says how many of "
        "them act in one task.",
        _keys(Group),
        "## `[splits.<name>]`",
        "`train` must exist. Other splits inherit its distributions and override some of them.",
        _keys(Split),
        "## `[success]` {#success}",
        "When an episode is a success. Keys that are left out are those of the environment's own "
        "criterion; with another `measure` nothing of it stays.",
        _keys(SuccessKeys),
        "## Distributions",
        'A parameter is drawn from a distribution, written `{ law = "<name>", ... }`. Draws are a '
        "function of (seed, split, index): they depend neither on batch size nor on order.",
        _laws(),
        "## `[[perturbations]]`",
        "See [every kind](perturbations/index.md) and the [keys that they share]"
        "(perturbations/index.md#keys-of-every-perturbation).",
        "## `[log]`",
        "The columns of a recorded log, for `fastadapt fit` (see [its guide](../guide/fit.md)); no "
        "part of the tasks.",
        _keys(LogKeys),
        "A column is a name, or a table:",
        _keys(LogColumn),
    )


def _keys(cls: type[BaseModel]) -> str:
    docs = attribute_docs(cls)
    rows = [
        (key(name, field), docs.get(name, ""), _default(field))
        for name, field in cls.model_fields.items()
    ]
    return table(("key", "meaning", "default"), rows)


def _default(field: Any) -> str:
    if field.is_required():
        return "must be given"
    empty = field.default in (None, "", (), {}) or isinstance(field.default, BaseModel | dict)
    return "" if empty else f"`{field.default}`"


def _laws() -> str:
    rows: list[tuple[str, str, str]] = []
    for cls in get_args(get_args(Law)[0]):
        name = get_args(cls.model_fields["law"].annotation)[0]
        rows.append((f"`{name}`", summary(cls), ", ".join(_law_keys(cls))))
    return table(("law", "meaning", "keys"), rows)


def _law_keys(cls: type[BaseModel]) -> Iterable[str]:
    for name, field in cls.model_fields.items():
        if name != "law":
            yield f"`{name}`" + ("" if field.is_required() else " (optional)")


def _robot_page() -> str:
    docs = attribute_docs(RobotTable)
    keys = [key for key in RobotTable.model_fields if key != "objective"]
    links = ", ".join(f"[`{name}`](objectives.md#{name})" for name in OBJECTIVES)
    rows = [("`objective`", f"one of {links}; its own keys stand there")]
    rows += [(f"`{key}`", docs.get(key, "")) for key in keys]
    servo = attribute_docs(Servo)
    rows += [(f"`servos[].{key}`", servo.get(key, "")) for key in Servo.model_fields]
    return page(
        "# Your own robot",
        "Keys of the table `[environment]` of a task-set file, in place of the name of a shipped "
        "environment. The [tutorial](../guide/tutorial.md) uses them.",
        table(("key", "meaning"), rows),
        '`class = "module:Class"` alone, in place of all of them, names a Python class: an '
        "`Environment`, or an objective with `spec` and numbers. The module is a file beside the "
        "task set, or installed. Elements without a name are called after their body (`leg`, "
        "`leg_2`); a model with a free joint and without ground gets a floor.",
        "A run keeps a copy of the robot: the files that MuJoCo opens for the model, and no "
        "others. They may be links, and lie in asset folders declared by relative or absolute "
        "paths. A file by an absolute path outside of the model's folder and of those "
        "folders is refused, and so is a file outside of them that MuJoCo does not open.",
        "Action 0 holds the nominal pose: position servos get the controls, and the activations, "
        "of that pose. Floors, servos, locks and goals that are added have MuJoCo's own defaults, "
        "whatever the model's `<default>` says.",
    )


def _shipped_page() -> str:
    rows: list[tuple[Any, ...]] = []
    for name in list_task_sets():
        task_set = load_task_set(name)
        cls = task_set.environment
        rows.append(
            (
                f"`{task_set.id}`",
                f"[`{cls.id()}`](environments/{cls.id()}.md)",
                task_set.file.description,
                len(task_set.nominal.values),
                ", ".join(f"`{split}`" for split in task_set.splits),
            )
        )
    head = ("id", "environment", "what varies", "parameters", "splits")
    return page(
        "# Shipped task sets",
        "Every split is frozen and hashed; `fastadapt list task-sets` prints them. Each is also a "
        "Gymnasium id, `fastadapt/<id>`.",
        table(head, rows),
    )
