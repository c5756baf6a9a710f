"""From a table `[environment]` and an MJCF file to an environment."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from fastadapt.envs.arrays import Ids
from fastadapt.envs.custom.builder import Blueprint
from fastadapt.envs.custom.files import ModelFiles, kept_folder, model_files
from fastadapt.envs.custom.mjcf import CAMERA, one_line
from fastadapt.envs.custom.python_class import class_environment, keep_class
from fastadapt.envs.custom.schema import ClassTable, RobotTable, read_table
from fastadapt.envs.environment import Environment
from fastadapt.envs.objectives.catalogue import objectives
from fastadapt.envs.objectives.posed_robot import PosedRobot
from fastadapt.errors import FastadaptError

_made: dict[tuple[str, Path], type[Environment]] = {}
"""By content and place: an equal robot elsewhere has files of its own, which may change or go."""
_STRUCTURE = {
    "name", "model", "objective", "control_step", "horizon", "keyframe", "pose", "joints",
    "lockable", "feet", "servos", "remove", "floor", "timestep", "integrator", "weights", "object",
    "increments",
}  # fmt: skip
"""Keys that are no class attributes of the objective under the same name."""


class OwnRobot(Environment):
    """An environment that a task-set file declares.

    Its id ends with a hash of the model's files and of the declaration: another robot has another.
    """

    blueprint: ClassVar[Blueprint]
    files: ClassVar[ModelFiles]
    digest: ClassVar[str]
    camera = CAMERA

    @classmethod
    def id(cls) -> str:
        """Return the id, e.g. `go2-run-forward-1a2b3c4d`."""
        return f"{cls.name}-{cls.digest}"


def own_environment(content: Mapping[str, Any], origin: Path | None) -> type[Environment]:
    """Return the environment that a table `[environment]` declares, the same class each time.

    Args:
        content: the table.
        origin: the task-set file.

    Raises:
        FastadaptError: the table or the model is not valid.
    """
    table = read_table(content)
    if isinstance(table, ClassTable):
        return class_environment(table.class_, origin)
    files = model_files(table.model, origin)
    declared = table.model_dump(mode="json", exclude={"model"}, exclude_defaults=True)
    text = json.dumps([files.digest, declared], sort_keys=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    key = digest, files.model
    if key not in _made:
        made = _make(table, files, digest)
        try:
            _ = made.model(), made.actions(), made.observations  # what does not fit is told here
        except ValueError as error:
            if isinstance(error, FastadaptError):
                raise
            raise FastadaptError(
                f"MuJoCo cannot compile '{files.model}': {one_line(error)}"
            ) from None
        _made[key] = made
    return _made[key]


def keep_robot(environment: type[Environment], origin: Path) -> None:
    """Copy the model of an own robot beside a task-set file, so that it needs nothing else."""
    if issubclass(environment, OwnRobot):
        environment.files.copy(kept_folder(origin))
    else:
        keep_class(environment, origin)


def _make(table: RobotTable, files: ModelFiles, digest: str) -> type[Environment]:
    blueprint = Blueprint(table, files)
    objective = objectives()[table.objective]
    stem = re.sub(r"[^a-z0-9]+", "-", files.model.stem.lower()).strip("-") or "robot"
    attributes: dict[str, Any] = {
        "__doc__": objective.__doc__,
        "__module__": __name__,
        "name": table.name or f"{stem}-{table.objective}",
        "version": 0,
        "summary": f"{files.model.name}: {(objective.__doc__ or '').splitlines()[0].rstrip('.')}",
        "blueprint": blueprint,
        "files": files,
        "spec": staticmethod(blueprint.spec),
        "digest": digest,
        "horizon": max(1, round(table.horizon / table.control_step)),
        "physics_steps": _physics_steps(table.control_step, blueprint.timestep),
        "feet": blueprint.anatomy.feet(),
        "lockable": blueprint.anatomy.lockable(),
        **blueprint.attributes(objective),
    }
    for key, value in table.model_dump(exclude=_STRUCTURE, exclude_none=True).items():
        attributes.setdefault(key, value)
    bases = (FeltJoints, OwnRobot) if issubclass(objective, PosedRobot) else (OwnRobot,)
    made: Any = type(stem.title().replace("-", ""), (*bases, objective), attributes)
    return made


def _physics_steps(control_step: float, timestep: float) -> int:
    """Return how many physics steps a control step has; it must be a multiple of them."""
    count = round(control_step / timestep)
    if count < 1 or not math.isclose(count * timestep, control_step, rel_tol=1e-6):
        raise FastadaptError(
            f"environment.control_step = {control_step:g} s is no multiple of the time step of the "
            f"physics, {timestep:g} s. The nearest one is {max(1, count) * timestep:g} s."
        )
    return count


class FeltJoints(Environment):
    """In place of the driven joints of `PosedRobot`, those that the declaration names."""

    felt: ClassVar[tuple[str, ...]]
    """Hinges and slides, by name."""

    @classmethod
    def joints(cls) -> tuple[Ids, Ids, Ids]:
        """Return the ids, `qpos` and `qvel` addresses of the joints that the robot can feel."""
        model = cls.model()
        ids = np.array([model.joint(name).id for name in cls.felt], np.intp)
        return ids, model.jnt_qposadr[ids].astype(np.intp), model.jnt_dofadr[ids].astype(np.intp)
