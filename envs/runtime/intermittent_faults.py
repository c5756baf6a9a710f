"""Faults that come and go: an on-off chain for each robot and target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array, Ids, Mask
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.rng import EpisodeDraws, StepDraws, key_of
from fastadapt.envs.simulation.interface import Simulation, model_field
from fastadapt.envs.tasks.layout import Block


class Flicker:
    """Where the faults of one perturbation are present right now, `(N, k)`.

    A Markov chain in control steps: of a share `fraction` of the time a target is struck, for
    `length` seconds on average (the parameters of the perturbation, in that order). It begins in
    its stationary state. Its draws are keyed by the robot's seed, its episode and the control step:
    other robots do not count. Source: Gilbert 1960, "Capacity of a burst-noise channel".

    Attributes:
        able: robots in whose tasks it strikes any target at all.
    """

    def __init__(
        self, block: Block, num_robots: int, control_step: float, draws: EpisodeDraws
    ) -> None:
        self.block = block
        self._step = control_step
        shape = (num_robots, len(block.targets))
        key = key_of("flicker", block.perturbation.name)
        self._draws = StepDraws(draws, key, shape[1])
        self._fraction, self._ends, self._begins = np.zeros((3, *shape))
        self.able = np.zeros(0, np.intp)
        self._begun = np.zeros(shape, bool)
        self._struck = np.zeros(shape, bool)

    def assign(self, ids: Ids, vectors: Array) -> None:
        """Take over the parameters of new tasks `(n, P)`; the chains begin anew."""
        fraction, length = np.moveaxis(self.block.values(vectors), 2, 0)
        self._fraction[ids] = fraction
        self._ends[ids], self._begins[ids] = rates(fraction, length, self._step)
        self.able = np.flatnonzero((self._fraction > 0).any(axis=1))
        self.restart(ids)

    def restart(self, ids: Ids) -> None:
        """Forget the state of some robots: a new episode, or a new task."""
        self._begun[ids] = self._struck[ids] = False

    def struck(self, ids: Ids) -> Mask:
        """Return where the fault is present, `(n, k)`."""
        return self._struck[ids]

    def advance(self, running: Mask, levels: Array, elapsed: NDArray[np.int64]) -> Ids:
        """Go on to the next control step.

        Args:
            running: `(N,)` robots that take it.
            levels: `(N,)` above 0 where the perturbation is in force; elsewhere no target is
                struck.
            elapsed: `(N,)` control steps since the start of the episode.

        Returns:
            The robots where a fault has come or gone.
        """
        ids = self.able[running[self.able]]
        if not len(ids):
            return ids
        fraction = self._fraction[ids]
        active = (levels[ids] > 0)[:, None] & (fraction > 0)
        u = self._draws.at(ids, elapsed[ids])
        before, begun = self._struck[ids], self._begun[ids]
        after = np.where(before, u >= self._ends[ids], u < self._begins[ids])
        now = active & np.where(begun, after, u < fraction)
        self._struck[ids] = now
        self._begun[ids] = active
        return ids[(now != before).any(axis=1)]


def rates(fraction: Array, length: Array, control_step: float) -> tuple[Array, Array]:
    """Return the probabilities that a fault ends, and that one begins, within a control step."""
    ends = np.divide(control_step, length, out=np.ones_like(length), where=length > control_step)
    healthy = np.maximum(1.0 - fraction, 1e-12)
    return ends, np.minimum(ends * fraction / healthy, 1.0)


class FlickerFields:
    """What the models of N robots have in either state of a fault.

    Each target decides entries of its own (see `Perturbation.entries_of`), whatever the others do: any
    state of all the faults is put together from two.

    Attributes:
        fields: names of the fields.
    """

    def __init__(self, blocks: Mapping[int, Block], sim: Simulation) -> None:
        """Look up what the blocks, by their numbers, decide."""
        self._sim = sim
        decides = {b: some.perturbation.entries_of(sim.model, some.ids) for b, some in blocks.items()}
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
