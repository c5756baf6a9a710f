"""A backend for every MuJoCo: its own Python functions, on a pool of threads."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Ids
from fastadapt.envs.simulation.interface import Simulation, model_field
from fastadapt.errors import FastadaptError

_INTEGRATION = mujoco.mjtState.mjSTATE_INTEGRATION
_CHUNKS = 4
"""Pieces of work for each thread of the pool: robots in contact take longer than others."""

Work = Callable[[mujoco.MjModel, mujoco.MjData, int], None]
"""Takes the model of a simulation, the data of a thread, and the number of the simulation."""


class ThreadsSimulation(Simulation):
    """N simulations by `mj_step` on threads; MuJoCo releases Python's lock while it steps.

    Each simulation has a model of its own; the data belong to the threads. All inputs of the
    physics, the warm start of the solver among them, stand in one `(N, nstate)` array, from which a
    simulation is loaded before a call and to which it is saved after. (`mujoco.rollout` does not
    return the warm start, so that it could not go on bit for bit.)

    Args:
        model: the compiled nominal model.
        num_sims: N.
        num_threads: threads; 0 means one per logical processor.
        forward: end every step with `mj_forward`.

    Raises:
        FastadaptError: the model has a feature whose state is not part of `mjSTATE_INTEGRATION`.
    """

    def __init__(
        self, model: mujoco.MjModel, num_sims: int, num_threads: int, forward: bool
    ) -> None:
        super().__init__(model, num_sims)
        _refuse_sleep(model)
        threads = max(1, min(num_threads or os.cpu_count() or 1, num_sims))
        self._models = [copy.copy(model) for _ in range(num_sims)]
        self._datas = [mujoco.MjData(model) for _ in range(threads)]
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self._forward = forward
        self._parts = _parts(model)
        first = np.empty(mujoco.mj_stateSize(model, _INTEGRATION))
        mujoco.mj_getState(model, self._datas[0], first, _INTEGRATION)
        self._states = np.tile(first, (num_sims, 1))
        warnings = len(self._datas[0].warning.number)
        self._no_warning = bytes(self._datas[0].warning.number.nbytes)
        self._arrays: dict[str, NDArray] = {
            name: part(self._states) for name, part in self._parts.items()
        } | {"warning": np.zeros((num_sims, warnings, 2), np.int32)}
        self._derived: dict[str, NDArray] = {}
        self._sources = [dict[str, NDArray]() for _ in range(threads)]
        self._fields: dict[str, NDArray] = {}
        self._written: dict[str, NDArray] = {}

    def data(self, name: str) -> NDArray:
        if name in self._arrays:
            return self._arrays[name]
        if name not in self._derived:
            for data, sources in zip(self._datas, self._sources, strict=True):
                sources[name] = np.asarray(getattr(data, name))
            shape = (self.num_sims, *self._sources[0][name].shape)
            self._derived[name] = np.zeros(shape, self._sources[0][name].dtype)
            self.forward()
        return self._derived[name]

    def field(self, name: str) -> NDArray:
        if name not in self._fields:
            self._fields[name] = np.stack([model_field(model, name) for model in self._models])
            self._written[name] = self._fields[name].copy()
        return self._fields[name]

    def step(self, num_steps: int, ids: Ids | None = None) -> None:
        if self._forward:

            def work(model: mujoco.MjModel, data: mujoco.MjData, _: int) -> None:
                mujoco.mj_step(model, data, num_steps)
                mujoco.mj_forward(model, data)
        else:

            def work(model: mujoco.MjModel, data: mujoco.MjData, _: int) -> None:
                mujoco.mj_step(model, data, num_steps)

        self._run(work, ids)

    def reset(self, ids: Ids | None = None) -> None:
        def work(model: mujoco.MjModel, data: mujoco.MjData, i: int) -> None:
            mujoco.mj_resetData(model, data)
            mujoco.mj_forward(model, data)
            self._arrays["warning"][i] = 0

        self._run(work, ids)

    def forward(self, ids: Ids | None = None) -> None:
        self._run(lambda model, data, _: mujoco.mj_forward(model, data), ids)

    def set_const(self, ids: Ids | None = None) -> None:
        self._push_fields()
        for i in self._select(ids):
            # mj_setConst changes the state of its data: the next call loads it anew.
            mujoco.mj_setConst(self._models[i], self._datas[0])
            for name, array in self._fields.items():
                array[i] = model_field(self._models[i], name)
                self._written[name][i] = array[i]

    def states(self) -> NDArray[np.float64]:
        return self._states.copy()

    def set_states(self, states: NDArray[np.float64], ids: Ids) -> None:
        self._states[ids] = states

    def _run(self, work: Work, ids: Ids | None) -> None:
        """Do the work of some simulations, each loaded before and saved after."""
        self._push_fields()
        chosen = list(self._select(ids))
        if self._pool is None or len(chosen) <= 1:
            self._run_some(work, chosen, 0)
            return
        threads = len(self._datas)
        waiting = iter(np.array_split(np.array(chosen), min(threads * _CHUNKS, len(chosen))))

        def serve(thread: int) -> None:
            for some in waiting:  # next() of an iterator over a list is atomic
                self._run_some(work, some.tolist(), thread)

        for future in [self._pool.submit(serve, thread) for thread in range(threads)]:
            future.result()

    def _run_some(self, work: Work, ids: list[int], thread: int) -> None:
        data, states, models = self._datas[thread], self._states, self._models
        derived = [(self._derived[name], at) for name, at in self._sources[thread].items()]
        for i in ids:
            model, state = models[i], states[i]
            mujoco.mj_setState(model, data, state, _INTEGRATION)
            work(model, data, i)
            mujoco.mj_getState(model, data, state, _INTEGRATION)
            for array, source in derived:
                array[i] = source
            self._count_warnings(data, i)

    def _count_warnings(self, data: mujoco.MjData, i: int) -> None:
        """Move the warnings of a thread's data to its simulation."""
        number = data.warning.number
        if number.tobytes() != self._no_warning:  # a tenth of the time of number.any()
            kept = self._arrays["warning"][i]
            kept[:, 0] = np.where(number > 0, data.warning.lastinfo, kept[:, 0])
            kept[:, 1] += number
            for warning in data.warning:
                warning.lastinfo = warning.number = 0

    def _push_fields(self) -> None:
        """Write the rows of model fields that differ from what was written last."""
        for name, array in self._fields.items():
            written = self._written[name]
            if np.array_equal(array, written):
                continue
            changed = (array != written).reshape(self.num_sims, -1).any(axis=1)
            for i in np.flatnonzero(changed):
                if array.ndim == 1:  # a number among the options
                    setattr(self._models[i].opt, name, array[i])
                else:
                    model_field(self._models[i], name)[...] = array[i]
            written[changed] = array[changed]

    def _select(self, ids: Ids | None) -> Iterator[int]:
        yield from range(self.num_sims) if ids is None else ids


def _parts(model: mujoco.MjModel) -> dict[str, Callable[[NDArray], NDArray]]:
    """Return, for each input in an integration state, the view of it in `(N, nstate)` states."""
    data, parts, start = mujoco.MjData(model), {}, 0
    single = [s for s in mujoco.mjtState.__members__.values() if int(s).bit_count() == 1]
    for part in sorted({int(s): s for s in single if int(s) & int(_INTEGRATION)}.items()):
        size = mujoco.mj_stateSize(model, int(part[1]))
        name = part[1].name.removeprefix("mjSTATE_").lower()
        name = "qacc_warmstart" if name == "warmstart" else name
        value = getattr(data, name, None)
        if value is not None and np.size(value) == size:
            shape = np.shape(value)
            cut = slice(start, start + size)
            parts[name] = lambda states, cut=cut, shape=shape: states[:, cut].reshape(
                len(states), *shape
            )
        start += size
    return parts


def _refuse_sleep(model: mujoco.MjModel) -> None:
    flag = getattr(mujoco.mjtEnableBit, "mjENBL_SLEEP", None)
    if flag is not None and model.opt.enableflags & int(flag):
        raise FastadaptError(
            "The model cannot be simulated in a batch: it lets bodies sleep. Remove the flag "
            "'sleep' from its options, or use backend='reference'."
        )
