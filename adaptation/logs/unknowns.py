"""The parameters that a fit estimates, and the alternatives that it tries one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from fastadapt.envs.arrays import Array
from fastadapt.envs.distributions import Law
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.envs.tasks.layout import ParameterBlock
from fastadapt.envs.tasks.task_set import TaskSet
from fastadapt.errors import FastadaptError

_SIGNALS = {"sensor_offset", "action_delay"}
"""Signals that a simulated segment has; perturbations that write others are not fitted."""
REACH = 4.0
"""An estimate may lie this far from the middle of the declared range, in half ranges."""


@dataclass(frozen=True)
class Unknown:
    """One number to estimate; its coordinate is -1 to 1 over the declared range.

    Attributes:
        name: of the parameter in the task set.
        column: in the vector of a task.
        unit: of the parameter.
        kind: of the perturbation.
        target: names or patterns of what it acts on; empty for the whole robot.
        nominal: the value that changes nothing.
        low: smallest declared value.
        high: largest declared value.
        log: whether the coordinate is its logarithm.
        bounds: physical bounds.
    """

    name: str
    column: int
    unit: str
    kind: str
    target: str
    nominal: float
    low: float
    high: float
    log: bool
    bounds: tuple[float, float]

    @property
    def _scale(self) -> tuple[float, float]:
        low, high = np.log([self.low, self.high]) if self.log else (self.low, self.high)
        return float(low + high) / 2, float(high - low) / 2

    def value(self, z: Array | float) -> Array:
        """Return values of coordinates."""
        middle, half = self._scale
        inner = middle + half * np.asarray(z, np.float64)
        return np.exp(inner) if self.log else inner

    def coordinate(self, value: Array | float) -> Array:
        """Return coordinates of values."""
        middle, half = self._scale
        with np.errstate(divide="ignore"):
            inner = np.log(value) if self.log else np.asarray(value, np.float64)
        return (inner - middle) / half

    def limits(self) -> tuple[float, float]:
        """Return the coordinates within which it is sought."""
        low, high = self.coordinate(np.array(self.bounds))
        return max(float(low), -REACH), min(float(high), REACH)


@dataclass(frozen=True, eq=False)
class Alternative:
    """A discrete cause, such as one dead actuator; the empty one is "nothing".

    Attributes:
        name: e.g. `dead[FL_calf]`.
        perturbation: its name; empty for nothing.
        target: on which it acts.
        fixed: values of columns that it sets.
        unknowns: numbers to estimate where it holds.
    """

    name: str
    perturbation: str = ""
    target: str = ""
    fixed: Mapping[int, float] = field(default_factory=dict)
    unknowns: tuple[Unknown, ...] = ()


NOTHING = Alternative("nothing")


@dataclass(frozen=True)
class Question:
    """All that is unknown about the robot.

    Attributes:
        unknowns: numbers that every robot of the task set has.
        alternatives: discrete causes, of which one may hold; "nothing" first.
        delay: column of the action delay, None if none is declared.
        delays: whole control steps to try.
        left_out: names of perturbations that are not fitted, and why.
    """

    unknowns: tuple[Unknown, ...]
    alternatives: tuple[Alternative, ...]
    delay: int | None
    delays: tuple[int, ...]
    left_out: Mapping[str, str]


def question_of(task_set: TaskSet) -> Question:
    """Return what a fit of a task set has to answer.

    Raises:
        FastadaptError: it declares nothing that a log can tell.
    """
    unknowns: list[Unknown] = []
    alternatives = [NOTHING]
    delay, delays, left_out = None, (0,), dict[str, str]()
    for block in task_set.blocks:
        perturbation = block.perturbation
        reason = _why_not(perturbation)
        if reason:
            left_out[perturbation.name] = reason
        elif "action_delay" in perturbation.signals:
            law = perturbation.law_of(perturbation.parameters[0])
            high = int(law.support()[1]) if law else 1
            delay, delays = block.start, tuple(range(high + 2))
        elif _is_alternative(perturbation):
            alternatives += _alternatives(block, task_set)
        else:
            for row in range(block.rows):
                unknowns += _of_row(block, row, task_set)
    if not unknowns and len(alternatives) == 1 and delay is None:
        raise FastadaptError(
            f"'{task_set.name}' declares nothing that a log can tell. Declare masses, friction, "
            "damping, motor strength, delay or damage under [[perturbations]]."
        )
    return Question(tuple(unknowns), tuple(alternatives), delay, delays, left_out)


def _why_not(perturbation: Perturbation) -> str:
    """Return why a perturbation is not fitted; empty where it is."""
    if not perturbation.fields and not set(perturbation.signals) & _SIGNALS:
        return "a log of joints and commands does not tell it"
    if set(perturbation.signals) - _SIGNALS:
        return "it acts from outside, or on the readings of single moments"
    if perturbation.intermittent:
        return "it comes and goes at random"
    if perturbation.event or (perturbation.duration and not perturbation.group):
        return "it lasts for a moment"
    return ""


def _is_alternative(perturbation: Perturbation) -> bool:
    return bool(
        perturbation.group or perturbation.strike or perturbation.is_switch()
        or perturbation.along_with or perturbation.among
    )  # fmt: skip


def _alternatives(block: ParameterBlock, task_set: TaskSet) -> list[Alternative]:
    found = []
    width = len(block.perturbation.parameters)
    for row in range(block.rows):
        start = block.start + row * width
        fixed = {
            start + p: parameter.default for p, parameter in enumerate(block.parameters[row])
            if parameter.default is not None
            and block.perturbation.law_of(block.perturbation.parameters[p]) is None
        }  # fmt: skip
        target = "" if block.labels()[row] == "" else block.targets[row]
        name = f"{block.perturbation.name}{block.labels()[row]}"
        unknowns = tuple(_of_row(block, row, task_set))
        found.append(Alternative(name, block.perturbation.name, target, fixed, unknowns))
    return found


def _of_row(block: ParameterBlock, row: int, task_set: TaskSet) -> list[Unknown]:
    found = []
    perturbation = block.perturbation
    width = len(perturbation.parameters)
    for p, parameter in enumerate(perturbation.parameters):
        laws = _laws(task_set, perturbation, parameter)
        if not laws or block.parameters[row][p].whole:
            continue
        low = min(law.support()[0] for law in laws)
        high = max(law.support()[1] for law in laws)
        if not high > low:
            continue
        column = block.start + row * width + p
        own = block.parameters[row][p]
        log = own.unit == "x" and low > 0
        shared = block.labels()[row] == ""
        target = ", ".join(perturbation.targets[:4]) if shared else block.targets[row]
        target = "" if target == "world" else target
        kind = perturbation.kind_name()
        found.append(Unknown(task_set.names[column], column, own.unit, kind, target, own.nominal,
                             low, high, log, (own.low, own.high)))  # fmt: skip
    return found


def _laws(task_set: TaskSet, perturbation: Perturbation, parameter: Parameter) -> list[Law]:
    """Return the law of a parameter in training, with the nominal value where it is a spread."""
    trained = task_set.file.in_split("train", perturbation)
    law = trained.law_of(parameter)
    return [] if law is None else [law]


def task_vectors(
    nominal: Array, unknowns: tuple[Unknown, ...], z: Array, alternative: Alternative = NOTHING
) -> Array:
    """Return the vectors `(n, P)` of tasks with coordinates `(n, unknowns)`."""
    vectors = np.tile(nominal, (len(z), 1))
    for column, value in alternative.fixed.items():
        vectors[:, column] = value
    for i, unknown in enumerate(unknowns):
        vectors[:, unknown.column] = np.clip(unknown.value(z[:, i]), *unknown.bounds)
    return vectors
