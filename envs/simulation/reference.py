"""The reference backend: plain `mujoco` in a Python loop, for tests."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Ids
from fastadapt.envs.simulation.interface import INPUTS, Simulation, model_field

_INTEGRATION = mujoco.mjtState.mjSTATE_INTEGRATION


class ReferenceSimulation(Simulation):
    """N simulations in plain `mujoco`. Slow and obvious on purpose."""

    def __init__(self, model: mujoco.MjModel, num_sims: int, forward: bool) -> None:
        super().__init__(model, num_sims)
        self._models = [copy.copy(model) for _ in range(num_sims)]
        self._datas = [mujoco.MjData(model) for _ in range(num_sims)]
        self._forward = forward
        self._bound: dict[str, NDArray] = {}
        self._expanded: dict[str, NDArray] = {}

    def data(self, name: str) -> NDArray:
        if name not in self._bound:
            self._bound[name] = np.stack([self._read(data, name) for data in self._datas])
        return self._bound[name]

    def field(self, name: str) -> NDArray:
        if name not in self._expanded:
            self._expanded[name] = np.stack([model_field(m, name) for m in self._models])
        return self._expanded[name]

    def step(self, num_steps: int, ids: Ids | None = None) -> None:
        for i in self._select(ids):
            self._push(i)
            mujoco.mj_step(self._models[i], self._datas[i], nstep=num_steps)
            if self._forward:
                mujoco.mj_forward(self._models[i], self._datas[i])
            self._pull(i)

    def reset(self, ids: Ids | None = None) -> None:
        for i in self._select(ids):
            self._push_fields(i)
            mujoco.mj_resetData(self._models[i], self._datas[i])
            mujoco.mj_forward(self._models[i], self._datas[i])
            self._pull(i)

    def forward(self, ids: Ids | None = None) -> None:
        for i in self._select(ids):
            self._push(i)
            mujoco.mj_forward(self._models[i], self._datas[i])
            self._pull(i)

    def set_const(self, ids: Ids | None = None) -> None:
        for i in self._select(ids):
            self._push_fields(i)
            # mj_setConst changes the state of its data: give it a scratch one.
            mujoco.mj_setConst(self._models[i], mujoco.MjData(self._models[i]))
            for name, array in self._expanded.items():
                array[i] = model_field(self._models[i], name)

    def model_of(self, i: int) -> mujoco.MjModel:
        """Return a copy of the whole model of one simulation."""
        self._push_fields(i)
        return copy.copy(self._models[i])

    def states(self) -> NDArray[np.float64]:
        size = mujoco.mj_stateSize(self.model, _INTEGRATION)
        states = np.empty((self.num_sims, size))
        for i in range(self.num_sims):
            self._push(i)
            mujoco.mj_getState(self._models[i], self._datas[i], states[i], _INTEGRATION)
        return states

    def set_states(self, states: NDArray[np.float64], ids: Ids) -> None:
        for row, i in zip(states, ids, strict=True):
            mujoco.mj_setState(self._models[i], self._datas[i], row, _INTEGRATION)
            self._pull(i)

    def _select(self, ids: Ids | None) -> Iterator[int]:
        yield from range(self.num_sims) if ids is None else ids

    def _push(self, i: int) -> None:
        """Copy the arrays' rows of one simulation into its model and its inputs."""
        self._push_fields(i)
        for name in self._bound.keys() & INPUTS:
            getattr(self._datas[i], name)[...] = self._bound[name][i]

    def _push_fields(self, i: int) -> None:
        for name, array in self._expanded.items():
            if array.ndim == 1:  # a number among the options
                setattr(self._models[i].opt, name, array[i])
            else:
                model_field(self._models[i], name)[...] = array[i]

    def _pull(self, i: int) -> None:
        for name, array in self._bound.items():
            array[i] = self._read(self._datas[i], name)

    @staticmethod
    def _read(data: mujoco.MjData, name: str) -> NDArray:
        if name == "warning":
            pairs = [(warning.lastinfo, warning.number) for warning in data.warning]
            return np.array(pairs, np.int32)
        return np.asarray(getattr(data, name))
