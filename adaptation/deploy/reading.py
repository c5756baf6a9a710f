"""Parameters of a task as they can be read from what an agent infers about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastadapt.adaptation.trials.runner import episode_seeds, run_episode
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.interface import agent_context, begin_trials
from fastadapt.envs import TaskSet, make_batch
from fastadapt.envs.arrays import Array

TASKS, MOST_EPISODES = 200, 3
"""Training tasks that the reading is learned on, and the most episodes of each."""
_LEAST = 0.25
"""Least share of a parameter's variance that counts as readable."""
_RIDGES = 10.0 ** np.arange(-3.0, 5.0)


@dataclass(frozen=True)
class Reading:
    """A parameter of the task as read from what an agent infers.

    Attributes:
        name: of the parameter.
        value: in the units of the task set.
        low: end of the interval that 90 % of training tasks were within, read the same way.
        high: its other end.
        explained: share of the parameter's variance over training tasks that the reading explains,
            each task left out of what it is read by.
    """

    name: str
    value: float
    low: float
    high: float
    explained: float

    def text(self) -> str:
        """Return the parameter in a line."""
        within = f"({self.low:.3g} to {self.high:.3g})"
        return f"{self.name:<34} {self.value:8.3g}  {within:<20} R² {self.explained:.2f}"


def read_parameters(
    inferred: Array, agent: Any, task_set: TaskSet, episodes: int
) -> tuple[Reading, ...]:
    """Return the parameters that can be read from what an agent infers about a robot.

    The agent lives through trials on training tasks; a ridge regression learns to read their
    parameters from its inferences. Whatever it cannot read there is left out. The agent was not
    trained to know these numbers: it infers what its actions depend on.

    Args:
        inferred: about the robot, `(C,)`.
        agent: the same, trained; it lives through trials here.
        task_set: that it was trained on.
        episodes: of a trial, at most `MOST_EPISODES` of them are lived.

    Returns:
        The readable parameters, the best explained first.
    """
    tasks = task_set.sample("train", TASKS, 0)
    keys = [task.id for task in tasks]
    envs = make_batch(task_set, len(tasks), context=agent_context(agent))
    envs.set_tasks(tasks)
    with single_threaded():
        begin_trials(agent, np.array(episode_seeds(0, keys, "explore", 0), np.uint64))
        for episode in range(min(episodes, MOST_EPISODES)):
            run_episode(agent, envs, episode_seeds(0, keys, "shot", episode), True)
    about, values = agent.inferred(), task_set.vectors(tasks)
    logarithmic = np.isin(task_set.names, task_set.logarithmic)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.where(logarithmic, np.log(values), values)
    found: list[Reading] = []
    for number in np.flatnonzero(np.ptp(values, axis=0) > 0):
        value, errors, explained = _ridge(about, values[:, number], inferred)
        if explained < _LEAST:
            continue
        ends = value + np.quantile(errors, (0.05, 0.95))
        three = np.array([value, *ends])
        value, low, high = map(float, np.exp(three) if logarithmic[number] else three)
        found.append(Reading(task_set.names[number], value, low, high, explained))
    return tuple(sorted(found, key=lambda reading: -reading.explained))


def _ridge(inputs: Array, targets: Array, query: Array) -> tuple[float, Array, float]:
    """Return the prediction at a query, and how well others are predicted without themselves.

    The ridge is the one with the least squared leave-one-out error, which has a closed form.

    Args:
        inputs: `(n, C)`.
        targets: `(n,)`.
        query: `(C,)`.

    Returns:
        The prediction, the leave-one-out errors `(n,)`, and the share of variance they leave out.
    """
    middle, spread = inputs.mean(0), inputs.std(0)
    scale = np.where(spread > 1e-9, 1.0 / np.maximum(spread, 1e-9), 0.0) / np.sqrt(len(middle))
    known, asked = (inputs - middle) * scale, (query - middle) * scale
    mean, rest = targets.mean(), targets - targets.mean()
    kernel, best = known @ known.T, (np.inf, np.zeros(0), np.zeros(0))
    for ridge in _RIDGES:
        inverse = np.linalg.inv(kernel + ridge * np.eye(len(rest)))
        weights = inverse @ rest
        errors = weights / np.diag(inverse)
        if (errors**2).mean() < best[0]:
            best = float((errors**2).mean()), errors, weights
    loss, errors, weights = best
    return float(mean + asked @ known.T @ weights), errors, 1.0 - loss / float(rest.var())
