"""What every perturbation declares, and the scratch pad on which its values become physics."""

from __future__ import annotations

import fnmatch
from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, ClassVar

import mujoco
import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from fastadapt.envs.errors import FastadaptError, unknown_name
from fastadapt.envs.laws import Law
from fastadapt.envs.simulation import Ids, Simulation

Array = NDArray[np.float64]


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
    """

    name: str
    unit: str
    nominal: float
    low: float
    high: float
    struck: float | None = None


class Edit:
    """Working copies of model fields for some simulations, begun at their nominal values.

    Perturbations of one task compose by writing onto it one after the other; `commit` then puts the
    result into the simulations. Nothing reads the current values, so nothing can compound.
    """

    def __init__(self, sim: Simulation, ids: Ids) -> None:
        self.sim = sim
        self.model = sim.model
        self.ids = ids
        self._fields: dict[str, NDArray] = {}
        self._eq_active: NDArray[np.bool_] | None = None

    def __getitem__(self, field: str) -> NDArray:
        """Return the `(n, ...)` working copy of a model field."""
        if field not in self._fields:
            nominal = np.asarray(getattr(self.model, field))
            self._fields[field] = np.repeat(nominal[None], len(self.ids), axis=0)
        return self._fields[field]

    @property
    def eq_active(self) -> NDArray[np.bool_]:
        """The `(n, neq)` working copy of the switches of the equality constraints."""
        if self._eq_active is None:
            nominal = np.asarray(self.model.eq_active0).astype(bool)
            self._eq_active = np.repeat(nominal[None], len(self.ids), axis=0)
        return self._eq_active

    @property
    def qpos(self) -> Array:
        """The `(n, nq)` current positions."""
        return self.sim.data("qpos")[self.ids]

    def commit(self, stale: Collection[str]) -> None:
        """Write the working copies to the simulations.

        Args:
            stale: fields on which derived constants depend; `mj_setConst`, which costs about as
                much as a control step, runs where one of them has changed.
        """
        changed = np.zeros(len(self.ids), bool)
        for name, values in self._fields.items():
            field = self.sim.field(name)
            if name in stale:
                changed |= (field[self.ids] != values).reshape(len(values), -1).any(axis=1)
            field[self.ids] = values
        if self._eq_active is not None:
            self.sim.data("eq_active")[self.ids] = self._eq_active
        if changed.any():
            self.sim.set_const(self.ids[changed])


class Perturbation(BaseModel, ABC):
    """One typed physical change, as declared in a task file.

    Subclasses state in their docstring the `MjModel`/`MjData` fields that they write, the unit,
    whether derived constants go stale, the physical bounds, and the source.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    target_type: ClassVar[str]
    """What the targets are: body, geom, joint or actuator."""
    parameters: ClassVar[tuple[Parameter, ...]]
    fields: ClassVar[tuple[str, ...]]
    """Model fields written."""
    stale: ClassVar[bool]
    """Whether derived constants go stale, so that `mj_setConst` has to run."""

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
    onset: Law | None = None
    """When it begins, in seconds of the episode (default: at reset)."""

    @model_validator(mode="after")
    def _shared_by_all(self) -> Perturbation:
        if self.shared and (self.strike is not None or self.among is not None):
            raise ValueError("a shared value strikes all targets: leave 'strike' and 'among' out")
        return self

    @abstractmethod
    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        """Write values onto the working copies.

        Args:
            edit: working copies for n simulations.
            targets: `(k,)` MuJoCo ids of the targets.
            values: `(n, k, parameters)`.
        """

    def law_of(self, parameter: Parameter) -> Law | None:
        """Return the declared law of a parameter, None where there is none."""
        return getattr(self, parameter.name, None)

    def meaning(self) -> dict[str, Any]:
        """Return what its values mean, as plain values: all but the laws and who is struck."""
        laws = {parameter.name for parameter in self.parameters}
        drawn = {"among", "strike", "group", "weight", "onset", "targets"}
        return self.model_dump(mode="json", exclude=laws | drawn)

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the targets in this model, in the model's order.

        Raises:
            FastadaptError: a pattern matches nothing; the message lists the valid names.
        """
        return match_names(model, self.target_type, self.targets, self.name)


def names_of(model: mujoco.MjModel, target_type: str) -> list[str]:
    """Return the names of all bodies (but the world), geoms, joints or actuators."""
    count = {
        "body": model.nbody,
        "geom": model.ngeom,
        "joint": model.njnt,
        "actuator": model.nu,
    }[target_type]
    access = getattr(model, target_type)
    names = [access(i).name for i in range(count)]
    return [name for name in names if name and not (target_type == "body" and name == "world")]


def match_names(
    model: mujoco.MjModel, target_type: str, patterns: tuple[str, ...], owner: str
) -> tuple[str, ...]:
    """Return the names that match any of the glob patterns, in the model's order."""
    names = names_of(model, target_type)
    for pattern in patterns:
        if not fnmatch.filter(names, pattern):
            raise FastadaptError(
                f"Perturbation '{owner}': {unknown_name(target_type, pattern, names)}"
            )
    return tuple(n for n in names if any(fnmatch.fnmatchcase(n, p) for p in patterns))


def ids_of(model: mujoco.MjModel, target_type: str, names: tuple[str, ...]) -> Ids:
    """Return the MuJoCo ids of named things, `(k,)`."""
    access = getattr(model, target_type)
    return np.array([access(name).id for name in names], np.intp)
