"""Mean belief of an agent about its training tasks, for the constant-context control."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastadapt.adaptation.trials.runner import run_trials
from fastadapt.agents.constant_context import ConstantContext, check_settable
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.interface import SettableBelief
from fastadapt.envs import TaskSet, make_batch
from fastadapt.envs.arrays import Array

TASKS, SHOTS = 100, 2


def training_belief(
    agent: SettableBelief,
    task_set: TaskSet,
    tasks: int = TASKS,
    shots: int = SHOTS,
    seed: int = 0,
    num_threads: int = 0,
) -> Array:
    """Return the mean of the agent's beliefs about training tasks after some shots, `(latent,)`.

    Test tasks take no part in it.

    Args:
        agent: trained.
        task_set: that it was trained on.
        tasks: number of tasks drawn from the train split.
        shots: on each.
        seed: of the tasks and the shots.
        num_threads: threads that simulate; 0 means one per processor.

    Raises:
        FastadaptError: the agent holds no belief that can be set.
    """
    check_settable(agent)
    chosen = task_set.sample("train", tasks, seed)
    envs = make_batch(task_set, len(chosen), num_threads)
    beliefs: list[Array] = []
    with single_threaded():
        run_trials(
            agent,  # pyright: ignore[reportArgumentType]
            envs,
            chosen,
            (shots,),
            1,
            seed,
            on_measure=lambda _: beliefs.append(agent.belief[0]),
        )
    return np.mean(beliefs[0], axis=0)


def with_constant_context(agent: Any, task_set: TaskSet, num_threads: int = 0) -> ConstantContext:
    """Return the constant-context control of an agent, its belief measured on training tasks.

    Raises:
        FastadaptError: the agent holds no belief that can be set.
    """
    return ConstantContext(agent, training_belief(agent, task_set, num_threads=num_threads))
