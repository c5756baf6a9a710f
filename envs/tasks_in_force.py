"""The tasks of N robots, and as much of their physics as holds by now."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.environment import Environment
from fastadapt.envs.episode_draws import EpisodeDraws
from fastadapt.envs.flicker import Flicker
from fastadapt.envs.onsets import Onsets
from fastadapt.envs.perturbations import Edit
from fastadapt.envs.signals import Signals
from fastadapt.envs.simulation import Ids
from fastadapt.envs.task_set import TaskSet
from fastadapt.envs.touch_down import TouchDown

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Steps = NDArray[np.int64]


class TasksInForce:
    """Keeps the physics of N robots that of their tasks, as perturbations begin and end.

    Attributes:
        vectors: parameter values in the units of the task set, `(N, P)`.
        context: the same, scaled for an oracle.
    """

    def __init__(
        self, task_set: TaskSet, environment: Environment, signals: Signals, draws: EpisodeDraws
    ) -> None:
        robots, step = environment.sim.num_sims, environment.control_step()
        self._task_set = task_set
        self._blocks = task_set.blocks
        self._sim = environment.sim
        self._signals = signals
        self._draws = draws
        self._onsets = Onsets(self._blocks, robots, step)
        self._flickers = {
            b: Flicker(block, robots, step)
            for b, block in enumerate(self._blocks)
            if block.perturbation.flickers
        }
        self._touch = TouchDown(self._sim) if self._onsets.events else None
        self._widths = np.array([len(block.targets) for block in self._blocks], np.intp)
        self._ends = np.cumsum(self._widths)
        self._order = sorted(
            range(len(self._blocks)), key=lambda b: self._blocks[b].perturbation.stage
        )
        stale = [block.perturbation for block in self._blocks if block.perturbation.stale]
        self._stale_fields = {field for perturbation in stale for field in perturbation.fields}
        self._varies = self._onsets.varies or bool(self._flickers)
        self._applied = np.zeros((robots, self._widths.sum()))
        self._new = np.zeros(robots, bool)
        self.vectors = np.tile(task_set.nominal.vector(), (robots, 1))
        self.context = task_set.scale(self.vectors)

    def assign(self, ids: Ids, vectors: Array) -> None:
        """Give robots the tasks `(n, P)`; their physics holds from the next update or reset on."""
        self.vectors[ids] = vectors
        self.context[ids] = self._task_set.scale(vectors)
        self._onsets.assign(ids, vectors)
        for flicker in self._flickers.values():
            flicker.restart(ids)
        self._new[ids] = True

    def reset(self, ids: Ids, elapsed: Steps) -> None:
        """Begin an episode of some robots; `elapsed` `(N,)` is 0 for them."""
        self._onsets.reset(ids)
        for flicker in self._flickers.values():
            flicker.restart(ids)
        self._apply(ids, self._levels(ids, elapsed))
        for block in self._blocks:
            block.perturbation.pose(self._sim, ids, block.ids)

    def update(self, running: Mask, elapsed: Steps) -> None:
        """Apply new tasks, and whatever begins, changes or ends with this control step.

        A robot whose episode has ended is left as it is until its reset.

        Args:
            running: `(N,)` robots that take the step.
            elapsed: `(N,)` control steps before it.
        """
        due = self._new & running
        if self._varies:
            if self._touch is not None:
                self._look_down(self._touch, running, elapsed)
            self._flicker(np.flatnonzero(running), elapsed)
            everyone = np.arange(len(running))
            levels = self._levels(everyone, elapsed)
            due |= (levels != self._applied).any(axis=1) & running
            if due.any():
                self._apply(everyone[due], levels[due])
        elif due.any():
            ids = np.flatnonzero(due)
            self._apply(ids, self._levels(ids, elapsed))

    def simulate(self, num_steps: int, ids: Ids | None, elapsed: Steps) -> None:
        """Take the physics steps of a control step in the robots `ids`, watching for events."""
        waiting = self._onsets.waiting(elapsed) if self._touch is not None else None
        if self._touch is None or waiting is None or not waiting.any():
            self._sim.step(num_steps, ids)
            return
        looked_at = np.flatnonzero(waiting) if ids is None else ids[waiting[ids]]
        touched = self._touch.step(num_steps, ids, looked_at)
        self._onsets.happened(touched, elapsed, later=1)

    def _look_down(self, touch: TouchDown, running: Mask, elapsed: Steps) -> None:
        """Begin what waits for a foot on the ground where one stands there already."""
        waiting = self._onsets.waiting(elapsed) & running
        if waiting.any():
            standing = np.zeros(len(running), bool)
            standing[waiting] = touch.touching(np.flatnonzero(waiting))
            self._onsets.happened(standing, elapsed)

    def _flicker(self, ids: Ids, elapsed: Steps) -> None:
        if not self._flickers or not len(ids):
            return
        levels = self._onsets.levels(ids, elapsed[ids])
        for b, flicker in self._flickers.items():
            holds = levels[:, b] > 0
            flicker.advance(ids, holds, self.vectors[ids], self._draws, elapsed[ids])

    def _levels(self, ids: Ids, elapsed: Steps) -> Array:
        """Return how far every target is from nominal (0) to its value (1), `(n, targets)`."""
        levels = np.repeat(self._onsets.levels(ids, elapsed[ids]), self._widths, axis=1)
        for b, flicker in self._flickers.items():
            columns = slice(self._ends[b] - self._widths[b], self._ends[b])
            levels[:, columns] = flicker.struck(ids)
        return levels

    def _apply(self, ids: Ids, levels: Array) -> None:
        """Make the physics of some robots that of their tasks, from the nominal values."""
        edit = Edit(self._sim, ids, self._signals)
        parts = np.split(levels, self._ends[:-1], axis=1) if self._blocks else []
        for b in self._order:
            self._blocks[b].apply(edit, self.vectors[ids], parts[b])
        edit.commit(self._stale_fields)
        self._applied[ids] = levels
        self._new[ids] = False
