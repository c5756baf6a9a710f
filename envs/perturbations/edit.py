"""Working copies of model fields and signals, on which perturbations are composed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.simulation.interface import Simulation, model_field

if TYPE_CHECKING:
    from fastadapt.envs.perturbations.signals import Signals


class Edit:
    """Working copies of model fields and signals of some robots, initially nominal.

    The perturbations of a task write to it one after the other; `commit` then writes the result to
    the simulations. Current values are never read, so effects cannot compound.

    Attributes:
        sim: the simulations.
        model: the nominal model.
        ids: `(n,)` the robots.
        at_reset: whether an episode begins, so that robots are posed as the perturbations allow
            (`Perturbation.pose`) before they move; within an episode nothing moves them.
        scratch: intermediate results that perturbations of one kind share, by a key of the kind.
    """

    def __init__(
        self, sim: Simulation, ids: Ids, signals: Signals | None = None, at_reset: bool = True
    ) -> None:
        self.sim = sim
        self.model = sim.model
        self.ids = ids
        self.at_reset = at_reset
        self.scratch: dict[str, Any] = {}
        self._live = signals
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

    def has_signal(self, name: str) -> bool:
        """Return whether a signal has a working copy."""
        return name in self._signals

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

    @property
    def qpos(self) -> Array:
        """The `(n, nq)` current positions."""
        return self.sim.data("qpos")[self.ids]

    def move_inertial_frame(self, moved: NDArray[np.bool_]) -> None:
        """Disable MuJoCo's midphase in robots in which any inertial frame has moved, `(n, ...)`.

        The midphase keeps its bounding boxes in that frame and never updates them: contacts of a
        body with several geoms would be missed. Without it, geoms are tested one by one.
        """
        self["disableflags"][moved.reshape(len(moved), -1).any(axis=1)] |= int(
            mujoco.mjtDisableBit.mjDSBL_MIDPHASE
        )

    def touched(self) -> list[Copy]:
        """Return the quantities that have a working copy."""
        switches = [] if self._eq_active is None else [Copy("switch", "eq_active")]
        fields = [Copy("field", name) for name in self._fields]
        return [*switches, *fields, *(Copy("signal", name) for name in self._signals)]

    def touch(self, copy: Copy) -> NDArray:
        """Return a working copy, made from nominal values if there is none yet."""
        if copy.what == "field":
            return self[copy.name]
        return self.signal(copy.name) if copy.what == "signal" else self.eq_active

    def commit(self, stale: Collection[str]) -> None:
        """Write the working copies to the simulations.

        Args:
            stale: fields from which MuJoCo derives constants (see `Perturbation.stale`);
                `mj_setConst`, which costs about as much as a control step, runs in the robots in
                which one of them has changed.
        """
        changed = np.zeros(len(self.ids), bool)
        for name, values in self._fields.items():
            field = self.sim.field(name)
            if name in stale:
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
    """The name of a quantity that an `Edit` holds a working copy of."""

    what: Literal["field", "signal", "switch"]
    name: str


def in_use(model: mujoco.MjModel, fields: Iterable[str]) -> list[str]:
    """Return the fields that a model uses: those that are not 0 throughout.

    For fields that only get multiplied or cleared, so that robots without them pay nothing.
    """
    return [name for name in fields if np.any(model_field(model, name))]
