"""Freezing of task sets: draw the tasks of every split once and write them to a file."""

from __future__ import annotations

import json
from pathlib import Path

from fastadapt.envs.tasks.frozen import splits_path
from fastadapt.envs.tasks.schema import read_task_file
from fastadapt.envs.tasks.task_set import TaskSet
from fastadapt.trust import reading_task_set


def freeze_task_set(path: str | Path) -> Path:
    """Write `<name>.splits.json` beside a task-set file; an existing one is replaced.

    Args:
        path: the TOML file.

    Returns:
        The path of the file with the frozen tasks.

    Raises:
        FastadaptError: the task-set file is missing or not valid.
    """
    path = Path(path)
    with reading_task_set(path):
        file = read_task_file(path)
        task_set = TaskSet(file, path.read_text(encoding="utf-8"), None, origin=path)
    target = splits_path(path)
    lines = json.dumps(task_set.freeze())
    target.write_text(lines.replace("]], ", "]],\n").replace("], [", "],\n[") + "\n", "utf-8")
    return target
