"""The fields that faults which come and go decide: without the faults, and with all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.perturbations import Edit
from fastadapt.envs.simulation import Ids, Simulation, model_field
from fastadapt.envs.task_draws import Block

Mask = NDArray[np.bool_]


class FlickerFields:
    """What the models of N robots have in either state of a fault.

    Each target decides entries of its own (see `Perturbation.decides`), whatever the others do: any
    state of all the faults is put together from two.

    Attributes:
        fields: names of the fields.
    """

    def __init__(self, blocks: Mapping[int, Block], sim: Simulation) -> None:
        """Look up what the blocks, by their numbers, decide."""
        self._sim = sim
        decides = {b: some.perturbation.decides(sim.model, some.ids) for b, some in blocks.items()}
        self.fields = tuple(sorted({field for entries in decides.values() for field in entries}))
        self._decides = {f: [(b, *entries[f]) for b, entries in decides.items()]
                         for f in self.fields}  # fmt: skip
        shapes = {field: np.shape(model_field(sim.model, field)) for field in self.fields}
        self._states = {f: np.zeros((2, sim.num_sims, *shape)) for f, shape in shapes.items()}
        self._entries = {field: np.arange(shape[0]) for field, shape in shapes.items()}
        self._vary: set[str] = set()
        self._known = np.zeros(sim.num_sims, bool)

    def known(self, ids: Ids) -> Mask:
        """Return of which robots both states are known, `(n,)`."""
        return self._known[ids]

    def forget(self, ids: Ids) -> None:
        """Forget the states of robots: something else has changed."""
        self._known[ids] = False

    def remember(self, ids: Ids, sound: Edit, faulty: Edit) -> None:
        """Keep the states of n robots: no target struck, all of them struck."""
        for field, states in self._states.items():
            states[0, ids], states[1, ids] = sound[field], faulty[field]
            if (sound[field] != faulty[field]).any():
                self._vary.add(field)
        self._known[ids] = True

    def write(self, ids: Ids, struck: Mapping[int, Mask]) -> Iterable[str]:
        """Write the fields of n robots whose targets are struck as said, `(n, k)` by block.

        Returns:
            The names of the fields.
        """
        for field in self._vary:
            entries = self._entries[field]
            gone = np.zeros((len(ids), len(entries)), np.intp)
            for b, targets, decided in self._decides[field]:
                gone[:, decided] |= struck[b][:, targets]
            self._sim.field(field)[ids] = self._states[field][gone, ids[:, None], entries]
        return self._vary
