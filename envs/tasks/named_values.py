"""Tasks from values by name, checked against physical bounds."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.perturbations.perturbation import Parameter
from fastadapt.envs.tasks.layout import ParameterBlock
from fastadapt.errors import FastadaptError, unknown_name

NamedValues = Mapping[str, float | str | Sequence[str]]
"""Values of parameters, or targets of perturbations, by name; see `TaskSet.task`."""


@dataclass(frozen=True)
class ParameterNames:
    """The names by which the values of a task set are given.

    Attributes:
        task_set: its name.
        names: of the parameters, `(P,)`.
        blocks: the layout of the parameters.
    """

    task_set: str
    names: tuple[str, ...]
    blocks: tuple[ParameterBlock, ...]


def vector_of(
    known: ParameterNames, nominal: NDArray[np.float64], values: NamedValues
) -> NDArray[np.float64]:
    """Return the parameters of the task with these values by name, `(P,)`.

    Raises:
        FastadaptError: see `TaskSet.task`.
    """
    if not isinstance(values, Mapping):
        raise FastadaptError(
            f"A task is made of values by name, such as {{'{_example(known)}': 1.0}}, not of "
            f"{values!r:.60}."
        )
    vector = nominal.copy()
    given: set[int] = set()
    for name, value in values.items():
        for column, number in _entries(known, str(name), value):
            vector[column] = number
            given.add(column)
    for block in known.blocks:
        _switch_on(block, vector, given)
        _check_times(block, vector)
    return vector


def columns_of(known: ParameterNames, name: str) -> list[int]:
    """Return the columns of the parameters that a name means.

    Args:
        known: the names of the task set.
        name: `perturbation.parameter[target]`, where the target may be a pattern or left out, or
            `perturbation` where it has a single parameter.

    Raises:
        FastadaptError: there is no such name.
    """
    block, rest = _block_of(known, name)
    if not rest:
        if len(block.perturbation.parameters) > 1:
            names = [f"{block.perturbation.name}.{p.name}" for p in block.perturbation.parameters]
            raise FastadaptError(
                f"'{name}' has several parameters: {', '.join(names)}. Name one of them."
            )
        return [block.start + row for row in range(block.rows)]
    names = known.names
    if name in names:
        return [names.index(name)]
    parameter, _, target = rest.removeprefix(".").partition("[")
    own = [p.name for p in block.perturbation.parameters]
    if parameter not in own:
        owned = sorted({n.partition("[")[0] for n in names[block.start : block.end]})
        raise unknown_name("parameter", name.partition("[")[0], owned)
    column = block.start + own.index(parameter)
    rows = _rows(block, name, target.removesuffix("]") if target else "*")
    return [column + row * len(own) for row in rows]


def _entries(known: ParameterNames, name: str, value: Any) -> Iterator[tuple[int, float]]:
    """Yield the columns and the numbers that one entry means."""
    targets = [value] if isinstance(value, str) else value
    if isinstance(targets, Sequence) and not isinstance(targets, str | np.ndarray):
        yield from _struck(known, name, [str(target) for target in targets])
        return
    if isinstance(value, bool | np.bool_) or not isinstance(value, int | float | np.number):
        raise FastadaptError(
            f"'{name}': {value!r:.60} is neither a number nor the name of a target."
        )
    for column in columns_of(known, name):
        block = next(b for b in known.blocks if b.start <= column < b.end)
        if column < block.stop:
            width = len(block.perturbation.parameters)
            row, position = divmod(column - block.start, width)
            check_value(known.names[column], float(value), block.parameters[row][position])
        elif not (math.isfinite(value) and value >= 0):
            raise FastadaptError(
                f"{known.names[column]} = {value:g} is not possible: times are in seconds from "
                "0 on."
            )
        yield column, float(value)


def _struck(known: ParameterNames, name: str, targets: list[str]) -> Iterator[tuple[int, float]]:
    """Yield what a perturbation writes on the targets that it acts on."""
    block, rest = _block_of(known, name)
    defaults = [parameter.default for parameter in block.perturbation.parameters]
    if rest or None in defaults:
        lacking = [p.name for p in block.perturbation.parameters if p.default is None]
        one = f"{block.perturbation.name}.{(lacking or [block.perturbation.parameters[0].name])[0]}"
        raise FastadaptError(
            f"'{name}' takes a number, not the name of a target: write '{one}[{targets[0]}]' with "
            "its value."
        )
    for target in targets:
        for row in _rows(block, name, target):
            for position, default in enumerate(defaults):
                assert default is not None
                yield block.start + row * len(defaults) + position, default


def check_value(name: str, value: float, parameter: Parameter) -> None:
    """Refuse a value that is not physically possible.

    Raises:
        FastadaptError: it is not.
    """
    if not parameter.low <= value <= parameter.high:  # not-a-number too
        raise FastadaptError(
            f"{name} = {value:g} is not possible; allowed are {parameter.low:g} to "
            f"{parameter.high:g} [{parameter.unit}]."
        )
    switch = parameter.unit == "-" and (parameter.low, parameter.high) == (0.0, 1.0)
    if parameter.whole and value % 1:
        raise FastadaptError(f"{name} = {value:g} is not possible: it must be a whole number.")
    if switch and parameter.nominal == 0.0 and parameter.default == 1.0 and value % 1:
        raise FastadaptError(f"{name} = {value:g} is not possible: it is a switch, 0 or 1.")


def _switch_on(block: ParameterBlock, vector: NDArray[np.float64], given: set[int]) -> None:
    """Set the parameters that were not given to their defaults where another one was changed.

    A lock at a fraction is a lock; a force along x is none along y.
    """
    width = len(block.perturbation.parameters)
    for row, parameters in enumerate(block.parameters):
        columns = range(block.start + row * width, block.start + (row + 1) * width)
        changed = [c for c, p in zip(columns, parameters, strict=True)
                   if c in given and vector[c] != p.nominal]  # fmt: skip
        if not changed:
            continue
        for column, parameter in zip(columns, parameters, strict=True):
            if column not in given and parameter.default is not None:
                vector[column] = parameter.default


def _check_times(block: ParameterBlock, vector: NDArray[np.float64]) -> None:
    """Refuse a repair that precedes its onset: nothing would happen in such a task."""
    onset, repair = (
        vector[block.times[t]] if t in block.times else 0.0 for t in ("onset", "repair")
    )
    if 0 < repair <= onset:
        name = block.perturbation.name
        raise FastadaptError(
            f"{name}.repair = {repair:g} s is not after {name}.onset = {onset:g} s. Repair it "
            "later, or 0 for never."
        )


def _block_of(known: ParameterNames, name: str) -> tuple[ParameterBlock, str]:
    """Return the perturbation that a name begins with, and the rest of the name."""
    blocks = {block.perturbation.name: block for block in known.blocks}
    head = name.partition(".")[0].partition("[")[0]
    if head not in blocks:
        heads = sorted(blocks)
        raise unknown_name(f"perturbation of task set '{known.task_set}' called", head, heads)
    return blocks[head], name.removeprefix(head)


def _rows(block: ParameterBlock, name: str, pattern: str) -> list[int]:
    """Return the rows of the targets that match a name or pattern."""
    if block.labels() == [""]:
        if pattern != "*":
            raise FastadaptError(
                f"'{name}' has one value for all its targets: leave '[{pattern}]' out."
            )
        return [0]
    found = [row for row, target in enumerate(block.targets)
             if target == pattern or fnmatch.fnmatchcase(target, pattern)]  # fmt: skip
    if not found:
        raise unknown_name(
            f"target of perturbation '{block.perturbation.name}' called", pattern, block.targets
        )
    return found


def _example(known: ParameterNames) -> str:
    return known.names[0] if known.names else "payload.mass[trunk]"
