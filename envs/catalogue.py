"""The shipped environments by name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastadapt.envs.environment import Environment
from fastadapt.errors import unknown_name


def environments() -> dict[str, type[Environment]]:
    """Return the shipped environments by name."""
    from fastadapt.envs.robots.ant import Ant, AntDirection, AntGoal
    from fastadapt.envs.robots.arm_lift import ArmLift
    from fastadapt.envs.robots.arm_push import ArmPush
    from fastadapt.envs.robots.cheetah import Cheetah, CheetahDirection, CheetahVelocity
    from fastadapt.envs.robots.hexapod import Hexapod
    from fastadapt.envs.robots.planar_runners import Hopper, Walker2d
    from fastadapt.envs.robots.quadruped import Quadruped
    from fastadapt.envs.robots.reacher import Reacher

    shipped = (Reacher, Cheetah, Hopper, Walker2d, Ant, Quadruped, Hexapod, ArmPush, ArmLift)
    with_goals = (CheetahVelocity, CheetahDirection, AntDirection, AntGoal)
    return {cls.name: cls for cls in (*shipped, *with_goals)}


def list_environments() -> list[str]:
    """Return the names of the shipped environments."""
    return sorted(environments())


def find_environment(
    name: str | Mapping[str, Any], origin: Path | None = None
) -> type[Environment]:
    """Return an environment by name, or the one that a table `[environment]` declares.

    Args:
        name: of a shipped environment, or the table.
        origin: the task-set file with the table: paths in it are relative to its folder.

    Raises:
        FastadaptError: there is none of that name, or the declaration is not valid.
    """
    if not isinstance(name, str):
        from fastadapt.envs.custom.factory import own_environment

        return own_environment(name, origin)
    known = environments()
    if name not in known:
        raise unknown_name("environment", name, known)
    return known[name]
