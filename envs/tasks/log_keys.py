"""The table `[log]` of a task-set file: the columns of a recorded log, and what they measure."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class LogColumn(BaseModel):
    """One column of a log; `"name"` alone stands for `{ column = "name" }`."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    column: str | tuple[str, ...]
    """Name of the column; `{name}` in it stands for the joint, actuator or sensor. Of a free joint,
    or a sensor with several numbers, a list of names, or the name before `[0]`, `[1]`, ..."""
    unit: str = ""
    """Unit in the log: rad, deg, rev, m, cm, mm, the same per s, rpm, N, N m, s, ms, us, ns
    (default: that of the model)."""
    sign: Literal[1, -1] = 1
    """-1: the log counts the other way."""
    scale: float = Field(default=1.0, gt=0)
    """Factor from the log to the unit, for readings in counts or percent."""
    offset: float = 0.0
    """Added after unit, sign and scale, in the unit of the model."""
    time_offset: float = 0.0
    """Added to the times of this column [s]: negative where the log stamps it late."""
    noise: float | None = Field(default=None, gt=0)
    """Standard deviation of its noise, in the unit of the model (default: estimated)."""

    @model_validator(mode="before")
    @classmethod
    def _name_alone(cls, content: Any) -> Any:
        return {"column": content} if isinstance(content, str | list | tuple) else content


class LogKeys(BaseModel):
    """The mapping from the columns of a log to the robot.

    Keys of `commands`, `positions`, `velocities` and `sensors` are names or patterns of actuators,
    joints and MuJoCo sensors. The default is the layout of fastadapt's own recordings.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    time: LogColumn = LogColumn(column="time")
    """The clock. MCAP messages have times of their own, and a table may have one clock alone."""
    commands: dict[str, LogColumn] = {"*": LogColumn(column="command/{name}")}
    """What was sent to the actuators, in the unit of MuJoCo's `ctrl`; of every actuator."""
    positions: dict[str, LogColumn] = {"*": LogColumn(column="position/{name}")}
    """Measured joint positions; of a free joint x, y, z and the quaternion w, x, y, z."""
    velocities: dict[str, LogColumn] = {}
    """Measured joint velocities (default: none); of a free joint the linear one in the world, the
    angular one in the axes of the body."""
    sensors: dict[str, LogColumn] = {}
    """Readings of sensors that the model declares (default: none)."""
