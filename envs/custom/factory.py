"""Make an environment from a table `[environment]` and an MJCF file."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import mujoco

from fastadapt.envs.custom.builder import RobotBuilder
from fastadapt.envs.custom.files import ModelFiles, kept_folder, model_files, one_line
from fastadapt.envs.custom.mjcf import CAMERA
from fastadapt.envs.custom.python_class import class_environment, keep_class
from fastadapt.envs.custom.schema import ClassTable, RobotTable, read_table
from fastadapt.envs.environment import Environment
from fastadapt.envs.objectives.catalogue import find_objective
from fastadapt.envs.objectives.objective import Objective, settings_in
from fastadapt.errors import FastadaptError, unknown_name

_MOST_PHYSICS = 10_000
"""Largest number of physics steps in a control step."""
_MOST_CONTROL = 1_000_000
"""Largest number of control steps in an episode."""
_made: dict[tuple[str, Path], type[Environment]] = {}
"""By digest and place: an equal robot elsewhere has files of its own, which may change or go."""


class CustomRobot(Environment):
    """An environment that a task-set file declares.

    Its id ends with a hash of the model's files and of the declaration, so that different robots
    have different ids.
    """

    builder: ClassVar[RobotBuilder]
    files: ClassVar[ModelFiles]
    digest: ClassVar[str]
    camera = CAMERA

    @classmethod
    def id(cls) -> str:
        """Return the id, e.g. `go2-run-forward-1a2b3c4d`."""
        return f"{cls.name}-{cls.digest}"


def custom_environment(content: Mapping[str, Any], origin: Path | None) -> type[Environment]:
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
        try:
            made = _make(table, files, digest)
            _ = made.model(), made.actions(), made.observations  # to report errors now
        except FastadaptError:
            raise
        except (ValueError, ArithmeticError, RuntimeError, mujoco.FatalError) as error:
            raise FastadaptError(
                f"MuJoCo cannot compile '{files.model}': {one_line(error)}"
            ) from None
        _made[key] = made
    return _made[key]


def keep_robot(environment: type[Environment], origin: Path) -> None:
    """Copy the model of a custom robot beside a task-set file, which then needs nothing else."""
    if issubclass(environment, CustomRobot):
        environment.files.copy(kept_folder(origin))
    else:
        keep_class(environment, origin)


def _make(table: RobotTable, files: ModelFiles, digest: str) -> type[Environment]:
    objective = find_objective(table.objective)
    builder = RobotBuilder(table, files, objective.moves_about)
    summary = (objective.__doc__ or "").partition("\n")[0].rstrip(".")
    stem = _slug(files.model.stem) or "robot"
    attributes: dict[str, Any] = {
        **objective.fit(table, builder.robot),
        **settings_in(table, objective),
        **_weights(table, objective),
        "__doc__": objective.__doc__,
        "__module__": __name__,
        "name": table.name or f"{stem}-{_slug(table.objective)}",
        "version": 0,
        "summary": f"{files.model.name}: {summary}",
        "builder": builder,
        "files": files,
        "spec": staticmethod(builder.spec),
        "digest": digest,
        "horizon": _horizon(table.horizon, table.control_step),
        "physics_steps": _physics_steps(table.control_step, builder.timestep),
        "feet": builder.kinematics.feet(),
        "lockable": builder.kinematics.lockable(),
    }
    made: Any = type(stem.title().replace("-", ""), (CustomRobot, objective), attributes)
    return made


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _weights(table: RobotTable, objective: type[Objective]) -> dict[str, Any]:
    """Return the weights of the reward where the table changes some of them."""
    if not table.weights:
        return {}
    weights = getattr(objective, "weights", {})
    for name in table.weights:
        if name not in weights:
            raise unknown_name("weight (environment.weights) called", name, weights)
    return {"weights": {**weights, **table.weights}}


def _horizon(duration: float, control_step: float) -> int:
    """Return the control steps of an episode."""
    if not duration / control_step <= _MOST_CONTROL:
        raise FastadaptError(
            f"environment.horizon = {duration:g} s has more than {_MOST_CONTROL} control steps of "
            f"{control_step:g} s. Use a shorter episode."
        )
    return max(1, round(duration / control_step))


def _physics_steps(control_step: float, timestep: float) -> int:
    """Return the number of physics steps in a control step, which must be a multiple of them."""
    if not control_step / timestep <= _MOST_PHYSICS:
        raise FastadaptError(
            f"environment.control_step = {control_step:g} s has more than {_MOST_PHYSICS} time "
            f"steps of the physics, {timestep:g} s each. Use a shorter control step."
        )
    count = round(control_step / timestep)
    if count < 1 or not math.isclose(count * timestep, control_step, rel_tol=1e-6):
        raise FastadaptError(
            f"environment.control_step = {control_step:g} s is no multiple of the time step of the "
            f"physics, {timestep:g} s. The nearest one is {max(1, count) * timestep:g} s."
        )
    return count
