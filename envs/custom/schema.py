"""Schema of the table `[environment]` in a task-set file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from fastadapt.envs.custom.mjcf import Integrator, Servo
from fastadapt.envs.messages import MUST
from fastadapt.envs.objectives.catalogue import OBJECTIVES, find_objective
from fastadapt.envs.objectives.objective import Keys, Objective, Positive, table_of
from fastadapt.errors import FastadaptError, unknown_name


class ClassTable(BaseModel):
    """An environment that is a Python class."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    class_: str = Field(alias="class")
    """`module:Class`; the module is beside the task-set file or installed."""


class RobotTable(Keys):
    """A robot, and the keys that all objectives share."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,50}$")] | None = None
    """Name of the environment (default: the stem of the model file, and the objective)."""
    model: str
    """MJCF file: a path, `package:<package>/<path>` or `menagerie:<robot>`."""
    objective: str
    """Name of the objective, or `module:Class`."""
    control_step: Positive = 0.02
    """Duration of a control step [s], a multiple of the model's time step (default: 0.02)."""
    horizon: Positive = 10.0
    """Duration of an episode [s], rounded to whole control steps (default: 10)."""
    keyframe: str | None = None
    """Keyframe with the nominal pose (default: the first one, or the model's initial pose)."""
    pose: Mapping[str, float | tuple[float, ...]] = {}
    """Joint positions that differ from it [rad or m; 7 numbers for a free joint]; joints that an
    equality couples to them follow."""
    joints: tuple[str, ...] | None = None
    """Hinges and slides that are observed and start with noise, by name or pattern (default: all
    with an actuator, and passive ones, except those that carry the root)."""
    lockable: tuple[str, ...] | None = None
    """Hinges and slides that can be locked (default: `joints`)."""
    feet: tuple[str, ...] = ()
    """Geoms that touch the ground first."""
    servos: tuple[Servo, ...] = ()
    """Position servos in place of the model's actuators."""
    remove: tuple[str, ...] = ()
    """Bodies, joints, geoms, sites, actuators, tendons, equalities and sensors of the model to
    leave out, by name or, where several have it, as `<kind>:<name>`; what refers to them goes
    along."""
    floor: bool | None = None
    """True to add a ground plane (default: where the robot moves about and has no ground)."""
    timestep: Positive | None = None
    """Physics time step [s] (default: the model's)."""
    integrator: Integrator | None = None
    """Integrator (default: the model's)."""
    weights: Mapping[str, float] = {}
    """Weights of the reward's terms that differ from the objective's."""


def robot_table(objective: type[Objective]) -> type[RobotTable]:
    """Return the schema of a table with an objective: the shared keys and its own."""
    schema = table_of(objective, RobotTable)
    assert issubclass(schema, RobotTable)
    return schema


def read_table(content: Mapping[str, Any]) -> ClassTable | RobotTable:
    """Validate a table `[environment]`.

    Raises:
        FastadaptError: it does not follow its schema; the message names every wrong key.
    """
    schema = _schema_of(content)
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        found = [_sentence(item, schema) for item in error.errors()]
        raise FastadaptError("; ".join(dict.fromkeys(found)) + ".") from None


def _schema_of(content: Mapping[str, Any]) -> type[ClassTable] | type[RobotTable]:
    if "class" in content:
        return ClassTable
    if "objective" in content:
        return robot_table(find_objective(str(content["objective"])))
    for key in difflib.get_close_matches("objective", content, n=1):
        raise unknown_name("key of [environment] called", key, {"objective", "class"})
    raise FastadaptError(
        "environment.objective is missing. Available: "
        f'{", ".join(sorted(OBJECTIVES))}. Or name a Python class: class = "module:Class".'
    )


def _sentence(item: ErrorDetails, schema: type[BaseModel]) -> str:
    """Return what is wrong in one place of the table."""
    place, value = item["loc"], item["input"]
    where = ".".join(["environment", *map(str, place)])
    key = str(place[0]) if place else ""
    if item["type"] == "missing":
        return f"{where} is missing"
    if schema is ClassTable:
        return f"{where}: 'class' must be the only key of [environment]; remove the others"
    if item["type"] == "extra_forbidden":
        owner = Servo if key == "servos" else schema
        allowed = {field.alias or name for name, field in owner.model_fields.items()}
        return str(
            unknown_name(f"key of [{where.rpartition('.')[0]}] called", str(place[-1]), allowed)
        ).rstrip(".")
    if key in _SEVERAL:
        return f"environment.{key} must be {_SEVERAL[key]}"
    if item["type"] == "value_error":
        return f"{where}: the first number {item['msg'].removeprefix('Value error, ')}"
    if item["type"] in MUST:
        return f"{where} {MUST[item['type']]}, not {value!r}"
    words = item["msg"].removeprefix("Input ").replace("should", "must")
    return f"{where} {words}, not {value!r}"


_SEVERAL = {
    "action_scale": 'a positive number, or several by pattern: { "*hip*" = 0.2, "*" = 0.5 }',
    "increments": 'a positive number, or several by pattern: { "*finger*" = 0.01, "*" = 0.03 }',
    "pose": "a table from joints to numbers (7 of them for a free joint): { knee = -1.2 }",
    "goal_region": "two corners: [[x, y, z], [x, y, z]]",
}  # fmt: skip
