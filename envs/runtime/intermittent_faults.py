"""Intermittent faults: an on-off Markov chain for each robot and target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from fastadapt.envs.arrays import Array, Ids, Mask, Steps
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.rng import EpisodeDraws, StepDraws, key_of
from fastadapt.envs.simulation.interface import Simulation, model_field
from fastadapt.envs.tasks.layout import ParameterBlock


class IntermittentFaults:
    """The current state of the faults of one perturbation, `(N, k)`.

    A Markov chain over control steps: each target is faulty a `fraction` of the time, in bursts
    that last `length` seconds on average (the parameters of the perturbation, in that order). The
    chain starts in its stationary distribution. Its draws are keyed by the robot's seed, its
    episode and the control step, so they do not depend on other robots. Source: Gilbert 1960,
    "Capacity of a burst-noise channel".

    Attributes:
        prone: ids of the robots whose tasks have such a fault.
    """

    def __init__(
        self, block: ParameterBlock, num_robots: int, control_step: float, draws: EpisodeDraws
    ) -> None:
        self.block = block
        self._step = control_step
        shape = (num_robots, len(block.targets))
        key = key_of("flicker", block.perturbation.name)
        self._draws = StepDraws(draws, key, shape[1])
        self._fraction, self._ends, self._begins = np.zeros((3, *shape))
        self.prone = np.zeros(0, np.intp)
        self._begun = np.zeros(shape, bool)
        self._faulty = np.zeros(shape, bool)

    def assign(self, ids: Ids, vectors: Array) -> None:
        """Set the parameters of new tasks `(n, P)` and restart their chains."""
        fraction, length = np.moveaxis(self.block.values(vectors), 2, 0)
        self._fraction[ids] = fraction
        self._ends[ids], self._begins[ids] = rates(fraction, length, self._step)
        self.prone = np.flatnonzero((self._fraction > 0).any(axis=1))
        self.reset(ids)

    def reset(self, ids: Ids) -> None:
        """Restart the chains of some robots."""
        self._begun[ids] = self._faulty[ids] = False

    def faulty(self, ids: Ids) -> Mask:
        """Return which targets are faulty, `(n, k)`."""
        return self._faulty[ids]

    def advance(self, running: Mask, levels: Array, elapsed: Steps) -> Ids:
        """Advance the chains by one control step.

        Args:
            running: `(N,)` robots that take it.
            levels: `(N,)` above 0 where the perturbation is active; elsewhere no target is faulty.
            elapsed: `(N,)` control steps since the start of the episode.

        Returns:
            The ids of the robots where any fault has changed.
        """
        ids = self.prone[running[self.prone]]
        if not len(ids):
            return ids
        fraction = self._fraction[ids]
        active = (levels[ids] > 0)[:, None] & (fraction > 0)
        u = self._draws.at(ids, elapsed[ids])
        before, begun = self._faulty[ids], self._begun[ids]
        after = np.where(before, u >= self._ends[ids], u < self._begins[ids])
        now = active & np.where(begun, after, u < fraction)
        self._faulty[ids] = now
        self._begun[ids] = active
        return ids[(now != before).any(axis=1)]


def rates(fraction: Array, length: Array, control_step: float) -> tuple[Array, Array]:
    """Return the probabilities that a fault ends and that one begins in a control step."""
    ends = np.divide(control_step, length, out=np.ones_like(length), where=length > control_step)
    healthy = np.maximum(1.0 - fraction, 1e-12)
    return ends, np.minimum(ends * fraction / healthy, 1.0)


class FaultCache:
    """Caches the model fields that intermittent faults write, healthy and faulty.

    Each target determines entries of its own (see `Perturbation.entries_of`), so the fields of any
    combination of faults are assembled from two states.

    Attributes:
        fields: names of the fields.
    """

    def __init__(self, blocks: Mapping[int, ParameterBlock], sim: Simulation) -> None:
        """Find the entries that the intermittent blocks, given by number, determine."""
        self._sim = sim
        entries = {b: some.perturbation.entries_of(sim.model, some.ids)
                   for b, some in blocks.items()}  # fmt: skip
        self.fields = tuple(sorted({field for found in entries.values() for field in found}))
        self._owners = {field: [(b, *found[field]) for b, found in entries.items()]
                        for field in self.fields}  # fmt: skip
        shapes = {field: np.shape(model_field(sim.model, field)) for field in self.fields}
        self._states = {f: np.zeros((2, sim.num_sims, *shape)) for f, shape in shapes.items()}
        self._rows = {field: np.arange(shape[0]) for field, shape in shapes.items()}
        self._varying: set[str] = set()
        self._cached = np.zeros(sim.num_sims, bool)

    def cached(self, ids: Ids) -> Mask:
        """Return which robots are cached, `(n,)`."""
        return self._cached[ids]

    def forget(self, ids: Ids) -> None:
        """Invalidate robots whose other fields have changed."""
        self._cached[ids] = False

    def store(self, ids: Ids, healthy: Edit, faulty: Edit) -> None:
        """Store the fields of n robots without any fault, and with all of them."""
        for field, states in self._states.items():
            states[0, ids], states[1, ids] = healthy[field], faulty[field]
            if (healthy[field] != faulty[field]).any():
                self._varying.add(field)
        self._cached[ids] = True

    def write(self, ids: Ids, faulty: Mapping[int, Mask]) -> Iterable[str]:
        """Write the fields of n robots for given faults, `(n, k)` by block.

        Returns:
            The names of the fields.
        """
        for field in self._varying:
            rows = self._rows[field]
            state = np.zeros((len(ids), len(rows)), np.intp)
            for b, targets, owned in self._owners[field]:
                state[:, owned] |= faulty[b][:, targets]
            self._sim.field(field)[ids] = self._states[field][state, ids[:, None], rows]
        return self._varying
