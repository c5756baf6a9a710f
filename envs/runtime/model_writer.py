"""From the tasks of robots to the fields of their models: what differs is written, no more."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fastadapt.envs.arrays import Array, Ids, Mask
from fastadapt.envs.perturbations.edit import Copy, Edit
from fastadapt.envs.perturbations.signals import Signals
from fastadapt.envs.runtime.intermittent_faults import FlickerFields
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.envs.tasks.layout import Block

Struck = Mapping[int, Mask]
"""Where the targets of what flickers are struck, `(n, k)`, by the number of their block."""


class TaskPhysics:
    """Writes the physics of tasks to N simulations, always from the nominal values.

    A perturbation that is nominal in all the robots at hand has nothing to write, and what no task
    has written since it was nominal is nominal still. The fields that flicker are kept with and
    without their faults, so that a fault that comes or goes is a choice between two rows.
    """

    def __init__(self, blocks: tuple[Block, ...], sim: Simulation, signals: Signals) -> None:
        self._blocks = blocks
        self._sim = sim
        self._signals = signals
        self._order = sorted(range(len(blocks)), key=lambda b: blocks[b].perturbation.stage)
        self._stale_fields = {field for block in blocks for field in block.perturbation.stale}
        kinds = [type(b.perturbation) if b.perturbation.coupled else b for b in blocks]
        self._alike = np.array([[one == other for other in kinds] for one in kinds], bool)
        self._starts = np.array([block.start for block in blocks], np.intp)
        nominal = [(block.start, block.nominal().ravel()) for block in blocks]
        self._nominal = np.full(blocks[-1].end if blocks else 0, np.nan)
        for start, values in nominal:
            self._nominal[start : start + len(values)] = values
        self._valued = ~np.isnan(self._nominal)  # the others say when, not what
        self._strikes = np.zeros((sim.num_sims, len(blocks)), bool)
        self._written: dict[Copy, Mask] = {}
        flickering = {b: block for b, block in enumerate(blocks) if block.perturbation.intermittent}
        self._flickering = FlickerFields(flickering, sim) if flickering else None
        fields = set(self._flickering.fields) if self._flickering is not None else set()
        writes = [bool(fields & set(block.perturbation.fields)) for block in blocks]
        self._flickery = np.array(writes, bool)

    def assign(self, ids: Ids, vectors: Array) -> None:
        """Take note of new tasks `(n, P)`."""
        if self._blocks:
            differs = (vectors != self._nominal) & self._valued
            self._strikes[ids] = np.logical_or.reduceat(differs, self._starts, axis=1)

    def write(self, ids: Ids, vectors: Array, levels: Array, struck: Struck) -> None:
        """Make the physics of some robots that of their tasks.

        Args:
            ids: which n robots.
            vectors: `(n, P)` their tasks, as assigned.
            levels: `(n, blocks)` how far each perturbation is from nominal (0) to its value (1).
            struck: where the targets of those that flicker are struck.
        """
        holds = self._strikes[ids] & (levels > 0)
        edit = self._edit(ids, vectors, levels, struck, holds)
        for copy, robots in self._written.items():
            if robots[ids].any():
                edit.touch(copy)  # back to nominal, also where nothing strikes any more
        edit.commit(self._stale_fields)
        acts: Mask = np.logical_or.reduce(holds, axis=1)
        for copy in edit.touched():
            self._note(copy, ids, acts)
        if self._flickering is not None:
            self._flickering.forget(ids)

    def known(self, ids: Ids) -> Mask:
        """Return for which robots `switch` needs no `learn` any more, `(n,)`."""
        return self._flickering.known(ids) if self._flickering is not None else np.zeros(0, bool)

    def learn(self, ids: Ids, vectors: Array, levels: Array, struck: Struck) -> None:
        """Look what flickering fields are with and without faults; arguments as of `write`."""
        assert self._flickering is not None, "nothing flickers"
        holds = self._strikes[ids] & (levels > 0) & self._flickery
        states = (
            {b: np.full(mask.shape, state) for b, mask in struck.items()} for state in (False, True)
        )
        sound, faulty = (self._edit(ids, vectors, levels, state, holds) for state in states)
        self._flickering.remember(ids, sound, faulty)

    def switch(self, ids: Ids, struck: Struck) -> None:
        """Write what flickers, where nothing else has changed since the last `write`.

        Args:
            ids: which n robots, all of them known.
            struck: as for `write`.
        """
        assert self._flickering is not None, "nothing flickers"
        for field in self._flickering.write(ids, struck):
            self._note(Copy("field", field), ids, True)

    def _note(self, copy: Copy, ids: Ids, written: Mask | bool) -> None:
        """Remember in which robots `(n,)` something may no longer be nominal."""
        if copy not in self._written:
            self._written[copy] = np.zeros(self._sim.num_sims, bool)
        self._written[copy][ids] = written

    def _edit(self, ids: Ids, vectors: Array, levels: Array, struck: Struck, holds: Mask) -> Edit:
        """Return working copies with the perturbations that hold `(n, blocks)` applied to them."""
        edit = Edit(self._sim, ids, self._signals)
        acts = holds.any(axis=0)
        acts = self._alike @ acts
        for b in self._order:
            if acts[b]:
                level = struck[b].astype(float) if b in struck else levels[:, b, None]
                self._blocks[b].apply(edit, vectors, level)
        return edit
