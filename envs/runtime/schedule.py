"""The tasks of N robots, and the levels of their perturbations over time."""

from __future__ import annotations

import numpy as np

from fastadapt.envs.arrays import Array, Ids, Mask, Steps
from fastadapt.envs.environment import Environment
from fastadapt.envs.perturbations.signals import Signals
from fastadapt.envs.rng import EpisodeDraws
from fastadapt.envs.runtime.intermittent_faults import IntermittentFaults
from fastadapt.envs.runtime.model_writer import ModelWriter
from fastadapt.envs.runtime.onsets import Onsets
from fastadapt.envs.runtime.touch_down import TouchDown
from fastadapt.envs.tasks.task_set import TaskSet


class PerturbationSchedule:
    """Applies the perturbations of N robots as they begin, change and end.

    Attributes:
        vectors: parameter values in the units of the task set, `(N, P)`.
        touch_down: detector of the events that perturbations wait for, None if there are none.
    """

    def __init__(
        self, task_set: TaskSet, environment: Environment, signals: Signals, draws: EpisodeDraws
    ) -> None:
        robots, step = environment.sim.num_sims, environment.control_step()
        self._task_set = task_set
        self._blocks = task_set.blocks
        self._sim = environment.sim
        self._everyone = np.arange(robots)
        self._writer = ModelWriter(self._blocks, self._sim, signals)
        self._onsets = Onsets(self._blocks, robots, step)
        self._faults = {
            b: IntermittentFaults(block, robots, step, draws)
            for b, block in enumerate(self._blocks)
            if block.perturbation.intermittent
        }
        self.touch_down = TouchDown(self._sim) if self._onsets.events else None
        self._applied = np.zeros((robots, len(self._blocks)))
        self._new = np.zeros(robots, bool)
        self.vectors = np.tile(task_set.nominal.vector(), (robots, 1))
        self._context: Array | None = None

    @property
    def context(self) -> Array:
        """The scaled parameter values that an oracle observes, `(N, P)`."""
        if self._context is None:
            self._context = self._task_set.scale(self.vectors)
        return self._context

    def assign(self, ids: Ids, vectors: Array) -> None:
        """Assign tasks `(n, P)`, to be applied at the next update or reset."""
        self.vectors[ids] = vectors
        self._context = None
        self._writer.assign(ids, vectors)
        self._onsets.assign(ids, vectors)
        for faults in self._faults.values():
            faults.assign(ids, vectors)
        self._new[ids] = True

    def reset(self, ids: Ids, elapsed: Steps) -> None:
        """Begin an episode of some robots; `elapsed` `(N,)` is 0 for them."""
        self._onsets.reset(ids)
        for faults in self._faults.values():
            faults.reset(ids)
        self._apply(ids, self._onsets.levels(ids, elapsed[ids]), at_reset=True)
        for block in self._blocks:
            block.perturbation.pose(self._sim, ids, block.ids)

    def update(self, running: Mask, elapsed: Steps) -> None:
        """Apply new tasks, and whatever begins, changes or ends at this control step.

        Robots whose episode has ended are left unchanged until their reset.

        Args:
            running: `(N,)` robots that take the step.
            elapsed: `(N,)` control steps before it.
        """
        if self.touch_down is not None:
            self._trigger_standing(self.touch_down, running, elapsed)
        due, levels = self._new & running, self._applied
        if self._onsets.varies:
            levels = self._onsets.levels(self._everyone, elapsed)
            due |= (levels != self._applied).any(axis=1) & running
        elif due.any():
            levels = self._onsets.levels(self._everyone, elapsed)
        changed = [f.advance(running, levels[:, b], elapsed) for b, f in self._faults.items()]
        if due.any():
            ids = np.flatnonzero(due)
            self._apply(ids, levels[ids])
        if any(map(len, changed)):
            ids = np.unique(np.concatenate(changed))
            self._apply_faults(ids[~due[ids]])

    def waiting(self, ids: Ids | None, elapsed: Steps) -> Ids:
        """Return which of the robots `ids` (default: all) wait for a touch-down."""
        if self.touch_down is None:
            return self._everyone[:0]
        waiting = self._onsets.waiting(elapsed)
        return np.flatnonzero(waiting) if ids is None else ids[waiting[ids]]

    def trigger(self, touched: Mask, elapsed: Steps) -> None:
        """Begin perturbations that waited for a touch-down `(N,)`, at the next control step."""
        self._onsets.trigger(touched, elapsed, delay=1)

    def _trigger_standing(self, touch_down: TouchDown, running: Mask, elapsed: Steps) -> None:
        """Trigger touch-down events for robots that already stand on a foot."""
        waiting = self._onsets.waiting(elapsed) & running
        if waiting.any():
            standing = np.zeros(len(running), bool)
            standing[waiting] = touch_down.touching(np.flatnonzero(waiting))
            self._onsets.trigger(standing, elapsed)

    def _apply(self, ids: Ids, levels: Array, at_reset: bool = False) -> None:
        """Write the tasks of some robots at levels `(n, blocks)`."""
        self._writer.write(ids, self.vectors[ids], levels, self._faulty(ids), at_reset)
        self._applied[ids] = levels
        self._new[ids] = False

    def _apply_faults(self, ids: Ids) -> None:
        """Write intermittent faults of robots in which nothing else has changed."""
        if not self._writer.cached(ids).all():  # then for all robots at once: others will follow
            prone = np.unique(np.concatenate([f.prone for f in self._faults.values()]))
            new = prone[~self._writer.cached(prone) & ~self._new[prone]]
            self._writer.cache_faults(new, self.vectors[new], self._applied[new], self._faulty(new))
        self._writer.write_faults(ids, self._faulty(ids))

    def _faulty(self, ids: Ids) -> dict[int, Mask]:
        return {b: faults.faulty(ids) for b, faults in self._faults.items()}
