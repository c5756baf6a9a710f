"""Loading of task sets, by name or from files."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path

from fastadapt.envs.catalogue import ENVIRONMENTS
from fastadapt.envs.environment import Environment
from fastadapt.envs.tasks.frozen import read_frozen, splits_path
from fastadapt.envs.tasks.schema import parse_task_file, read_task_file
from fastadapt.envs.tasks.shipped import shipped_files, shipped_splits
from fastadapt.envs.tasks.task_set import TaskSet
from fastadapt.errors import FastadaptError, unknown_name
from fastadapt.trust import UntrustedError, reading_task_set


def load_task_set(name: str | Path, untold: Sequence[str] = ()) -> TaskSet:
    """Load a shipped task set by name, or any by the path to its TOML file.

    Args:
        name: of a shipped task set, or a path.
        untold: perturbations and groups that privileged agents are not told, as the key `untold`;
            the tasks are the same.

    Raises:
        UntrustedError: the file belongs to a run, or was given to a command, and names code that
            is not installed as part of fastadapt or of a plugin.
        FastadaptError: no such name or file, or the file is not valid.
    """
    shipped = shipped_files()
    if str(name) in shipped:
        text = _leave_out(shipped[str(name)].read_text(encoding="utf-8"), untold)
        frozen = read_frozen(shipped_splits(str(name)))
        return TaskSet(parse_task_file(text, f"{name}.toml"), text, frozen)
    if not str(name).endswith(".toml"):
        error = unknown_name("task set", str(name), shipped)
        raise FastadaptError(f"{error} Or give the path to a .toml file.")
    path = Path(name)
    with reading_task_set(path):
        return _from_file(path, untold)


def _from_file(path: Path, untold: Sequence[str]) -> TaskSet:
    file = read_task_file(path)
    text = _leave_out(path.read_text(encoding="utf-8"), untold)
    if untold:
        file = parse_task_file(text, str(path))
    try:
        frozen = read_frozen(splits_path(path))
        return TaskSet(file, text, frozen, origin=path)
    except UntrustedError:
        raise
    except FastadaptError as error:
        raise FastadaptError(f"{path}: {error}") from None


def _leave_out(text: str, untold: Sequence[str]) -> str:
    """Return the text of a task-set file with the key `untold` at its top."""
    if not untold:
        return text
    kept = re.sub(r"^untold *=.*\n", "", text, count=1)  # of the run that it belongs to
    return f"untold = {json.dumps(list(untold))}\n{kept}"


def nominal_task_set(environment: type[Environment]) -> TaskSet:
    """Return the task set of an unperturbed environment.

    Args:
        environment: any subclass, shipped or not.
    """
    later = environment.id() in ENVIRONMENTS  # a name alone is version 0
    known = environment.id() if later else environment.name
    name = f"{environment.name.lower().replace('_', '-')}-nominal"
    source = f"""\
name = "{name}"
version = {environment.version}
environment = "{known}"
description = "the unperturbed robot"

[splits.train]
count = 1
"""
    return TaskSet(parse_task_file(source, f"{name}.toml"), source, None, environment)
