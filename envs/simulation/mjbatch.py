"""The default backend: mjbatch's C++ thread pool."""

from __future__ import annotations

import mujoco
import numpy as np
from mjbatch import Batch
from numpy.typing import NDArray

from fastadapt.envs.arrays import Ids
from fastadapt.envs.simulation.interface import INPUTS, Simulation


class MjbatchSimulation(Simulation):
    """N simulations stepped by `mjbatch.Batch`."""

    def __init__(
        self, model: mujoco.MjModel, num_sims: int, num_threads: int, forward: bool
    ) -> None:
        super().__init__(model, num_sims)
        self._batch = Batch(model, num_sims, num_threads, forward)
        self._data: dict[str, NDArray] = {}
        self._fields: dict[str, NDArray] = {}
        self.data("warning")  # bind now: binding it later would trigger an extra mj_forward

    def data(self, name: str) -> NDArray:
        if name not in self._data:
            self._data[name] = self._batch.bind(name)
            if name not in INPUTS:
                self._batch.forward()  # fills a derived field, which is empty until the next call
        return self._data[name]

    def field(self, name: str) -> NDArray:
        if name not in self._fields:
            self._fields[name] = self._batch.expand(name)
        return self._fields[name]

    def step(self, num_steps: int, ids: Ids | None = None) -> None:
        self._batch.step(ids, nstep=num_steps)

    def reset(self, ids: Ids | None = None) -> None:
        self._batch.reset(ids)

    def forward(self, ids: Ids | None = None) -> None:
        self._batch.forward(ids)

    def set_const(self, ids: Ids | None = None) -> None:
        self._batch.set_const(ids)

    def states(self) -> NDArray[np.float64]:
        return self._batch.bind("state").copy()

    def set_states(self, states: NDArray[np.float64], ids: Ids) -> None:
        self._batch.bind("state")[ids] = states
