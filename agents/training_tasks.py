"""Training tasks: draws from the distributions of one split, or of several in turn."""

from __future__ import annotations

from collections.abc import Sequence

from fastadapt.envs import Task, TaskSet


def no_laws(task_set: TaskSet) -> tuple[str, ...]:
    """Return no split: the nominal baseline never sees a perturbed robot."""
    return ()


def training_laws(task_set: TaskSet) -> tuple[str, ...]:
    """Return the split of training alone."""
    return ("train",)


def all_laws(task_set: TaskSet) -> tuple[str, ...]:
    """Return the splits whose laws an oracle is trained on: training's and those of every test.

    An oracle has to be trained on every perturbation of the tests, held-out damage too. It is
    given the laws, not the frozen draws: every task is new.
    """
    return tuple(s for s in task_set.splits if s == "train" or s.startswith("test"))


def draw_tasks(
    task_set: TaskSet, splits: Sequence[str], count: int, seed: int, start: int = 0
) -> list[Task]:
    """Draw tasks `start` to `start + count`: number i from the laws of split i modulo their number.

    Task i is a function of (seed, splits, i) only.

    Args:
        task_set: where the laws are from.
        splits: names, at least one.
        count: how many.
        seed: names the stream of draws.
        start: number of the first.
    """
    drawn: list[Task | None] = [None] * count
    for place in range(min(len(splits), count)):
        number = start + place
        which = slice(place, None, len(splits))
        drawn[which] = task_set.sample(
            splits[number % len(splits)], len(drawn[which]), seed, start=number // len(splits)
        )
    return [task for task in drawn if task is not None]
