"""The base of all objectives, and how a table `[environment]` configures one."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, get_args, get_type_hints

import mujoco
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, create_model

from fastadapt.envs.arrays import Array
from fastadapt.envs.environment import Environment


def _ordered(ends: tuple[float, float]) -> tuple[float, float]:
    if ends[0] > ends[1]:
        raise ValueError("must not be larger than the second")
    return ends


Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
"""Lower and upper end."""


class Keys(BaseModel):
    """Keys of a table `[environment]`; objectives derive from it to add keys of their own."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


@dataclass(frozen=True)
class RobotModel:
    """A robot that a table `[environment]` declares, compiled.

    Attributes:
        model: the compiled model.
        qpos: the nominal pose, `(nq,)`.
        keyframe: name of the keyframe with that pose.
        root: name of the body that the objective is about.
        joints: names of the hinges and slides that are observed.
        control_step: duration of a control step [s].
    """

    model: mujoco.MjModel
    qpos: Array
    keyframe: str
    root: str
    joints: tuple[str, ...]
    control_step: float


class Objective(Environment):
    """An environment without a robot: a subclass gives it one, or a table `[environment]` does.

    The numbers of an objective are annotated class attributes. Those named in `settings` can also
    be set in the table, under the same name and checked by the same annotation, which may carry
    pydantic's constraints: `speed_width: ClassVar[Positive] = 0.4`.
    """

    settings: ClassVar[tuple[str, ...]] = ()
    """Class attributes that a table sets (optional there if they have a value here)."""
    keys: ClassVar[type[Keys]] = Keys
    """Further keys of the table, which `fit` turns into class attributes."""
    moves_about: ClassVar[bool] = False
    """True if the robot as a whole moves: it gets a ground, and passive joints are observed."""

    @classmethod
    def fit(cls, table: Any, robot: RobotModel) -> Mapping[str, Any]:
        """Return the class attributes that follow from a declaration and its model.

        Settings that the table gives take precedence.

        Args:
            table: the validated table, an instance of `table_of`.
            robot: the compiled robot.

        Raises:
            FastadaptError: the robot does not suit the objective.
        """
        return {}


@functools.cache
def table_of(objective: type[Objective], base: type[Keys]) -> type[Keys]:
    """Return the schema of the table that declares a robot for an objective.

    Args:
        objective: whose settings and keys are added.
        base: the keys that all objectives share.
    """
    hints = get_type_hints(objective, include_extras=True)
    fields: dict[str, Any] = {}
    for name in objective.settings:
        (annotation,) = get_args(hints[name])  # of ClassVar
        required = not hasattr(objective, name)
        fields[name] = (annotation, ...) if required else (annotation | None, None)
    return create_model(f"{objective.__name__}Table", __base__=(base, objective.keys), **fields)


def settings_in(table: Keys, objective: type[Objective]) -> dict[str, Any]:
    """Return the settings of an objective that a table gives."""
    values = {name: getattr(table, name) for name in objective.settings}
    return {name: value for name, value in values.items() if value is not None}
