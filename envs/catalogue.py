"""The registry of environments, and finding the one that a task set is about."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastadapt.envs.custom.factory import custom_environment
from fastadapt.envs.custom.python_class import checked_environment, class_environment
from fastadapt.envs.environment import Environment
from fastadapt.registry import Registry

_HERE = "fastadapt.envs.robots"

ENVIRONMENTS: Registry[type[Environment]] = Registry(
    "environment",
    group="fastadapt.environments",
    shipped={
        "reacher": f"{_HERE}.reacher:Reacher",
        "cheetah": f"{_HERE}.cheetah:Cheetah",
        "cheetah-v1": f"{_HERE}.cheetah_upright:UprightCheetah",
        "hopper": f"{_HERE}.planar_runners:Hopper",
        "walker2d": f"{_HERE}.planar_runners:Walker2d",
        "ant": f"{_HERE}.ant:Ant",
        "quadruped": f"{_HERE}.quadruped:Quadruped",
        "quadruped-v1": f"{_HERE}.quadruped:PacedQuadruped",
        "hexapod": f"{_HERE}.hexapod:Hexapod",
        "arm-push": f"{_HERE}.arm_push:ArmPush",
        "arm-lift": f"{_HERE}.arm_lift:ArmLift",
        "cheetah-velocity": f"{_HERE}.cheetah:CheetahVelocity",
        "cheetah-direction": f"{_HERE}.cheetah:CheetahDirection",
        "ant-direction": f"{_HERE}.ant:AntDirection",
        "ant-goal": f"{_HERE}.ant:AntGoal",
    },
)
"""Environments by the name that the key `environment` of a task-set file takes.

A name alone is version 0; later versions are named by their id, such as `cheetah-v1`."""


def environments() -> dict[str, type[Environment]]:
    """Return all environments by name; every one of them is imported."""
    return {name: find_environment(name) for name in ENVIRONMENTS}


def list_environments() -> list[str]:
    """Return the names of all environments, those of installed plugins included."""
    return sorted(ENVIRONMENTS)


def find_environment(
    name: str | Mapping[str, Any], origin: Path | None = None
) -> type[Environment]:
    """Return an environment by name, or the one that a table `[environment]` declares.

    Args:
        name: a registered name, `"module:Class"`, or the table.
        origin: the task-set file with the declaration: paths are relative to its folder.

    Raises:
        FastadaptError: there is none of that name, or the declaration is not valid.
    """
    if not isinstance(name, str):
        return custom_environment(name, origin)
    if ":" in name and name not in ENVIRONMENTS:
        return class_environment(name, origin)
    return checked_environment(ENVIRONMENTS.find(name), name)
