"""Shipped task sets by name, and task sets from files."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from fastadapt.envs.environment import Environment
from fastadapt.envs.tasks.frozen import read_frozen, splits_path
from fastadapt.envs.tasks.schema import parse_task_file, read_task_file
from fastadapt.envs.tasks.task_set import TaskSet
from fastadapt.errors import FastadaptError, unknown_name


def _shipped() -> dict[str, Any]:
    folder = files("fastadapt.assets").joinpath("task_sets")
    found = {item.name: item for item in folder.iterdir() if item.name.endswith(".toml")}
    return {name.removesuffix(".toml"): item for name, item in sorted(found.items())}


def list_task_sets() -> list[str]:
    """Return the names of the shipped task sets."""
    return list(_shipped())


def declarations() -> dict[str, dict[str, Any]]:
    """Return the content of the shipped task-set files by name, without compiling models."""
    texts = {name: file.read_text(encoding="utf-8") for name, file in _shipped().items()}
    return {name: tomllib.loads(text) for name, text in texts.items()}


def load_task_set(name: str | Path) -> TaskSet:
    """Load a shipped task set by name, or any by the path to its TOML file.

    Raises:
        FastadaptError: no such name or file, or the file is not valid.
    """
    shipped = _shipped()
    if str(name) in shipped:
        folder = files("fastadapt.assets").joinpath("task_sets")
        text = shipped[str(name)].read_text(encoding="utf-8")
        frozen = read_frozen(folder.joinpath(f"{name}.splits.json"))
        return TaskSet(parse_task_file(text, f"{name}.toml"), text, frozen)
    if not str(name).endswith(".toml"):
        error = unknown_name("task set", str(name), shipped)
        raise FastadaptError(f"{error} Or give the path to a .toml file.")
    path = Path(name)
    file = read_task_file(path)
    try:
        frozen = read_frozen(splits_path(path))
        return TaskSet(file, path.read_text(encoding="utf-8"), frozen, origin=path)
    except FastadaptError as error:
        raise FastadaptError(f"{path}: {error}") from None


def nominal_task_set(environment: type[Environment]) -> TaskSet:
    """Return the task set of an unperturbed environment.

    Args:
        environment: any subclass, shipped or not.
    """
    name = f"{environment.name.lower().replace('_', '-')}-nominal"
    source = f"""\
name = "{name}"
version = {environment.version}
environment = "{environment.name}"
description = "the unperturbed robot"

[splits.train]
count = 1
"""
    return TaskSet(parse_task_file(source, f"{name}.toml"), source, None, environment)
