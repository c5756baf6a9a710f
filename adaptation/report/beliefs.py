"""Beliefs of an agent about its tasks: principal axes, and linear probes of task parameters."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastadapt.adaptation.trials.runner import run_trials
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.interface import HoldsBelief, agent_context, agent_name
from fastadapt.envs import Task, TaskSet, make_batch
from fastadapt.envs.arrays import Array
from fastadapt.errors import FastadaptError


class ProbedParameter(NamedTuple):
    """A linear probe of the beliefs about N tasks for one task parameter.

    Attributes:
        name: of the parameter.
        values: `(N,)`.
        predicted: `(N,)`, each task by the probe fitted to all others.
        share: of the parameter's variance that is explained (see `explained`).
    """

    name: str
    values: Array
    predicted: Array
    share: float


@dataclass(frozen=True)
class BeliefMap:
    """Beliefs about N tasks, projected to two dimensions.

    Attributes:
        points: `(N, 2)`, means on their first two principal axes.
        share: of the variance of the means on these axes.
        damage: kind of damage of each task, `none` without.
        parameters: those that vary over the tasks, best explained first.
        logarithmic: names of parameters that are distributed in the logarithm.
    """

    points: Array
    share: float
    damage: list[str]
    parameters: list[ProbedParameter]
    logarithmic: Collection[str] = ()


def map_beliefs(
    agent: Any, task_set: TaskSet, split: str, shots: int = 2, seed: int = 0
) -> BeliefMap:
    """Run shots on the frozen tasks of a split and map the beliefs after them.

    Raises:
        FastadaptError: the agent holds no belief.
    """
    if not isinstance(agent, HoldsBelief):
        raise FastadaptError(f"Agent '{agent_name(agent)}' holds no belief about its tasks.")
    tasks = task_set.tasks(split)
    envs = make_batch(task_set, len(tasks), context=agent_context(agent))
    with single_threaded():  # the measured episode is undone: the belief is that of the shots
        run_trials(agent, envs, tasks, (shots,), 1, seed)  # pyright: ignore[reportArgumentType]
    means = agent.belief[0]
    points, share = project(means)
    parameters = probe_parameters(task_set, tasks, means)
    return BeliefMap(points, share, _damage(task_set, tasks), parameters, task_set.logarithmic)


def project(means: Array) -> tuple[Array, float]:
    """Project vectors `(N, latent)` on two principal axes; return them and their share of variance.

    The sign of an axis is chosen so that its largest weight is positive.
    """
    centred = means - means.mean(axis=0)
    _, sizes, axes = np.linalg.svd(centred, full_matrices=False)
    count = min(2, len(axes))
    chosen = axes[:count]
    strongest = np.abs(chosen).argmax(axis=1)
    chosen = chosen * np.sign(chosen[np.arange(count), strongest])[:, None]
    points = np.zeros((len(means), 2))
    points[:, :count] = centred @ chosen.T
    total = float((sizes**2).sum())
    return points, float((sizes[:2] ** 2).sum()) / total if total > 0 else 1.0


def predicted(means: Array, values: Array) -> Array:
    """Return leave-one-out predictions of a parameter by a linear map of the belief, `(N,)`."""
    design = np.column_stack([np.ones(len(means)), means])
    hat = design @ np.linalg.pinv(design)
    return values - (values - hat @ values) / np.maximum(1.0 - np.diag(hat), 1e-9)


def explained(values: Array, prediction: Array) -> float:
    """Return the share of a parameter's variance that a leave-one-out prediction explains.

    Below 0, the prediction is worse than the mean of all other tasks.
    """
    mean_errors = (values - values.mean()) * len(values) / (len(values) - 1)
    return 1.0 - float(((values - prediction) ** 2).sum() / (mean_errors**2).sum())


def probe_parameters(
    task_set: TaskSet, tasks: Sequence[Task], means: Array
) -> list[ProbedParameter]:
    """Probe the parameters with distinct values in at least half of the tasks.

    Parameters that are distributed in the logarithm are predicted in the logarithm.

    Args:
        task_set: of the tasks.
        tasks: N of them.
        means: `(N, latent)`, of the beliefs about the tasks.
    """
    raw = task_set.vectors(tasks)
    found: list[ProbedParameter] = []
    for column, name in enumerate(task_set.names):
        values = raw[:, column]
        if 2 * len(np.unique(values)) > len(tasks):
            ratios = name in task_set.logarithmic
            scaled = np.log(values) if ratios else values
            prediction = predicted(means, scaled)
            share = explained(scaled, prediction)
            found.append(
                ProbedParameter(name, values, np.exp(prediction) if ratios else prediction, share)
            )
    return sorted(found, key=lambda probed: -probed.share)


def _damage(task_set: TaskSet, tasks: Sequence[Task]) -> list[str]:
    def kinds(changes: dict[str, Any]) -> str:
        damaged = [name for name in changes if name.split(".")[0] in task_set.damage]
        return " + ".join(dict.fromkeys(name.split(".")[0] for name in damaged)) or "none"

    return [kinds(task.changes()) for task in tasks]
