"""What an agent believes of its tasks, as a picture: similar tasks should lie together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from fastadapt.adaptation.trials.runner import run_trials
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.interface import AdaptiveAgent
from fastadapt.envs import Task, TaskSet, make_batch
from fastadapt.envs.arrays import Array


@runtime_checkable
class Believing(AdaptiveAgent, Protocol):
    """An agent that holds a Gaussian belief about each of its tasks."""

    @property
    def belief(self) -> tuple[Array, Array]:
        """Mean and standard deviation, `(N, latent)` each."""
        ...


class Told(NamedTuple):
    """How well beliefs tell a parameter of N tasks.

    Attributes:
        name: of the parameter.
        values: `(N,)`.
        predicted: `(N,)`, by a linear map of the belief, each task from a fit to all others.
        share: of the parameter's variance that is predicted so (see `explained`).
    """

    name: str
    values: Array
    predicted: Array
    share: float


@dataclass(frozen=True)
class LatentMap:
    """Beliefs about N tasks, seen in two dimensions.

    Attributes:
        points: `(N, 2)`, means on their first two principal axes.
        share: of the variance of the means that these axes hold.
        damage: kind of damage of each task, `none` without.
        parameters: those that vary over the tasks, best explained first.
        logarithmic: names of those whose law is in the logarithm.
    """

    points: Array
    share: float
    damage: list[str]
    parameters: list[Told]
    logarithmic: Collection[str] = ()


def map_beliefs(
    agent: Believing, task_set: TaskSet, split: str, shots: int = 2, seed: int = 0
) -> LatentMap:
    """Let an agent live through shots on the frozen tasks of a split; map what it believes then."""
    tasks = task_set.tasks(split)
    envs = make_batch(task_set, len(tasks), context=getattr(agent, "context", "hidden"))
    with single_threaded():  # the measured episode is undone: what is left is what shots taught
        run_trials(agent, envs, tasks, (shots,), 1, seed)
    means = agent.belief[0]
    points, share = project(means)
    parameters = told_parameters(task_set, tasks, means)
    return LatentMap(points, share, _damage(task_set, tasks), parameters, task_set.logarithmic)


def project(means: Array) -> tuple[Array, float]:
    """Return vectors `(N, latent)` on their first two principal axes, and their variance's share.

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
    """Return what a linear map of the belief says of a parameter, `(N,)`.

    Each task is predicted by the map fitted to all others, so that noise tells nothing.
    """
    design = np.column_stack([np.ones(len(means)), means])
    hat = design @ np.linalg.pinv(design)
    return values - (values - hat @ values) / np.maximum(1.0 - np.diag(hat), 1e-9)


def explained(values: Array, prediction: Array) -> float:
    """Return the share of a parameter's variance that was predicted (below 0: worse than the mean).

    The mean, too, is that of all other tasks.
    """
    mean_errors = (values - values.mean()) * len(values) / (len(values) - 1)
    return 1.0 - float(((values - prediction) ** 2).sum() / (mean_errors**2).sum())


def told_parameters(task_set: TaskSet, tasks: Sequence[Task], means: Array) -> list[Told]:
    """Return the parameters that at least half of the tasks have a value of their own of.

    Those whose law is in the logarithm are predicted there.

    Args:
        task_set: of the tasks.
        tasks: N of them.
        means: `(N, latent)`, of the beliefs about them.
    """
    raw = task_set.vectors(tasks)
    found: list[Told] = []
    for column, name in enumerate(task_set.names):
        values = raw[:, column]
        if 2 * len(np.unique(values)) > len(tasks):
            ratios = name in task_set.logarithmic
            scaled = np.log(values) if ratios else values
            prediction = predicted(means, scaled)
            share = explained(scaled, prediction)
            found.append(Told(name, values, np.exp(prediction) if ratios else prediction, share))
    return sorted(found, key=lambda told: -told.share)


def _damage(task_set: TaskSet, tasks: Sequence[Task]) -> list[str]:
    groups = {p.name for p in task_set.file.perturbations if p.group}

    def kinds(changes: dict[str, Any]) -> str:
        struck = [name for name in changes if name.split(".")[0] in groups]
        return " + ".join(dict.fromkeys(name.split(".")[0] for name in struck)) or "none"

    return [kinds(task.changes()) for task in tasks]
