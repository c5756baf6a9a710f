"""The model of one robot as a task leaves it: for pictures, and for looking at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import mujoco
import numpy as np

from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.simulation.reference import ReferenceSimulation

if TYPE_CHECKING:
    from fastadapt.envs.tasks.task import Task
    from fastadapt.envs.tasks.task_set import TaskSet


def task_model(task_set: TaskSet, task: Task) -> mujoco.MjModel:
    """Return a copy of the nominal model with everything that a task changes in it.

    Whatever begins within an episode has begun. What is no part of a model (goals, readings,
    commands, pushes, and whether a lock is on) is not in it.

    Raises:
        FastadaptError: the task is of another task set.
    """
    sim = ReferenceSimulation(task_set.environment.model(), 1, forward=False)
    edit = Edit(sim, np.arange(1))
    vector = task_set.vectors([task])
    for block in sorted(task_set.blocks, key=lambda block: block.perturbation.stage):
        if block.perturbation.fields:
            block.apply(edit, vector, np.ones((1, len(block.targets))))
    edit.commit({field for block in task_set.blocks for field in block.perturbation.stale})
    return sim.model_of(0)
