"""The base class of perturbations, and the parameters that they declare."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args

import mujoco
from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.model.bodies import body_of
from fastadapt.envs.model.marks import Mark
from fastadapt.envs.model.names import ids_of, match_names
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.errors import FastadaptError

if TYPE_CHECKING:
    from fastadapt.envs.environment import Environment


TIMES = ("onset", "ramp", "repair", "duration")
"""Keys that give the times at which a perturbation begins and ends, distributions in seconds."""

ALIASES = {"count": "strike", "eligible": "among", "with": "along_with", "alternatives": "group"}
"""Accepted names of keys, and the names of the same keys in hashes and in Python."""

_LATER_KEYS = {"along_with", "event", "ramp", "repair", "duration", "between"}

_PLURALS = {
    "body": "bodies",
    "world": 'the robot as a whole (`targets = ["*"]`)',
    "observation": "channels of the observation",
    "goal": "hidden goals",
}


@dataclass(frozen=True)
class Parameter:
    """One number of a perturbation.

    Attributes:
        name: its key in a task file.
        unit: its unit; "x" is a multiple of the nominal value, "-" a pure number or a switch.
        nominal: the value that changes nothing.
        low: the smallest value that is physically possible.
        high: the largest value that is physically possible.
        default: the value on an affected target where the task file gives no distribution; None:
            a distribution is required.
        whole: whether only whole numbers are possible.
    """

    name: str
    unit: str
    nominal: float
    low: float
    high: float
    default: float | None = None
    whole: bool = False


class Perturbation(BaseModel, ABC):
    """One typed physical change, as declared in a task file.

    A subclass states in its docstring the `MjModel`/`MjData` fields that it writes, the unit,
    whether derived constants go stale, the physical bounds, and the source.
    `fastadapt.testing.check_perturbation` checks a subclass.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    target_type: ClassVar[str]
    """Type of the targets: body, geom, joint, actuator, world, observation or goal."""
    parameters: ClassVar[tuple[Parameter, ...]]
    """The parameters, in the order of the last axis of `values` in `apply`."""
    fields: ClassVar[tuple[str, ...]]
    """Model fields written."""
    signals: ClassVar[tuple[str, ...]] = ()
    """Signals written (see `Signals`)."""
    stale: ClassVar[frozenset[str]] = frozenset()
    """Fields written from which MuJoCo derives constants: a change of one runs `mj_setConst`."""
    stage: ClassVar[int] = 1
    """Order of application: a later stage builds on what earlier stages have written."""
    coupled: ClassVar[bool] = False
    """Whether all perturbations of the kind are applied where any of them is in force."""
    intermittent: ClassVar[bool] = False
    """Whether it is an intermittent fault: its first two parameters are fraction and duration."""
    damage: ClassVar[bool] = False
    """Whether it is damage or a fault rather than variation: it is shown and named in reports."""
    probe: ClassVar[str | None] = None
    """Physical measure of its effect: a name of `fastadapt.envs.sanity.probes.PROBES` or a target
    `"module:PROBE"`; None: the deviation of the motion."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Unique in its task set; parameters are called `name.parameter[target]`."""
    targets: tuple[str, ...] = Field(min_length=1)
    """Names or glob patterns of everything that this perturbation may change."""
    among: tuple[str, ...] | None = Field(
        default=None, min_length=1, validation_alias=AliasChoices("among", "eligible")
    )
    """The eligible targets (default: all). Splits override this to hold a site out."""
    strike: int | None = Field(default=None, ge=1, validation_alias=AliasChoices("strike", "count"))
    """Number of targets that are affected in one task (default: all eligible ones)."""
    shared: bool = False
    """One draw for all the targets, in place of one for each."""
    group: str | None = Field(default=None, validation_alias=AliasChoices("group", "alternatives"))
    """Name of a group of alternatives, of which `[groups.<group>]` says how many are active."""
    weight: float = Field(default=1.0, ge=0)
    """Relative frequency with which this alternative is chosen in its group."""
    along_with: str | None = Field(
        default=None, validation_alias=AliasChoices("along_with", "with")
    )
    """Name of another perturbation: this one is active in the same tasks (default: on its own)."""
    onset: Law | None = None
    """Time at which it begins, in seconds of the episode (default: at reset)."""
    event: Literal["touch-down"] | None = None
    """Event that starts it: a foot touches the ground, at the onset or later."""
    ramp: Law | None = None
    """Seconds over which the values go from nominal to their full size (default: at once)."""
    repair: Law | None = None
    """Time at which it ends, all at once, in seconds of the episode (default: never)."""
    duration: Law | None = None
    """Seconds from its beginning to its end; in place of `repair`."""

    @model_serializer(mode="wrap")
    def _without_unset(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out unused keys that were added after the first hashes were taken."""
        return {k: v for k, v in handler(self).items() if v is not None or k not in _LATER_KEYS}

    @model_validator(mode="before")
    @classmethod
    def _one_name_for_each_key(cls, content: Any) -> Any:
        refuse_both_names(content, ALIASES)
        return content

    @model_validator(mode="after")
    def _ends_once(self) -> Perturbation:
        if self.repair is not None and self.duration is not None:
            raise ValueError("it ends after a 'duration' or at a 'repair': leave one of them out")
        return self

    @model_validator(mode="after")
    def _switches_have_no_ramp(self) -> Perturbation:
        if self.ramp is None or not self.is_switch():
            return self
        if self.intermittent:
            raise ValueError("an intermittent fault has no ramp: leave 'ramp' out")
        parameter = self._discrete()[0]
        what = "a whole number" if parameter.whole else "a switch"
        raise ValueError(f"'{parameter.name}' is {what} and has no ramp: leave 'ramp' out")

    @model_validator(mode="after")
    def _shared_by_all_targets(self) -> Perturbation:
        if self.shared and (self.strike is not None or self.among is not None):
            raise ValueError(
                "a shared value affects all targets: leave 'count' and 'eligible' ('strike' and "
                "'among') out"
            )
        return self

    @abstractmethod
    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        """Write values onto the working copies; nominal values leave them as they are.

        It is not called where the values are nominal in all robots.

        Args:
            edit: working copies for n simulations.
            targets: `(k,)` MuJoCo ids of the targets.
            values: `(n, k, parameters)`.
        """

    @classmethod
    def kind_name(cls) -> str:
        """Return the name of the kind in task files.

        Raises:
            FastadaptError: the class declares no `kind: Literal["..."]`.
        """
        field = cls.model_fields.get("kind")
        names = get_args(field.annotation) if field is not None else ()
        if len(names) != 1:
            raise FastadaptError(
                f"{cls.__name__} declares no `kind: Literal[...]` with its name in task files. "
                "Declare it in the class."
            )
        return str(names[0])

    @classmethod
    def target_words(cls) -> str:
        """Return the type of the targets in the plural, for documentation."""
        return _PLURALS.get(cls.target_type, f"{cls.target_type}s")

    def is_damage(self) -> bool:
        """Return whether reports show it as damage: by its kind, or as one of alternatives."""
        return self.damage or self.group is not None

    def is_switch(self) -> bool:
        """Return whether it is either on or off, with nothing in between."""
        return bool(self._discrete()) or self.intermittent

    def _discrete(self) -> list[Parameter]:
        keys = type(self).model_fields
        return [p for p in self.parameters if p.whole or p.name not in keys]

    def probe_of(self, parameter: str) -> str | None:
        """Return the measure of the effect of one parameter, as `probe` names it."""
        return self.probe

    def pose(self, sim: Simulation, ids: Ids, targets: Ids) -> None:
        """Move freshly reset robots into a pose that the perturbation allows (default: any).

        Args:
            sim: the simulations, the perturbations applied.
            ids: `(n,)` robots.
            targets: `(k,)` MuJoCo ids of the targets.
        """

    def in_force(self, sim: Simulation, ids: Ids, targets: Ids, values: Array) -> Array:
        """Return values as robots in motion hold them (default: as drawn).

        A kind overrides it whose values the state of the robot at the onset decides.

        Args:
            sim: the simulations, the perturbations applied.
            ids: `(n,)` robots.
            targets: `(k,)` MuJoCo ids of the targets.
            values: `(n, k, parameters)`, as drawn.
        """
        return values

    def entries_of(self, model: mujoco.MjModel, targets: Ids) -> dict[str, tuple[Ids, Ids]]:
        """Return the entries of the fields that each target of an intermittent fault decides.

        Nothing else in the model may depend on whether a target is faulty.

        Args:
            model: the nominal model.
            targets: `(k,)` MuJoCo ids of the targets.

        Returns:
            For each field that it writes, positions of targets and the entries, along the first
            axis of the field, that they decide: two arrays of the same length.
        """
        raise TypeError(f"{type(self).__name__} is not intermittent")

    def law_of(self, parameter: Parameter) -> Law | None:
        """Return the declared distribution of a parameter, None where there is none."""
        return getattr(self, parameter.name, None)

    def meaning(self) -> dict[str, Any]:
        """Return everything that fixes the meaning of its values, as plain values.

        Left out are the distributions and the choice of affected targets.
        """
        laws = {parameter.name for parameter in self.parameters}
        drawn = {"among", "strike", "group", "weight", "along_with", "targets", *TIMES}
        return self.model_dump(mode="json", exclude=laws | drawn)

    def times(self) -> dict[str, Law]:
        """Return the declared distributions of the times at which it begins and ends."""
        laws = {name: getattr(self, name) for name in TIMES}
        return {name: law for name, law in laws.items() if law is not None}

    def targets_in(self, environment: type[Environment]) -> tuple[str, ...]:
        """Return the names of the targets in an environment, in its order.

        Raises:
            FastadaptError: a pattern matches nothing; the message lists the valid names.
        """
        return self.resolve(environment.model())

    def ids_in(self, environment: type[Environment], targets: tuple[str, ...]) -> Ids:
        """Return the ids of targets in `apply`, `(k,)`: MuJoCo's ids, or positions."""
        return ids_of(environment.model(), self.target_type, targets)

    def parameters_of(self, environment: type[Environment], target: str) -> tuple[Parameter, ...]:
        """Return the parameters as they are on one target (its unit, its nominal value)."""
        return self.parameters

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the targets in a model, in the model's order.

        Raises:
            FastadaptError: a pattern matches nothing; the message lists the valid names.
        """
        return match_names(model, self.target_type, self.targets, self.name)

    def marks(self, model: mujoco.MjModel, targets: Ids, values: Array) -> list[Mark]:
        """Return what pictures show beside the robot (default: nothing).

        Args:
            model: the nominal model.
            targets: `(k,)` MuJoCo ids of the targets whose values are not nominal.
            values: `(k, parameters)`.
        """
        return []

    def body_of(self, model: mujoco.MjModel, target: int) -> int | None:
        """Return the body that carries a target, None if no single body does; for pictures."""
        return body_of(model, self.target_type, target)


def refuse_both_names(content: Any, aliases: Mapping[str, str]) -> None:
    """Raise where a table gives a key under both of its names.

    Raises:
        ValueError: it does; the message names both.
    """
    if not isinstance(content, Mapping):
        return
    for alias, key in aliases.items():
        if alias in content and key in content:
            raise ValueError(f"'{alias}' and '{key}' are two names of one key: leave one out")
