"""The table `[environment]` of a task-set file: what may stand in it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from fastadapt.envs.custom.mjcf import Integrator, Servo
from fastadapt.envs.messages import MUST
from fastadapt.errors import FastadaptError, unknown_name

Positive = Annotated[float, Field(gt=0)]


def _ordered(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError("must not be larger than the second")
    return ends


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ClassTable(_Table):
    """An environment that is a Python class."""

    class_: str = Field(alias="class")
    """`module:Class`; the module lies beside the task-set file or is installed."""


class RobotTable(_Table):
    """A robot and what all objectives need to know of it."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,50}$")] | None = None
    """What the environment is called (default: as the file of the model, and the objective)."""
    model: str
    """MJCF file: a path, `package:<package>/<path>` or `menagerie:<robot>`."""
    objective: Any
    control_step: Positive = 0.02
    """Duration of a control step [s], a multiple of the model's time step (default: 0.02)."""
    horizon: Positive = 10.0
    """Duration of an episode [s], rounded to whole control steps (default: 10)."""
    keyframe: str | None = None
    """Keyframe with the nominal pose (default: the first one, or the model's initial pose)."""
    pose: Mapping[str, float | tuple[float, ...]] = {}
    """Joint positions that differ from it [rad or m; 7 numbers for a free joint]."""
    joints: tuple[str, ...] | None = None
    """Hinges and slides that are observed and start with noise, by name or pattern (default: all
    that an actuator moves, and passive ones, but not those that carry the root)."""
    lockable: tuple[str, ...] | None = None
    """Hinges and slides that can be locked (default: `joints`)."""
    feet: tuple[str, ...] = ()
    """Geoms that touch the ground first."""
    servos: tuple[Servo, ...] = ()
    """Position servos in place of the model's actuators."""
    remove: tuple[str, ...] = ()
    """Bodies, joints, geoms, actuators and equalities of the model to leave out."""
    floor: bool | None = None
    """Whether to add a ground plane (default: where the robot moves about and has no ground)."""
    timestep: Positive | None = None
    """Physics time step [s] (default: the model's)."""
    integrator: Integrator | None = None
    """Integrator (default: the model's)."""
    weights: Mapping[str, float] = {}
    """Weights of the reward's terms that differ from the objective's."""


class PosedTable(RobotTable):
    """A robot whose actions are about its nominal pose."""

    action_scale: Positive | Mapping[str, Positive] | None = None
    """How far an action of 1 moves the target of a servo [rad or m], or that by actuator."""
    start_noise: Annotated[float, Field(ge=0)] | None = None
    """Joints start uniform within this of the nominal pose [rad or m]."""
    start_speed: Annotated[float, Field(ge=0)] | None = None
    """Joint velocities start uniform within this of 0 [rad/s or m/s]."""


class MovingTable(PosedTable):
    """A robot that moves about."""

    root: str | None = None
    """The body that is to move (default: the first with a free joint, or the first that moves)."""
    healthy_height: Range | None = None
    """Heights of the root [m] outside of which the episode ends (default: from 0.4 times the
    nominal height, where that is above 0)."""
    healthy_tilt: Positive | None = None
    """Tilt of the root [rad] beyond which the episode ends (default: 1)."""


class RunForwardTable(MovingTable):
    """Run along x."""


class TrackVelocityTable(MovingTable):
    """Walk at a commanded speed."""

    speeds: Range | None = None
    """Commands are uniform between these [m/s]."""
    speed_width: Positive | None = None
    """Error of the velocity at which its reward falls to 1/e [m/s]."""
    turn_width: Positive | None = None
    """Yaw rate at which its reward falls to 1/e [rad/s]."""


class StayUprightTable(MovingTable):
    """Stay upright, and in place."""

    root_speed: Annotated[float, Field(ge=0)] | None = None
    """Largest initial velocity of the root, in each of its degrees of freedom [m/s, rad/s]."""


class ReachSiteTable(PosedTable):
    """Bring a site to a goal."""

    site: str
    """Name of the site."""
    goal_region: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None
    """Lowest and highest corner of the box of goals [m] (default: where the site can be)."""
    goal_reach: Positive | None = None
    """How far the joints of a goal are from the nominal pose, at most [rad or m]."""
    lowest_goal: float | None = None
    """No goal is lower than this [m], where there is no `goal_region`."""
    near: Positive | None = None
    """Distance at which half of the reward has come [m]."""
    there: Positive | None = None
    """Distance at which the rest has [m]."""


class BringObjectTable(RobotTable):
    """Bring an object to a goal."""

    object: str
    """Body with a free joint that is to be moved."""
    site: str
    """Site of the robot that pushes or grasps."""
    increments: Positive | Mapping[str, Positive] | None = None
    """How far an action of 1 moves the target of a servo in one control step [rad or m], or that by
    actuator (default: 1 rad/s, 0.1 m/s)."""
    leash: Positive | None = None
    """How far a target may be from where its joint is [rad or m]."""
    joint_noise: Annotated[float, Field(ge=0)] | None = None
    """Joints start uniform within this of the nominal pose [rad or m]."""
    object_region: tuple[float, float] | None = None
    """The object starts uniform within this of its nominal x and y [m]."""
    object_yaw: Range | None = None
    """The object starts turned by an angle between these [rad]."""
    goal_distance: Range | None = None
    """Horizontal distance of the goal from where the object starts [m]."""
    goal_direction: Range | None = None
    """Direction of the goal from there, from the x axis [rad]."""
    goal_height: Range | None = None
    """Height of the goal above where the object starts [m]."""
    standoff: Annotated[float, Field(ge=0)] | None = None
    """How far behind the object's centre it is pushed [m]."""
    success_distance: Positive | None = None
    """Distance that counts as success [m]."""


TABLES: dict[str, type[RobotTable]] = {
    "run-forward": RunForwardTable,
    "track-velocity": TrackVelocityTable,
    "reach-site": ReachSiteTable,
    "bring-object": BringObjectTable,
    "stay-upright": StayUprightTable,
}


def table_of(content: Mapping[str, Any]) -> type[ClassTable] | type[RobotTable]:
    """Return the schema of a table, from what it says of itself."""
    if "class" in content:
        return ClassTable
    return TABLES.get(str(content.get("objective")), RobotTable)


def read_table(content: Mapping[str, Any]) -> ClassTable | RobotTable:
    """Validate a table `[environment]`.

    Raises:
        FastadaptError: it does not follow its schema; the message names every wrong key.
    """
    schema = table_of(content)
    if schema is RobotTable:
        if "objective" in content:
            raise unknown_name("objective", str(content["objective"]), TABLES)
        for key in difflib.get_close_matches("objective", content, n=1):
            raise unknown_name("key of [environment] called", key, {"objective", "class"})
        raise FastadaptError(
            "environment.objective is missing: what is the robot to do? Available: "
            f'{", ".join(sorted(TABLES))}. (Or name a Python class: class = "module:Class".)'
        )
    try:
        return schema.model_validate(content)
    except ValidationError as error:
        told = [_told(item, schema) for item in error.errors()]
        raise FastadaptError("; ".join(dict.fromkeys(told)) + ".") from None


def _told(item: ErrorDetails, schema: type[BaseModel]) -> str:
    """Return what is wrong in one place of the table."""
    place, value = item["loc"], item["input"]
    where = ".".join(["environment", *map(str, place)])
    key = str(place[0]) if place else ""
    if item["type"] == "missing":
        return f"{where} is missing"
    if schema is ClassTable:
        return f"{where}: a class stands alone in [environment], leave the other keys out"
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
