"""Writes the model fields that tasks change, and no others."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fastadapt.envs.arrays import Array, Ids, Mask
from fastadapt.envs.perturbations.edit import Copy, Edit
from fastadapt.envs.perturbations.signals import Signals
from fastadapt.envs.runtime.intermittent_faults import FaultCache
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.envs.tasks.layout import ParameterBlock

Faults = Mapping[int, Mask]
"""Faulty targets of the intermittent perturbations, `(n, k)`, by the number of their block."""


class ModelWriter:
    """Writes the perturbations of tasks to N simulations, always starting from nominal values.

    Skips perturbations that are nominal in all robots at hand, and fields that are still nominal.
    The fields of intermittent faults are cached, see `FaultCache`.
    """

    def __init__(
        self, blocks: tuple[ParameterBlock, ...], sim: Simulation, signals: Signals
    ) -> None:
        self._blocks = blocks
        self._sim = sim
        self._signals = signals
        self._order = sorted(range(len(blocks)), key=lambda b: blocks[b].perturbation.stage)
        self._stale_fields = {field for block in blocks for field in block.perturbation.stale}
        kinds = [type(b.perturbation) if b.perturbation.coupled else b for b in blocks]
        self._coupled = np.array([[one == other for other in kinds] for one in kinds], bool)
        self._starts = np.array([block.start for block in blocks], np.intp)
        self._nominal = np.full(blocks[-1].end if blocks else 0, np.nan)
        for block in blocks:
            self._nominal[block.start : block.stop] = block.nominal().ravel()
        self._is_value = ~np.isnan(self._nominal)  # the other columns are times
        self._present = np.zeros((sim.num_sims, len(blocks)), bool)
        self._written: dict[Copy, Mask] = {}
        intermittent = {b: x for b, x in enumerate(blocks) if x.perturbation.intermittent}
        self._cache = FaultCache(intermittent, sim) if intermittent else None
        fields = set(self._cache.fields) if self._cache is not None else set()
        writes = [bool(fields & set(block.perturbation.fields)) for block in blocks]
        self._writes_cached = np.array(writes, bool)

    def assign(self, ids: Ids, vectors: Array) -> None:
        """Find the perturbations that are present in new tasks `(n, P)`."""
        if self._blocks:
            differs = (vectors != self._nominal) & self._is_value
            self._present[ids] = np.logical_or.reduceat(differs, self._starts, axis=1)

    def write(
        self, ids: Ids, vectors: Array, levels: Array, faults: Faults, at_reset: bool
    ) -> None:
        """Write all that the tasks of some robots change.

        Args:
            ids: which n robots.
            vectors: `(n, P)` their tasks, as assigned.
            levels: `(n, blocks)` of each perturbation, from nominal (0) to its value (1).
            faults: the current intermittent faults.
            at_reset: whether their episodes begin (see `Edit`).
        """
        active = self._present[ids] & (levels > 0)
        edit = self._edit(ids, vectors, levels, faults, active, at_reset)
        for copy, robots in self._written.items():
            if robots[ids].any():
                edit.touch(copy)  # back to nominal, also where nothing is active any more
        edit.commit(self._stale_fields)
        changed: Mask = np.logical_or.reduce(active, axis=1)
        for copy in edit.touched():
            self._mark(copy, ids, changed)
        if self._cache is not None:
            self._cache.forget(ids)

    def cached(self, ids: Ids) -> Mask:
        """Return which robots can `write_faults` without `cache_faults`, `(n,)`."""
        return self._cache.cached(ids) if self._cache is not None else np.zeros(0, bool)

    def cache_faults(self, ids: Ids, vectors: Array, levels: Array, faults: Faults) -> None:
        """Compute the fields of intermittent faults, healthy and faulty; arguments as `write`."""
        assert self._cache is not None, "there are no intermittent faults"
        active = self._present[ids] & (levels > 0) & self._writes_cached
        states = (
            {b: np.full(mask.shape, state) for b, mask in faults.items()} for state in (False, True)
        )
        healthy, faulty = (
            self._edit(ids, vectors, levels, state, active, False) for state in states
        )
        self._cache.store(ids, healthy, faulty)

    def write_faults(self, ids: Ids, faults: Faults) -> None:
        """Write intermittent faults where nothing else has changed since the last `write`.

        Args:
            ids: which n robots, all of them cached.
            faults: as for `write`.
        """
        assert self._cache is not None, "there are no intermittent faults"
        for field in self._cache.write(ids, faults):
            self._mark(Copy("field", field), ids, True)

    def _mark(self, copy: Copy, ids: Ids, written: Mask | bool) -> None:
        """Record in which robots `(n,)` a field or signal may not be nominal."""
        if copy not in self._written:
            self._written[copy] = np.zeros(self._sim.num_sims, bool)
        self._written[copy][ids] = written

    def _edit(
        self,
        ids: Ids,
        vectors: Array,
        levels: Array,
        faults: Faults,
        active: Mask,
        at_reset: bool,
    ) -> Edit:
        """Return working copies with the active perturbations `(n, blocks)` applied."""
        edit = Edit(self._sim, ids, self._signals, at_reset)
        needed = self._coupled @ active.any(axis=0)
        for b in self._order:
            if needed[b]:
                level = faults[b].astype(float) if b in faults else levels[:, b, None]
                self._blocks[b].apply(edit, vectors, level)
        return edit
