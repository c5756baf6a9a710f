"""What every perturbation declares, and the scratch pad on which its values become physics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import mujoco
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.model.names import ids_of, match_names
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.simulation.interface import Simulation

if TYPE_CHECKING:
    from fastadapt.envs.environment import Environment


TIMES = ("onset", "ramp", "repair", "duration")
"""Keys of a perturbation that say when it begins and ends, each a law in seconds."""

_YOUNGER = {"along_with", "event", "ramp", "repair", "duration", "between"}


@dataclass(frozen=True)
class Parameter:
    """One number of a perturbation.

    Attributes:
        name: its key in a task file.
        unit: its unit; "x" is a multiple of the nominal value, "-" a pure number or a switch.
        nominal: the value that changes nothing.
        low: the smallest value that is physically possible.
        high: the largest.
        struck: the value on a struck target where the task file gives no law; None: must be given.
        whole: whether only whole numbers are possible.
    """

    name: str
    unit: str
    nominal: float
    low: float
    high: float
    struck: float | None = None
    whole: bool = False


class Perturbation(BaseModel, ABC):
    """One typed physical change, as declared in a task file.

    Subclasses state in their docstring the `MjModel`/`MjData` fields that they write, the unit,
    whether derived constants go stale, the physical bounds, and the source.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    target_type: ClassVar[str]
    """What the targets are: body, geom, joint, actuator, world, observation or goal."""
    parameters: ClassVar[tuple[Parameter, ...]]
    fields: ClassVar[tuple[str, ...]]
    """Model fields written."""
    signals: ClassVar[tuple[str, ...]] = ()
    """Signals written (see `Signals`)."""
    stale: ClassVar[bool]
    """Whether derived constants go stale, so that `mj_setConst` has to run."""
    stage: ClassVar[int] = 1
    """When it is applied: those of a later stage build on what earlier ones have written."""
    together: ClassVar[bool] = False
    """Whether all of this kind are applied where one of them is: what they write depends on all."""
    flickers: ClassVar[bool] = False
    """Whether it holds off and on, as its own parameters say (see `Flicker`)."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Unique in its task set; parameters are called `name.parameter[target]`."""
    targets: tuple[str, ...] = Field(min_length=1)
    """Names or glob patterns of everything that this perturbation may change."""
    among: tuple[str, ...] | None = Field(default=None, min_length=1)
    """The targets that can be struck (default: all). Splits override this to hold a site out."""
    strike: int | None = Field(default=None, ge=1)
    """How many of the targets are struck in one task (default: all of them)."""
    shared: bool = False
    """One draw for all the targets, in place of one for each."""
    group: str | None = None
    """Perturbations of one group are alternatives: `groups.<group>.strike` of them strike."""
    weight: float = Field(default=1.0, ge=0)
    """How often this one is chosen in its group."""
    along_with: str | None = None
    """It strikes in the tasks in which the perturbation of this name does (default: on its own)."""
    onset: Law | None = None
    """When it begins, in seconds of the episode (default: at reset)."""
    event: Literal["touch-down"] | None = None
    """It begins when a foot next touches the ground, at the onset or later."""
    ramp: Law | None = None
    """Seconds over which the values go from nominal to what they are (default: at once)."""
    repair: Law | None = None
    """When it ends, all at once, in seconds of the episode (default: never)."""
    duration: Law | None = None
    """Seconds from when it begins to when it ends; in place of `repair`."""

    @model_serializer(mode="wrap")
    def _without_unset(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out keys that are younger than the first hashes, where they are not used."""
        return {k: v for k, v in handler(self).items() if v is not None or k not in _YOUNGER}

    @model_validator(mode="after")
    def _ends_once(self) -> Perturbation:
        if self.repair is not None and self.duration is not None:
            raise ValueError("it ends after a 'duration' or at a 'repair': leave one of them out")
        return self

    @model_validator(mode="after")
    def _switches_at_once(self) -> Perturbation:
        if self.ramp is None or not self.is_switch():
            return self
        if self.flickers:
            raise ValueError("what comes and goes by itself has no ramp: leave 'ramp' out")
        parameter = self._sudden()[0]
        what = "a whole number" if parameter.whole else "a switch"
        raise ValueError(f"'{parameter.name}' is {what} and has no ramp: leave 'ramp' out")

    @model_validator(mode="after")
    def _shared_by_all(self) -> Perturbation:
        if self.shared and (self.strike is not None or self.among is not None):
            raise ValueError("a shared value strikes all targets: leave 'strike' and 'among' out")
        return self

    @abstractmethod
    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        """Write values onto the working copies; nominal ones must leave them as they are.

        It is not called where the values are nominal in all robots.

        Args:
            edit: working copies for n simulations.
            targets: `(k,)` MuJoCo ids of the targets.
            values: `(n, k, parameters)`.
        """

    def is_switch(self) -> bool:
        """Return whether it holds or does not, with nothing in between."""
        return bool(self._sudden()) or self.flickers

    def _sudden(self) -> list[Parameter]:
        keys = type(self).model_fields
        return [p for p in self.parameters if p.whole or p.name not in keys]

    def pose(self, sim: Simulation, ids: Ids, targets: Ids) -> None:
        """Put freshly reset robots into a pose that it allows (default: any).

        Args:
            sim: the simulations, the perturbations applied.
            ids: `(n,)` robots.
            targets: `(k,)` MuJoCo ids of the targets.
        """

    def decides(self, model: mujoco.MjModel, targets: Ids) -> dict[str, tuple[Ids, Ids]]:
        """Return which entries of the fields are decided by each target alone, of what flickers.

        Nothing else in the model may depend on whether a target is struck.

        Args:
            model: the nominal model.
            targets: `(k,)` MuJoCo ids of the targets.

        Returns:
            For each field that it writes, positions of targets and the entries, along the first
            axis of the field, that they decide: two arrays of the same length.
        """
        raise TypeError(f"{type(self).__name__} does not flicker")

    def law_of(self, parameter: Parameter) -> Law | None:
        """Return the declared law of a parameter, None where there is none."""
        return getattr(self, parameter.name, None)

    def meaning(self) -> dict[str, Any]:
        """Return what its values mean, as plain values: all but the laws and who is struck."""
        laws = {parameter.name for parameter in self.parameters}
        drawn = {"among", "strike", "group", "weight", "along_with", "targets", *TIMES}
        return self.model_dump(mode="json", exclude=laws | drawn)

    def times(self) -> dict[str, Law]:
        """Return the laws of when it begins and ends, as far as declared."""
        laws = {name: getattr(self, name) for name in TIMES}
        return {name: law for name, law in laws.items() if law is not None}

    def targets_in(self, environment: type[Environment]) -> tuple[str, ...]:
        """Return the names of the targets in an environment, in its order.

        Raises:
            FastadaptError: a pattern matches nothing; the message lists the valid names.
        """
        return self.resolve(environment.model())

    def ids_in(self, environment: type[Environment], targets: tuple[str, ...]) -> Ids:
        """Return what `apply` calls these targets, `(k,)`: MuJoCo's ids, or positions."""
        return ids_of(environment.model(), self.target_type, targets)

    def parameters_of(self, environment: type[Environment], target: str) -> tuple[Parameter, ...]:
        """Return the parameters as they are on one target (its unit, its nominal value)."""
        return self.parameters

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the targets in this model, in the model's order.

        Raises:
            FastadaptError: a pattern matches nothing; the message lists the valid names.
        """
        return match_names(model, self.target_type, self.targets, self.name)
