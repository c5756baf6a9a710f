"""Whether an agent's belief is about its task: measured with its own, and with another task's."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fastadapt.adaptation.latent import Believing
from fastadapt.adaptation.trial import measure, run_trials
from fastadapt.agents.threads import single_threaded
from fastadapt.envs import BatchedEnv, Task, TaskSet, make_batch
from fastadapt.envs.draws import key_of

Array = NDArray[np.float64]


class Exchanging(Believing, Protocol):
    """An agent whose beliefs can be exchanged between the tasks of a batch."""

    def exchange_beliefs(self, order: NDArray[np.int64]) -> None:
        """Give robot i the belief of robot `order[i]`."""
        ...


class Control(NamedTuple):
    """Mean return of each task, `(N,)` each.

    An agent that acts better on any belief than on the prior gains from the first shot without
    having found out anything: the gain over `before` is inference only as far as it is also a gain
    over `swapped`.

    Attributes:
        before: no shots.
        own: after shots, acting on the belief about the task.
        swapped: after shots, acting on the belief about another task of the split.
    """

    before: Array
    own: Array
    swapped: Array


def control_inference(
    agent: Exchanging,
    task_set: TaskSet,
    split: str,
    shots: int = 2,
    episodes: int = 2,
    seed: int = 0,
    num_threads: int = 0,
) -> Control:
    """Measure an agent on the frozen tasks of a split with its own beliefs and with others'.

    Same starts and goals in all three; task i gets the belief about task i + 1.
    """
    tasks = task_set.tasks(split)
    envs = make_batch(task_set, len(tasks), num_threads)
    order = np.roll(np.arange(len(tasks)), -1)
    with single_threaded():
        found = run_trials(agent, envs, tasks, (0, shots), episodes, seed)
        agent.exchange_beliefs(order)
        swapped = _remeasure(agent, envs, tasks, episodes, seed)
    returns = {shot: [m.episodes.returns for m in found if m.shot == shot] for shot in (0, shots)}
    return Control(np.mean(returns[0], 0), np.mean(returns[shots], 0), np.mean(swapped, 0))


def _remeasure(
    agent: Exchanging, envs: BatchedEnv, tasks: list[Task], episodes: int, seed: int
) -> list[Array]:
    """Return the returns `(N,)` of the measured episodes of `run_trials` again."""
    return [
        measure(agent, envs, [key_of(seed, task.id, "measure", episode) for task in tasks]).returns
        for episode in range(episodes)
    ]
