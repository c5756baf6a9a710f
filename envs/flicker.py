"""Faults that come and go: an on-off chain for each robot and target."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.draws import key_of
from fastadapt.envs.episode_draws import EpisodeDraws
from fastadapt.envs.simulation import Ids
from fastadapt.envs.task_draws import Block

Array = NDArray[np.float64]


class Flicker:
    """Where the faults of one perturbation are present right now, `(N, k)`.

    A Markov chain in control steps: of a share `fraction` of the time a target is struck, for
    `length` seconds on average (the parameters of the perturbation, in that order). It begins in
    its stationary state. Its draws are keyed by the robot's seed, its episode and the control step:
    other robots do not count. Source: Gilbert 1960, "Capacity of a burst-noise channel".
    """

    def __init__(self, block: Block, num_robots: int, control_step: float) -> None:
        self.block = block
        self._step = control_step
        self._key = key_of("flicker", block.perturbation.name)
        shape = (num_robots, len(block.targets))
        self._begun = np.zeros(shape, bool)
        self._struck = np.zeros(shape, bool)

    def restart(self, ids: Ids) -> None:
        """Forget the state of some robots: a new episode, or a new task."""
        self._begun[ids] = self._struck[ids] = False

    def struck(self, ids: Ids) -> NDArray[np.bool_]:
        """Return where the fault is present, `(n, k)`."""
        return self._struck[ids]

    def advance(
        self,
        ids: Ids,
        holds: NDArray[np.bool_],
        vectors: Array,
        draws: EpisodeDraws,
        elapsed: NDArray[np.int64],
    ) -> None:
        """Go on to the next control step.

        Args:
            ids: the n robots that take it.
            holds: `(n,)` where the perturbation is in force; elsewhere no target is struck.
            vectors: `(n, P)` their tasks.
            draws: of their episodes.
            elapsed: `(n,)` control steps since the start of the episode.
        """
        values = self.block.values(vectors)
        active = holds[:, None] & (values[:, :, 0] > 0)
        rows = np.flatnonzero(active.any(axis=1) | self._begun[ids].any(axis=1))
        if not len(rows):
            return
        ids, active, values = ids[rows], active[rows], values[rows]
        ends, begins = rates(values[:, :, 0], values[:, :, 1], self._step)
        u = draws.of_step(self._key, ids, elapsed[rows], self._struck.shape[1])
        before, begun = self._struck[ids], self._begun[ids]
        after = np.where(before, u >= ends, u < begins)
        self._struck[ids] = active & np.where(begun, after, u < values[:, :, 0])
        self._begun[ids] = np.broadcast_to(active, before.shape)


def rates(fraction: Array, length: Array, control_step: float) -> tuple[Array, Array]:
    """Return the probabilities that a fault ends, and that one begins, within a control step."""
    ends = np.divide(control_step, length, out=np.ones_like(length), where=length > control_step)
    healthy = np.maximum(1.0 - fraction, 1e-12)
    return ends, np.minimum(ends * fraction / healthy, 1.0)
