"""The working copies on which the values of perturbations become physics."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.simulation.interface import Simulation, model_field

if TYPE_CHECKING:
    from fastadapt.envs.perturbations.signals import Signals


class Edit:
    """Working copies of model fields and signals of some robots, begun at their nominal values.

    Perturbations of one task compose by writing onto it one after the other; `commit` then puts the
    result into the simulations. Nothing reads the current values, so nothing can compound.
    """

    def __init__(self, sim: Simulation, ids: Ids, signals: Signals | None = None) -> None:
        self.sim = sim
        self.model = sim.model
        self.ids = ids
        self._live = signals
        self.notes: dict[str, Any] = {}
        """What perturbations of one kind tell each other, where their effects do not multiply."""
        self._fields: dict[str, NDArray] = {}
        self._signals: dict[str, NDArray] = {}
        self._eq_active: NDArray[np.bool_] | None = None

    def __getitem__(self, field: str) -> NDArray:
        """Return the `(n, ...)` working copy of a model field."""
        if field not in self._fields:
            nominal = np.asarray(model_field(self.model, field))
            self._fields[field] = np.repeat(nominal[None], len(self.ids), axis=0)
        return self._fields[field]

    def __contains__(self, field: str) -> bool:
        """Return whether a model field has a working copy."""
        return field in self._fields

    def signal(self, name: str) -> NDArray:
        """Return the `(n, ...)` working copy of a signal (see `Signals`)."""
        if name not in self._signals:
            nominal = self.nominal_signal(name)
            self._signals[name] = np.repeat(nominal[None], len(self.ids), axis=0)
        return self._signals[name]

    def nominal_signal(self, name: str) -> NDArray:
        """Return the nominal values of a signal, of one robot."""
        assert self._live is not None, "this edit is of a model alone"
        return self._live.nominal(name)

    @property
    def eq_active(self) -> NDArray[np.bool_]:
        """The `(n, neq)` working copy of the switches of the equality constraints."""
        if self._eq_active is None:
            nominal = np.asarray(self.model.eq_active0).astype(bool)
            self._eq_active = np.repeat(nominal[None], len(self.ids), axis=0)
        return self._eq_active

    def touched(self) -> list[Copy]:
        """Return what has a working copy."""
        switches = [] if self._eq_active is None else [Copy("switch", "eq_active")]
        fields = [Copy("field", name) for name in self._fields]
        return [*switches, *fields, *(Copy("signal", name) for name in self._signals)]

    def touch(self, copy: Copy) -> None:
        """Make a working copy, nominal unless there is one."""
        if copy.what == "field":
            self[copy.name]
        elif copy.what == "signal":
            self.signal(copy.name)
        else:
            self.eq_active  # noqa: B018

    @property
    def qpos(self) -> Array:
        """The `(n, nq)` current positions."""
        return self.sim.data("qpos")[self.ids]

    def commit(self, stale: Collection[str]) -> None:
        """Write the working copies to the simulations.

        Args:
            stale: fields of perturbations that make derived constants stale; `mj_setConst`, which
                costs about as much as a control step, runs where one that matters has changed.
        """
        changed = np.zeros(len(self.ids), bool)
        for name, values in self._fields.items():
            field = self.sim.field(name)
            if name in _DERIVED_FROM and name in stale:
                changed |= (field[self.ids] != values).reshape(len(values), -1).any(axis=1)
            field[self.ids] = values
        for name, values in self._signals.items():
            assert self._live is not None
            self._live.write(name, self.ids, values)
        if self._eq_active is not None:
            self.sim.data("eq_active")[self.ids] = self._eq_active
        if changed.any():
            self.sim.set_const(self.ids[changed])


class Copy(NamedTuple):
    """What a working copy of an `Edit` is a copy of."""

    what: Literal["field", "signal", "switch"]
    name: str


_DERIVED_FROM = {
    "body_inertia",
    "body_ipos",
    "body_iquat",
    "body_mass",
    "body_pos",
    "dof_armature",
    "geom_pos",
    "site_pos",
}
"""Fields that `mj_setConst` derives constants from, of all those that perturbations write."""
