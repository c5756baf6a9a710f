"""The tasks of N robots, and as much of their physics as holds by now."""

from __future__ import annotations

import numpy as np

from fastadapt.envs.arrays import Array, Ids, Mask, Steps
from fastadapt.envs.environment import Environment
from fastadapt.envs.perturbations.signals import Signals
from fastadapt.envs.rng import EpisodeDraws
from fastadapt.envs.runtime.intermittent_faults import Flicker
from fastadapt.envs.runtime.model_writer import TaskPhysics
from fastadapt.envs.runtime.onsets import Onsets
from fastadapt.envs.runtime.touch_down import TouchDown
from fastadapt.envs.tasks.task_set import TaskSet


class TasksInForce:
    """Keeps the physics of N robots that of their tasks, as perturbations begin and end.

    Attributes:
        vectors: parameter values in the units of the task set, `(N, P)`.
    """

    def __init__(
        self, task_set: TaskSet, environment: Environment, signals: Signals, draws: EpisodeDraws
    ) -> None:
        robots, step = environment.sim.num_sims, environment.control_step()
        self._task_set = task_set
        self._blocks = task_set.blocks
        self._sim = environment.sim
        self._everyone = np.arange(robots)
        self._physics = TaskPhysics(self._blocks, self._sim, signals)
        self._onsets = Onsets(self._blocks, robots, step)
        self._flickers = {
            b: Flicker(block, robots, step, draws)
            for b, block in enumerate(self._blocks)
            if block.perturbation.intermittent
        }
        self._touch = TouchDown(self._sim) if self._onsets.events else None
        self._applied = np.zeros((robots, len(self._blocks)))
        self._new = np.zeros(robots, bool)
        self.vectors = np.tile(task_set.nominal.vector(), (robots, 1))
        self._context: Array | None = None

    @property
    def context(self) -> Array:
        """The parameter values, scaled for an oracle, `(N, P)`."""
        if self._context is None:
            self._context = self._task_set.scale(self.vectors)
        return self._context

    def assign(self, ids: Ids, vectors: Array) -> None:
        """Give robots the tasks `(n, P)`; their physics holds from the next update or reset on."""
        self.vectors[ids] = vectors
        self._context = None
        self._physics.assign(ids, vectors)
        self._onsets.assign(ids, vectors)
        for flicker in self._flickers.values():
            flicker.assign(ids, vectors)
        self._new[ids] = True

    def reset(self, ids: Ids, elapsed: Steps) -> None:
        """Begin an episode of some robots; `elapsed` `(N,)` is 0 for them."""
        self._onsets.reset(ids)
        for flicker in self._flickers.values():
            flicker.restart(ids)
        self._apply(ids, self._onsets.levels(ids, elapsed[ids]))
        for block in self._blocks:
            block.perturbation.pose(self._sim, ids, block.ids)

    def update(self, running: Mask, elapsed: Steps) -> None:
        """Apply new tasks, and whatever begins, changes or ends with this control step.

        A robot whose episode has ended is left as it is until its reset.

        Args:
            running: `(N,)` robots that take the step.
            elapsed: `(N,)` control steps before it.
        """
        if self._touch is not None:
            self._look_down(self._touch, running, elapsed)
        due, levels = self._new & running, self._applied
        if self._onsets.varies:
            levels = self._onsets.levels(self._everyone, elapsed)
            due |= (levels != self._applied).any(axis=1) & running
        elif due.any():
            levels = self._onsets.levels(self._everyone, elapsed)
        switched = [f.advance(running, levels[:, b], elapsed) for b, f in self._flickers.items()]
        if due.any():
            ids = np.flatnonzero(due)
            self._apply(ids, levels[ids])
        if any(map(len, switched)):
            ids = np.unique(np.concatenate(switched))
            self._switch(ids[~due[ids]])

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

    def _switch(self, ids: Ids) -> None:
        """Let faults come and go in robots that are otherwise as they were."""
        if not self._physics.known(ids).all():  # then all at once: others will follow
            able = np.unique(np.concatenate([f.able for f in self._flickers.values()]))
            new = able[~self._physics.known(able) & ~self._new[able]]
            self._physics.learn(new, self.vectors[new], self._applied[new], self._struck(new))
        self._physics.switch(ids, self._struck(ids))

    def _struck(self, ids: Ids) -> dict[int, Mask]:
        return {b: flicker.struck(ids) for b, flicker in self._flickers.items()}

    def _apply(self, ids: Ids, levels: Array) -> None:
        """Make the physics of some robots that of their tasks, at levels `(n, blocks)`."""
        self._physics.write(ids, self.vectors[ids], levels, self._struck(ids))
        self._applied[ids] = levels
        self._new[ids] = False
