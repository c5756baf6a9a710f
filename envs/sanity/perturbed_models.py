"""Models of robots under a single perturbation, and comparisons of whole models bit by bit."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.environment import Environment
from fastadapt.envs.perturbations.edit import Copy, Edit
from fastadapt.envs.perturbations.perturbation import Perturbation
from fastadapt.envs.perturbations.signals import Signals
from fastadapt.envs.simulation.interface import model_field
from fastadapt.envs.simulation.reference import ReferenceSimulation

State = Mapping[str, NDArray]
"""The arrays of a model, its signals and switches, by name."""


class PerturbedModels:
    """Simulations of one robot on the reference backend, perturbed from their nominal values.

    Args:
        some: the perturbation.
        targets: `(k,)` its targets.
        model: the nominal model.
        environment: the environment, None where there are no signals.
        size: number of robots, n.
    """

    def __init__(
        self,
        some: Perturbation,
        targets: Ids,
        model: mujoco.MjModel,
        environment: type[Environment] | None,
        size: int,
    ) -> None:
        self._some = some
        self._targets = targets
        self._sim = ReferenceSimulation(model, size, forward=False)
        self._signals = None if environment is None else Signals(environment(self._sim))
        self._ids = np.arange(size)
        self._written: dict[Copy, None] = {}
        self._edit = Edit(self._sim, self._ids, self._signals)

    def write(self, values: Array | None) -> None:
        """Perturb the robots by values `(n, k, parameters)`; None: back to nominal."""
        self._edit = edit = Edit(self._sim, self._ids, self._signals)
        for quantity in self._written:
            edit.touch(quantity)
        if values is not None:
            self._some.apply(edit, self._targets, values)
        self._written |= dict.fromkeys(edit.touched())
        edit.commit(self._some.stale)
        if values is not None:
            self._some.pose(self._sim, self._ids, self._targets)

    def copies(self) -> dict[str, NDArray]:
        """Return the working copies of the last `write`, `(n, ...)`, by name."""
        return {some.name: self._edit.touch(some) for some in self._edit.touched()}

    def model_of(self, i: int) -> mujoco.MjModel:
        """Return a copy of the model of one robot."""
        return self._sim.model_of(i)

    def state(self, i: int) -> State:
        """Return the whole model of one robot, its signals and its switches."""
        signals = [] if self._signals is None else [*self._some.signals]
        found = {n: np.array(self._signals[n][i]) for n in signals} if self._signals else {}
        switches = {"eq_active": np.array(self._sim.data("eq_active")[i])}
        return {**arrays_of(self.model_of(i)), **found, **switches}

    def rebuilt(self, i: int) -> State:
        """Return the state of a nominal robot after plain writes of the working copies of one."""
        model = copy.copy(self._sim.model)
        state: dict[str, NDArray] = {}
        stale = False
        for some in self._edit.touched():
            value = self._edit.touch(some)[i]
            if some.what != "field":
                state[some.name] = np.asarray(value)
                continue
            changes = not np.array_equal(model_field(model, some.name), value)
            stale |= changes and some.name in self._some.stale
            if np.ndim(value):
                model_field(model, some.name)[...] = value
            else:
                setattr(model.opt, some.name, value)
        return {**self.state(i), **arrays_of(refreshed(model) if stale else model), **state}


def refreshed(model: mujoco.MjModel) -> mujoco.MjModel:
    """Return a copy of a model with its derived constants computed again (`mj_setConst`)."""
    model = copy.copy(model)
    mujoco.mj_setConst(model, mujoco.MjData(model))
    return model


def arrays_of(model: mujoco.MjModel) -> dict[str, NDArray]:
    """Return copies of all numbers of a model and of its options, by name."""
    found: dict[str, NDArray] = {}
    for owner in (model, model.opt):
        for name in dir(owner):
            value: Any = None if name.startswith("_") else getattr(owner, name)
            if isinstance(value, np.ndarray | int | float):
                found[name] = np.array(value)
    return found


def changed(
    one: mujoco.MjModel | State, other: mujoco.MjModel | State, close: bool = False
) -> list[str]:
    """Return the names of the arrays that differ.

    Args:
        one: a model, or a state.
        other: the same of another robot.
        close: ignore differences of rounding.
    """
    first = arrays_of(one) if isinstance(one, mujoco.MjModel) else one
    second = arrays_of(other) if isinstance(other, mujoco.MjModel) else other
    return sorted(name for name, a in first.items() if not _equal(a, second[name], close))


def _equal(one: NDArray, other: NDArray, close: bool) -> bool:
    if not close or one.dtype.kind != "f":
        return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    scale = max(np.abs(one).max(initial=0.0), 1e-12)
    return np.allclose(one, other, rtol=1e-9, atol=1e-9 * scale, equal_nan=True)
