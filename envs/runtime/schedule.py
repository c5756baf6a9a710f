"""The tasks of N robots, and the levels of their perturbations over time."""

from __future__ import annotations

import numpy as np

from fastadapt.envs.arrays import Array, Ids, Mask, Steps
from fastadapt.envs.environment import Environment
from fastadapt.envs.perturbations.perturbation import Perturbation
from fastadapt.envs.perturbations.signals import Signals
from fastadapt.envs.rng import EpisodeDraws
from fastadapt.envs.runtime.intermittent_faults import IntermittentFaults
from fastadapt.envs.runtime.model_writer import ModelWriter
from fastadapt.envs.runtime.onsets import Onsets
from fastadapt.envs.runtime.touch_down import TouchDown
from fastadapt.envs.tasks.layout import ParameterBlock
from fastadapt.envs.tasks.task_set import TaskSet


class PerturbationSchedule:
    """Applies the perturbations of N robots as they begin, change and end.

    Times are counted from the start of the episode or, with `clock = "trial"`, from the last
    assignment of a task on.

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
        self._over_trials = task_set.file.clock == "trial"
        self._past = np.zeros(robots, np.int64)
        self.vectors = np.tile(task_set.nominal.vector(), (robots, 1))
        self._told = self.vectors.copy()
        self._decided_late = [b for b, x in enumerate(self._blocks) if _decides_late(x)]
        self._context: Array | None = None

    @property
    def context(self) -> Array:
        """The scaled parameter values that an oracle observes, `(N, P)`.

        Those in force: what has not begun, or is repaired, is nominal, and what begins within an
        episode may find the robot in a state that decides a value (`Perturbation.in_force`).
        """
        if self._context is None:
            told = self._told
            if self._onsets.varies:
                told = self._task_set.at_levels(told, self._applied)
            self._context = self._task_set.scale(told)
        return self._context

    @property
    def past(self) -> Steps:
        """Control steps of the trial before the present episode, `(N,)`; 0 with the other clock."""
        return self._past.copy()

    @past.setter
    def past(self, steps: Steps) -> None:
        self._past[:] = steps if self._over_trials else 0

    def assign(self, ids: Ids, vectors: Array, elapsed: Steps) -> None:
        """Assign tasks `(n, P)`, to be applied at the next update or reset.

        Args:
            ids: `(n,)` robots.
            vectors: their tasks.
            elapsed: `(N,)` control steps since the start of the episode.
        """
        if self._over_trials:
            self._past[ids] = -elapsed[ids]  # the trial begins now
        self.vectors[ids] = self._told[ids] = vectors
        self._context = None
        self._writer.assign(ids, vectors)
        self._onsets.assign(ids, vectors)
        for faults in self._faults.values():
            faults.assign(ids, vectors)
        self._new[ids] = True

    def end_episode(self, ids: Ids, elapsed: Steps) -> None:
        """End the episode of some robots, after `elapsed` `(N,)` control steps."""
        if self._over_trials:
            self._past[ids] += elapsed[ids]

    def reset(self, ids: Ids, elapsed: Steps) -> None:
        """Begin an episode of some robots; `elapsed` `(N,)` is 0 for them."""
        elapsed = elapsed + self._past
        if not self._over_trials:
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
        elapsed = elapsed + self._past
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
        waiting = self._onsets.waiting(elapsed + self._past)
        return np.flatnonzero(waiting) if ids is None else ids[waiting[ids]]

    def trigger(self, touched: Mask, elapsed: Steps) -> None:
        """Begin perturbations that waited for a touch-down `(N,)`, at the next control step."""
        self._onsets.trigger(touched, elapsed + self._past, delay=1)

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
        if self._onsets.varies:
            self._context = None
        self._new[ids] = False
        for b in self._decided_late:
            self._tell(self._blocks[b], ids, levels[:, b], at_reset)

    def _tell(self, block: ParameterBlock, ids: Ids, levels: Array, at_reset: bool) -> None:
        """Tell oracles the values of a block as robots in motion hold them.

        Of a value that targets share, the mean of what they hold.
        """
        drawn = block.values(self.vectors[ids])
        posed = at_reset & (levels >= 1)  # for the perturbation: it holds the values drawn
        if posed.all():
            held = drawn
        else:
            each = np.broadcast_to(drawn, (len(ids), len(block.ids), drawn.shape[2]))
            held = block.perturbation.in_force(self._sim, ids, block.ids, each)
            if block.rows == 1:
                changed = (held != each).any(axis=1, keepdims=True)
                held = np.where(changed, held.mean(axis=1, keepdims=True), drawn)
        told = self._told[ids]
        block.values(told)[...] = np.where(posed[:, None, None], drawn, held)
        if (told != self._told[ids]).any():
            self._told[ids] = told
            self._context = None

    def _apply_faults(self, ids: Ids) -> None:
        """Write intermittent faults of robots in which nothing else has changed."""
        if not self._writer.cached(ids).all():  # then for all robots at once: others will follow
            prone = np.unique(np.concatenate([f.prone for f in self._faults.values()]))
            new = prone[~self._writer.cached(prone) & ~self._new[prone]]
            self._writer.cache_faults(new, self.vectors[new], self._applied[new], self._faulty(new))
        self._writer.write_faults(ids, self._faulty(ids))

    def _faulty(self, ids: Ids) -> dict[int, Mask]:
        return {b: faults.faulty(ids) for b, faults in self._faults.items()}


def _decides_late(block: ParameterBlock) -> bool:
    """Return whether the state of a robot in motion decides values."""
    return type(block.perturbation).in_force is not Perturbation.in_force
