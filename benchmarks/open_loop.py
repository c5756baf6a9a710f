"""The limit: an episode in one call of `mujoco.rollout`, which looks at nothing in between."""

from __future__ import annotations

from collections.abc import Sequence

import mujoco
import numpy as np
from mujoco.rollout import Rollout

from fastadapt.envs import (
    BatchedEnv,
    Task,
    TaskSet,
    make_batch,
)
from fastadapt.envs.arrays import Array
from fastadapt.envs.simulation.reference import ReferenceSimulation

_STATE = mujoco.mjtState.mjSTATE_FULLPHYSICS


def models_of(task_set: TaskSet, tasks: Sequence[Task]) -> list[mujoco.MjModel]:
    """Return the models of robots on tasks, as a reset leaves them: locks on, no power lost."""
    batch = make_batch(task_set, len(tasks), backend="reference")
    batch.set_tasks(tasks)
    batch.reset(seed=0)
    sim = batch.sim
    assert isinstance(sim, ReferenceSimulation)
    models = [sim.model_of(i) for i in range(len(tasks))]
    for model, active in zip(models, sim.data("eq_active"), strict=True):
        model.eq_active0 = active
    return models


class OpenLoop:
    """The episode that robots have lived through, again, from the same states and controls."""

    def __init__(
        self,
        batch: BatchedEnv,
        actions: Array,
        threads: int,
        models: mujoco.MjModel | Sequence[mujoco.MjModel],
    ) -> None:
        """Let the robots live through it, under actions `(T, N, actions)`.

        Args:
            batch: the robots.
            actions: what they are told.
            threads: that simulate.
            models: the model of all of them, or one for each.
        """
        nominal = batch.sim.model
        batch.reset(seed=0)
        self._data = [mujoco.MjData(nominal) for _ in range(threads)]
        self._states = np.empty((batch.num_envs, mujoco.mj_stateSize(nominal, _STATE)))
        places, speeds = batch.sim.data("qpos"), batch.sim.data("qvel")
        for state, qpos, qvel in zip(self._states, places, speeds, strict=True):
            self._data[0].qpos, self._data[0].qvel = qpos, qvel
            mujoco.mj_getState(nominal, self._data[0], state, _STATE)
        sent = []
        for action in actions:
            batch.step(action)
            sent.append(batch.sim.data("ctrl").copy())
        steps = batch.environment.physics_steps
        self._control = np.repeat(np.array(sent).swapaxes(0, 1), steps, axis=1)
        self._out = np.empty((*self._control.shape[:2], self._states.shape[1]))
        self._models = models
        self._pool = Rollout(nthread=threads)

    def run(self) -> Array:
        """Simulate it; return the states after every physics step, `(N, T * steps, nstate)`."""
        self._pool.rollout(self._models, self._data, self._states, self._control, state=self._out)
        return self._out
