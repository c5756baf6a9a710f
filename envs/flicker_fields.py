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
    """

    def __init__(self, blocks: Mapping[int, Block], sim: Simulation) -> None:
        """Look up what the blocks, by their numbers, decide."""
        self._sim = sim
        self._decides = {
            b: block.perturbation.decides(sim.model, block.ids) for b, block in blocks.items()
        }
        fields = sorted({field for entries in self._decides.values() for field in entries})
        shapes = {f: (sim.num_sims, *np.shape(model_field(sim.model, f))) for f in fields}
        self._sound = {field: np.zeros(shape) for field, shape in shapes.items()}
        self._faulty = {field: np.zeros(shape) for field, shape in shapes.items()}
        self._known = np.zeros(sim.num_sims, bool)

    def known(self, ids: Ids) -> Mask:
        """Return of which robots both states are known, `(n,)`."""
        return self._known[ids]

    def forget(self, ids: Ids) -> None:
        """Forget the states of robots: something else has changed."""
        self._known[ids] = False

    def remember(self, ids: Ids, sound: Edit, faulty: Edit) -> None:
        """Keep the states of n robots: no target struck, all of them struck."""
        for field in self._sound:
            self._sound[field][ids], self._faulty[field][ids] = sound[field], faulty[field]
        self._known[ids] = True

    def write(self, ids: Ids, struck: Mapping[int, Mask]) -> Iterable[str]:
        """Write the fields of n robots whose targets are struck as said, `(n, k)` by block.

        Returns:
            The names of the fields.
        """
        for field, sound in self._sound.items():
            gone = np.zeros((len(ids), sound.shape[1]), bool)
            for b, entries in self._decides.items():
                gone |= struck[b] @ entries[field]
            gone = gone.reshape(*gone.shape, *(1,) * (sound.ndim - 2))
            self._sim.field(field)[ids] = np.where(gone, self._faulty[field][ids], sound[ids])
        return self._sound
