"""The `MjModel` of a single task, for rendering and inspection."""

from __future__ import annotations

import mujoco
import numpy as np

from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.simulation.reference import ReferenceSimulation
from fastadapt.envs.tasks.task import Task
from fastadapt.envs.tasks.task_set import TaskSet


def task_model(task_set: TaskSet, task: Task) -> mujoco.MjModel:
    """Return a copy of the nominal model with the perturbations of a task applied.

    All perturbations are active, also those with a later onset. Goals, sensor and action faults,
    pushes, backlash and active locks are not part of a model.

    Raises:
        FastadaptError: the task is of another task set.
    """
    sim = ReferenceSimulation(task_set.environment.model(), 1, forward=False)
    edit = Edit(sim, np.arange(1))
    vector = task_set.vectors([task])
    for block in sorted(task_set.blocks, key=lambda block: block.perturbation.stage):
        if block.perturbation.fields and not block.perturbation.signals:
            block.apply(edit, vector, np.ones((1, len(block.targets))))
    edit.commit({field for block in task_set.blocks for field in block.perturbation.stale})
    return sim.model_of(0)
