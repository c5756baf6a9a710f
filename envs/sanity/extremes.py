"""The two ends of every parameter of a task set, as tasks in which nothing else is perturbed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fastadapt.envs.arrays import Array
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.envs.tasks.layout import Block
from fastadapt.envs.tasks.task import Task
from fastadapt.envs.tasks.task_set import TaskSet

Name = Literal["low", "nominal", "high"]

_KEPT = {"repair", "duration"}
"""Times that must be late for a perturbation to be there at all."""


@dataclass(frozen=True)
class Ends:
    """One parameter, and three tasks that differ in nothing else.

    Attributes:
        name: of the parameter in the task set, `name.parameter[target]`.
        unit: its unit.
        perturbation: what it is a parameter of.
        target: name of what is struck; of the first one where all share a value.
        values: the lowest and the highest value over the laws of all splits.
        nominal: the value that changes nothing.
        tasks: with the nominal value, at the low end, at the high end; the other parameters of the
            perturbation as they are where it strikes, nothing else perturbed.
        is_time: whether it says when the perturbation begins or ends.
    """

    name: str
    unit: str
    perturbation: Perturbation
    target: str
    values: tuple[float, float]
    nominal: float
    tasks: tuple[Task, Task, Task]
    is_time: bool

    @property
    def kind(self) -> str:
        """The kind of the perturbation, as task files call it."""
        return str(vars(self.perturbation)["kind"])


def all_ends(task_set: TaskSet) -> list[Ends]:
    """Return the ends of every parameter that any split draws, in the order of the task set."""
    found: list[Ends] = []
    for b, block in enumerate(task_set.blocks):
        laws = [task_set.file.of_split(split)[0][b] for split in task_set.splits]
        for row, (target, label) in enumerate(zip(block.targets, block.labels(), strict=False)):
            found += _of_row(task_set, block, laws, row, target, label)
        found += _of_times(task_set, block, laws)
    return found


def _of_row(
    task_set: TaskSet, block: Block, laws: list[Perturbation], row: int, target: str, label: str
) -> Iterator[Ends]:
    width = len(block.perturbation.parameters)
    first = block.start + row * width
    parameters = block.parameters[row]
    spans = [_span(laws, parameter) for parameter in parameters]
    for p, parameter in enumerate(parameters):
        if spans[p] == (parameter.nominal, parameter.nominal):
            continue  # no split ever draws it
        base = task_set.nominal.vector()
        for other, span in enumerate(spans):
            base[first + other] = _companion(block.perturbation, parameters[other], span)
        _hold(block, laws, base)
        yield _ends(task_set, block, base, first + p, spans[p], parameter.nominal, target, label)


def _of_times(task_set: TaskSet, block: Block, laws: list[Perturbation]) -> Iterator[Ends]:
    """Yield the ends of when the perturbation begins and ends; it strikes all of its targets."""
    for name, column in block.times.items():
        spans = [law.times()[name].support() for law in laws]
        span = min(low for low, _ in spans), max(high for _, high in spans)
        base = task_set.nominal.vector()
        for row, parameters in enumerate(block.parameters):
            for p, parameter in enumerate(parameters):
                at = block.start + row * len(parameters) + p
                base[at] = _companion(block.perturbation, parameter, _span(laws, parameter))
        _hold(block, laws, base)
        nominal = base[column] if name in _KEPT else 0.0
        yield _ends(task_set, block, base, column, span, nominal, block.targets[0], "")


def _ends(
    task_set: TaskSet,
    block: Block,
    base: Array,
    column: int,
    span: tuple[float, float],
    nominal: float,
    target: str,
    label: str,
) -> Ends:
    vectors = np.tile(base, (3, 1))
    vectors[:, column] = [nominal, *span]
    tasks = [
        dataclasses.replace(task_set.nominal, values=tuple(vector.tolist())) for vector in vectors
    ]
    return Ends(
        task_set.names[column],
        task_set.units[column],
        block.perturbation,
        target,
        span,
        nominal,
        (tasks[0], tasks[1], tasks[2]),
        column >= block.stop,
    )


def _span(laws: list[Perturbation], parameter: Parameter) -> tuple[float, float]:
    """Return the lowest and the highest value of a parameter where it is struck."""
    struck = parameter.nominal if parameter.struck is None else parameter.struck
    found = [law.law_of(parameter) for law in laws]
    values = [law.support() if law else (struck, struck) for law in found]
    low, high = min(v for v, _ in values), max(v for _, v in values)
    if all(law is None for law in found) and struck != parameter.nominal:  # a switch
        return min(low, parameter.nominal), max(high, parameter.nominal)
    return low, high


def _companion(
    perturbation: Perturbation, parameter: Parameter, span: tuple[float, float]
) -> float:
    """Return the end that is further from nominal; multiples are compared as ratios.

    What holds off and on does so quickly, so that one need not look for long.
    """
    low, high = span
    if perturbation.flickers and parameter.unit == "s":
        return low
    if parameter.unit == "x" and low > 0 and parameter.nominal > 0:
        return low if parameter.nominal / low > high / parameter.nominal else high
    return low if parameter.nominal - low > high - parameter.nominal else high


def _hold(block: Block, laws: list[Perturbation], base: Array) -> None:
    """Let the perturbation begin at once and last."""
    for name, column in block.times.items():
        spans = [law.times()[name].support() for law in laws]
        base[column] = max(high for _, high in spans) if name in _KEPT else 0.0
