"""The shipped task sets: their files and Gymnasium ids, without importing MuJoCo."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import gymnasium as gym


def shipped_files() -> dict[str, Traversable]:
    """Return the shipped task-set files by the name of the task set.

    A name alone is the first version that was published; a later one that stands beside it has its
    id for a name, such as `cheetah-damage-v1`.
    """
    folder = files("fastadapt.assets").joinpath("task_sets")
    found = {item.name: item for item in folder.iterdir() if item.name.endswith(".toml")}
    return {name.removesuffix(".toml"): item for name, item in sorted(found.items())}


def shipped_splits(name: str) -> Traversable:
    """Return the file of the frozen tasks of a shipped task set."""
    return files("fastadapt.assets").joinpath("task_sets", f"{name}.splits.json")


def list_task_sets() -> list[str]:
    """Return the names of the shipped task sets."""
    return list(shipped_files())


def declarations() -> dict[str, dict[str, Any]]:
    """Return the content of the shipped task-set files by name."""
    texts = {name: file.read_text(encoding="utf-8") for name, file in shipped_files().items()}
    return {name: tomllib.loads(text) for name, text in texts.items()}


def register_gymnasium_ids() -> None:
    """Register `fastadapt/<task-set>-v<version>` for every shipped task set (once).

    `import fastadapt.envs` calls it, and so does `gymnasium.make("fastadapt.envs:<id>")`.
    """
    for name, content in declarations().items():
        gym_id = f"fastadapt/{content['name']}-v{content['version']}"
        if gym_id not in gym.registry:
            gym.register(
                id=gym_id,
                entry_point="fastadapt.envs.gymnasium_env:GymnasiumEnv",
                vector_entry_point="fastadapt.envs.gymnasium_env:GymnasiumVectorEnv",
                kwargs={"task_set": name},
            )
