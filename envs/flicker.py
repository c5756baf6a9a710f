"""Faults that come and go: an on-off chain for each robot and target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.draws import key_of
from fastadapt.envs.episode_draws import EpisodeDraws
from fastadapt.envs.simulation import Ids
from fastadapt.envs.step_draws import StepDraws
from fastadapt.envs.task_draws import Block

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


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
