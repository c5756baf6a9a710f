"""The grid of an envelope: values of named parameters, and damage, for several robots each."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastadapt.envs import Task, TaskSet
from fastadapt.envs.arrays import Array
from fastadapt.envs.tasks.layout import ranges_of
from fastadapt.envs.tasks.named_values import ParameterNames, columns_of
from fastadapt.errors import FastadaptError

UNDAMAGED = "no damage"
_MOST_POINTS = 200
_AN_AXIS = "payload.mass[trunk]=0:8:9"


@dataclass(frozen=True)
class Axis:
    """Values of one named parameter.

    Attributes:
        name: of the parameter, as `TaskSet.task` takes it.
        values: in ascending order, `(n,)`.
        log: whether values in between are interpolated in the logarithm.
        unit: of the values.
        nominal: the value that changes nothing.
        box: smallest and largest value in training; None where training does not vary it.
    """

    name: str
    values: tuple[float, ...]
    log: bool
    unit: str
    nominal: float
    box: tuple[float, float] | None

    def __str__(self) -> str:
        unit = {"x": "× nominal", "-": ""}.get(self.unit, self.unit)
        return f"{self.name} [{unit}]" if unit else self.name

    def scaled(self, values: Array | Sequence[float]) -> Array:
        """Return values on the scale on which they are interpolated."""
        return np.log(values) if self.log else np.asarray(values, float)

    def unscaled(self, scaled: Array) -> Array:
        """Return the values of `scaled`."""
        return np.exp(scaled) if self.log else scaled

    @property
    def start(self) -> int:
        """Position of the value nearest to nominal."""
        apart = np.abs(np.array(self.values) - self.nominal)
        return int(apart.argmin())

    @property
    def inside(self) -> list[int]:
        """Positions of the values of training; without any, the one nearest to nominal."""
        low, high = self.box or (self.nominal, self.nominal)
        margin = 1e-9 * max(abs(low), abs(high), 1.0)
        found = [i for i, v in enumerate(self.values) if low - margin <= v <= high + margin]
        return found or [self.start]


@dataclass(frozen=True)
class Grid:
    """All combinations of values and damage, each for several robots with starts of their own.

    Attributes:
        task_set: that declares the parameters.
        axes: one or two.
        damages: names of the damages, the first of which is none.
        robots: robots in every cell.
        tasks: one for each cell, `(damages x values x values)` in row-major order.
    """

    task_set: TaskSet
    axes: tuple[Axis, ...]
    damages: tuple[str, ...]
    robots: int
    tasks: tuple[Task, ...]

    @functools.cached_property
    def shape(self) -> tuple[int, ...]:
        """Damages, values along the first axis, values along the second (1 without it)."""
        sizes = [len(axis.values) for axis in self.axes]
        return (len(self.damages), *sizes, *[1] * (2 - len(sizes)))

    @property
    def cells(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)

    def describe(self) -> dict[str, object]:
        """Return what was asked, as JSON."""
        return {
            "over": {axis.name: list(axis.values) for axis in self.axes},
            "logarithmic": [axis.name for axis in self.axes if axis.log],
            "damages": list(self.damages),
            "robots": self.robots,
        }


def make_grid(
    task_set: TaskSet,
    over: Sequence[str],
    damages: Sequence[str] = (),
    robots: int = 8,
    trained_on: TaskSet | None = None,
) -> Grid:
    """Return the grid over named parameters of a task set.

    Args:
        task_set: that declares the parameters.
        over: one or two axes, `NAME=LOW:HIGH:COUNT`, `NAME=LOW:HIGH:COUNT:log` or `NAME=V1,V2,...`.
        damages: beside none: `PERTURBATION:TARGET[,TARGET...]` or `NAME=VALUE`.
        robots: in every cell, with starts of their own.
        trained_on: task set of the agents' training, for its box (default: `task_set`).

    Raises:
        FastadaptError: an axis or a damage is not possible; the message says which.
    """
    if not 1 <= len(over) <= 2:
        raise FastadaptError(
            f"An envelope has one or two axes, not {len(over)}: give --over once or twice, such as "
            f"--over '{_AN_AXIS}'."
        )
    axes = [_axis(task_set, text, trained_on or task_set) for text in over]
    if len({axis.name for axis in axes}) < len(axes):
        raise FastadaptError(f"Both axes are '{axes[0].name}': choose two parameters.")
    found = {UNDAMAGED: {}} | {text: _damage(text) for text in damages}
    others = axes[1].values if len(axes) > 1 else (None,)
    tasks: list[Task] = []
    for text, damage in found.items():
        if text != UNDAMAGED and not task_set.task(damage).changes():
            raise FastadaptError(f"--damage '{text}' changes nothing: give another value.")
        for first in axes[0].values:
            for second in others:
                values = {axes[0].name: first}
                if second is not None:
                    values[axes[1].name] = second
                tasks.append(task_set.task({**damage, **values}))
    return Grid(task_set, tuple(axes), tuple(found), robots, tuple(tasks))


def _axis(task_set: TaskSet, text: str, trained_on: TaskSet) -> Axis:
    name, sign, numbers = text.rpartition("=")
    if not sign or not name:
        raise FastadaptError(f"'{text}' is no axis: write NAME=LOW:HIGH:COUNT, such as {_AN_AXIS}.")
    values, log = _values(text, numbers)
    column = columns_of(_names(task_set), name)[0]
    nominal = task_set.nominal.values[column]
    box = None
    known = trained_on.names
    if task_set.names[column] in known:
        train = trained_on.file.of_split("train")[0]
        low, high, logs = ranges_of(trained_on.blocks, train, trained_on.nominal.vector())
        at = known.index(task_set.names[column])
        low, high = (float(np.exp(e[at]) if logs[at] else e[at]) for e in (low, high))
        box = (low, high) if low < high else None
    return Axis(name, values, log, task_set.units[column], nominal, box)


def _values(text: str, numbers: str) -> tuple[tuple[float, ...], bool]:
    """Return the values of an axis, and whether they are spaced in the logarithm."""
    parts = numbers.split(":")
    log = len(parts) == 4 and parts[3] == "log"
    try:
        if len(parts) == 1:
            found = sorted({float(part) for part in numbers.split(",")})
        elif len(parts) == 3 or log:
            low, high, count = float(parts[0]), float(parts[1]), int(parts[2])
            if not 2 <= count <= _MOST_POINTS or not low < high or (log and low <= 0):
                raise ValueError
            spaced = np.geomspace if log else np.linspace
            found = [round(float(v), 12) for v in spaced(low, high, count)]
        else:
            raise ValueError
    except ValueError:
        found = []
    if not 2 <= len(found) <= _MOST_POINTS:
        raise FastadaptError(
            f"'{text}' is no axis: write NAME=LOW:HIGH:COUNT with LOW below HIGH and a COUNT of 2 "
            f"to {_MOST_POINTS} ('...:log' for values in equal ratios, LOW above 0), or "
            "NAME=V1,V2,...."
        )
    return tuple(found), log


def _damage(text: str) -> dict[str, float | list[str]]:
    """Return the values by name that a damage means."""
    name, sign, value = text.rpartition("=")
    if sign and name:
        try:
            return {name: float(value)}
        except ValueError:
            raise FastadaptError(
                f"--damage '{text}': '{value}' is no number. Write NAME=VALUE, or "
                "PERTURBATION:TARGET."
            ) from None
    name, sign, targets = text.partition(":")
    if not (sign and name and targets):
        raise FastadaptError(
            f"--damage '{text}': write PERTURBATION:TARGET, such as dead:FL_calf, or NAME=VALUE, "
            "such as 'weak.strength[FL_calf]=0.3'."
        )
    return {name: targets.split(",")}


def _names(task_set: TaskSet) -> ParameterNames:
    return ParameterNames(task_set.name, task_set.names, task_set.blocks)
