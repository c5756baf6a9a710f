"""Freeze the splits of task sets: `python -m fastadapt.envs.tasks.freeze FILE.toml...`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fastadapt.envs.tasks.frozen import splits_path
from fastadapt.envs.tasks.schema import read_task_file
from fastadapt.envs.tasks.task_set import TaskSet


def freeze(path: Path) -> Path:
    """Write `<name>.splits.json` beside a task-set file and return its path."""
    task_set = TaskSet(read_task_file(path), path.read_text(encoding="utf-8"), None, origin=path)
    target = splits_path(path)
    lines = json.dumps(task_set.freeze())
    target.write_text(lines.replace("]], ", "]],\n").replace("], [", "],\n[") + "\n", "utf-8")
    return target


if __name__ == "__main__":
    for name in sys.argv[1:]:
        sys.stdout.write(f"{freeze(Path(name))}\n")
