"""The extremes of every parameter of a task set, as tasks with no other perturbation."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from fastadapt.envs.arrays import Array
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.envs.tasks.layout import ParameterBlock
from fastadapt.envs.tasks.task import Task
from fastadapt.envs.tasks.task_set import TaskSet

_LAST = {"repair", "duration"}
"""Times that must be late for a perturbation to be in force at all."""


@dataclass(frozen=True)
class Extremes:
    """One parameter, and three tasks that differ in it alone.

    Attributes:
        name: name of the parameter in the task set, `name.parameter[target]`.
        parameter: its name in the perturbation.
        unit: its unit.
        perturbation: the perturbation that it belongs to.
        target: name of its target; the first one where all targets share a value.
        values: the lowest and the highest value over the distributions of all splits.
        nominal: the value that changes nothing.
        tasks: with the nominal value, at the low end, at the high end; the other parameters of the
            perturbation as on affected targets, no other perturbation in force.
        is_time: whether it is a time at which the perturbation begins or ends.
    """

    name: str
    parameter: str
    unit: str
    perturbation: Perturbation
    target: str
    values: tuple[float, float]
    nominal: float
    tasks: tuple[Task, Task, Task]
    is_time: bool

    @property
    def kind(self) -> str:
        """The kind of the perturbation in task files."""
        return self.perturbation.kind_name()


def all_extremes(task_set: TaskSet) -> list[Extremes]:
    """Return the extremes of every parameter that any split draws, in the order of the task set."""
    found: list[Extremes] = []
    for b, block in enumerate(task_set.blocks):
        laws = [task_set.file.of_split(split)[0][b] for split in task_set.splits]
        for row in range(block.rows):
            found += _of_row(task_set, block, laws, row)
        found += _of_times(task_set, block, laws)
    return found


def _of_row(
    task_set: TaskSet, block: ParameterBlock, laws: list[Perturbation], row: int
) -> Iterator[Extremes]:
    """Yield the extremes of the parameters of one target."""
    parameters = block.parameters[row]
    first = block.start + row * len(parameters)
    spans = [_span(laws, parameter) for parameter in parameters]
    for p, parameter in enumerate(parameters):
        if spans[p] == (parameter.nominal, parameter.nominal):
            continue  # no split ever draws it
        base = task_set.nominal.vector()
        for other, span in enumerate(spans):
            base[first + other] = _companion(block.perturbation, parameters[other], span)
        _keep_in_force(block, laws, base)
        values = (parameter.nominal, *spans[p])
        yield _extremes(task_set, block, base, first + p, values, parameter.name, row)


def _of_times(
    task_set: TaskSet, block: ParameterBlock, laws: list[Perturbation]
) -> Iterator[Extremes]:
    """Yield the extremes of the times of a perturbation, with all of its targets affected."""
    for name, column in block.times.items():
        spans = [law.times()[name].support() for law in laws]
        base = task_set.nominal.vector()
        for row, parameters in enumerate(block.parameters):
            for p, parameter in enumerate(parameters):
                at = block.start + row * len(parameters) + p
                base[at] = _companion(block.perturbation, parameter, _span(laws, parameter))
        _keep_in_force(block, laws, base)
        nominal = float(base[column]) if name in _LAST else 0.0
        values = nominal, min(low for low, _ in spans), max(high for _, high in spans)
        yield _extremes(task_set, block, base, column, values, name, 0)


def _extremes(
    task_set: TaskSet,
    block: ParameterBlock,
    base: Array,
    column: int,
    values: tuple[float, float, float],
    parameter: str,
    row: int,
) -> Extremes:
    """Return the extremes of one column of the task vector `base`, `(P,)`."""
    vectors = np.tile(base, (3, 1))
    vectors[:, column] = values
    tasks = [
        dataclasses.replace(task_set.nominal, values=tuple(vector.tolist())) for vector in vectors
    ]
    return Extremes(
        task_set.names[column],
        parameter,
        task_set.units[column],
        block.perturbation,
        block.targets[row],
        values[1:],
        values[0],
        (tasks[0], tasks[1], tasks[2]),
        column >= block.stop,
    )


def _span(laws: list[Perturbation], parameter: Parameter) -> tuple[float, float]:
    """Return the lowest and the highest value of a parameter on an affected target."""
    default = parameter.nominal if parameter.default is None else parameter.default
    found = [law.law_of(parameter) for law in laws]
    values = [law.support() if law else (default, default) for law in found]
    low, high = min(v for v, _ in values), max(v for _, v in values)
    if all(law is None for law in found) and default != parameter.nominal:  # a switch
        return min(low, parameter.nominal), max(high, parameter.nominal)
    return low, high


def _companion(
    perturbation: Perturbation, parameter: Parameter, span: tuple[float, float]
) -> float:
    """Return the end that is further from nominal; multiples are compared as ratios.

    Of the interval of an intermittent fault it is the shorter end, so that a short motion shows it.
    """
    low, high = span
    if perturbation.intermittent and parameter.unit == "s":
        return low
    if parameter.unit == "x" and low > 0 and parameter.nominal > 0:
        return low if parameter.nominal / low > high / parameter.nominal else high
    return low if parameter.nominal - low > high - parameter.nominal else high


def _keep_in_force(block: ParameterBlock, laws: list[Perturbation], base: Array) -> None:
    """Set the times so that the perturbation begins at once and lasts."""
    for name, column in block.times.items():
        spans = [law.times()[name].support() for law in laws]
        base[column] = max(high for _, high in spans) if name in _LAST else 0.0
