"""The layout of a task set's parameter vector: one block per perturbation."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array, Mask
from fastadapt.envs.environment import Environment
from fastadapt.envs.perturbations.contact_friction import check_contact_frictions
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError


@dataclass(frozen=True)
class ParameterBlock:
    """The columns of one perturbation in the flat parameter vector of a task.

    Attributes:
        perturbation: its declaration.
        targets: names of its targets.
        ids: their MuJoCo ids or positions, `(k,)`.
        parameters: of each row; the values are `(rows, parameters)`, with one row for each target,
            or a single one where the targets share it.
        start: first column; the values are in row-major order.
        times: columns of the declared times, after the values: "onset", "ramp", "repair",
            "duration".
    """

    perturbation: Perturbation
    targets: tuple[str, ...]
    ids: NDArray[np.intp]
    parameters: tuple[tuple[Parameter, ...], ...]
    start: int
    times: Mapping[str, int]

    @property
    def stop(self) -> int:
        """The column after the last value (times not counted)."""
        return self.start + self.rows * len(self.perturbation.parameters)

    @property
    def end(self) -> int:
        """The column after the last one, times included."""
        return self.stop + len(self.times)

    @property
    def rows(self) -> int:
        """Number of targets with values of their own."""
        return len(self.parameters)

    def labels(self) -> list[str]:
        """Return the suffix of the parameters' names in each row, e.g. `[torso]`."""
        one = self.perturbation.shared or self.perturbation.target_type == "world"
        return [""] if one else [f"[{target}]" for target in self.targets]

    def values(self, vectors: Array) -> Array:
        """Return this block of task vectors `(n, P)` as a view `(n, rows, parameters)`."""
        return vectors[:, self.start : self.stop].reshape(len(vectors), self.rows, -1)

    @functools.cached_property
    def _nominal(self) -> Array:
        values = np.array([[parameter.nominal for parameter in row] for row in self.parameters])
        values.flags.writeable = False
        return values

    def nominal(self) -> Array:
        """Return the nominal values, `(rows, parameters)`, read-only."""
        return self._nominal

    def apply(self, edit: Edit, vectors: Array, level: Array) -> None:
        """Apply the perturbation of n tasks.

        Args:
            edit: working copies for the n robots.
            vectors: the tasks, `(n, P)`.
            level: from nominal (0) to the value (1), `(n, k)` by target or `(n, 1)`.
        """
        level = np.broadcast_to(level, (len(level), len(self.targets)))
        self.perturbation.apply(edit, self.ids, self.between(vectors, level[:, :, None]))

    def between(self, vectors: Array, level: Array) -> Array:
        """Interpolate from nominal to the values; multiples in the logarithm.

        Args:
            vectors: the tasks, `(n, P)`.
            level: from nominal (0) to the value (1), `(n, k, 1)`; k is `rows` or the targets.

        Returns:
            `(n, k, parameters)`.
        """
        shape = (*level.shape[:2], len(self.perturbation.parameters))
        values = np.broadcast_to(self.values(vectors), shape)
        nominal = np.broadcast_to(self.nominal(), shape)
        reached = np.where(level >= 1, values, nominal)
        partly = (level > 0) & (level < 1)
        if not partly.any():
            return reached
        multiple = [parameter.unit == "x" for parameter in self.perturbation.parameters]
        multiple = np.array(multiple) & (nominal > 0) & (values > 0)
        ratio = np.divide(values, nominal, out=np.ones(shape), where=multiple) ** level
        risen = np.where(multiple, nominal * ratio, nominal + level * (values - nominal))
        return np.where(partly, risen, reached)


def parameter_blocks(
    perturbations: tuple[Perturbation, ...], environment: type[Environment]
) -> tuple[ParameterBlock, ...]:
    """Return the blocks of the flat parameter vector, in the order of the file.

    Raises:
        FastadaptError: a target does not exist, or an event needs feet that there are not.
    """
    check_contact_frictions(perturbations, environment.model())
    blocks: list[ParameterBlock] = []
    column = 0
    for perturbation in perturbations:
        if perturbation.event is not None and not environment.feet:
            raise FastadaptError(
                f"Perturbation '{perturbation.name}': environment '{environment.name}' names no "
                "feet that could touch the ground. Leave 'event' out, or name them."
            )
        targets = perturbation.targets_in(environment)
        ids = perturbation.ids_in(environment, targets)
        rows = targets[:1] if perturbation.shared else targets
        parameters = tuple(perturbation.parameters_of(environment, target) for target in rows)
        stop = column + sum(map(len, parameters))
        times = {name: stop + i for i, name in enumerate(perturbation.times())}
        blocks.append(ParameterBlock(perturbation, targets, ids, parameters, column, times))
        column = blocks[-1].end
    return tuple(blocks)


def described(
    blocks: tuple[ParameterBlock, ...],
) -> tuple[tuple[str, ...], tuple[str, ...], Array]:
    """Return names, units and nominal values of the parameters, `(P,)` each."""
    names: list[str] = []
    units: list[str] = []
    nominal: list[float] = []
    for block in blocks:
        name = block.perturbation.name
        for label, row in zip(block.labels(), block.parameters, strict=True):
            for parameter in row:
                names.append(f"{name}.{parameter.name}{label}")
                units.append(parameter.unit)
                nominal.append(parameter.nominal)
        names += [f"{name}.{time}" for time in block.times]
        units += ["s"] * len(block.times)
        nominal += [0.0] * len(block.times)
    return tuple(names), tuple(units), np.array(nominal)


def ranges_of(
    blocks: tuple[ParameterBlock, ...], perturbations: tuple[Perturbation, ...], nominal: Array
) -> tuple[Array, Array, Mask]:
    """Return the ends of the ranges of a split, and where they are logarithms, `(P,)` each.

    Args:
        blocks: layout of the parameters.
        perturbations: the perturbations of the split, in the order of the blocks.
        nominal: the nominal values, `(P,)`, which every range contains.
    """
    low, high = nominal.copy(), nominal.copy()
    log = np.zeros(len(low), bool)
    for block, perturbation in zip(blocks, perturbations, strict=True):
        width = len(perturbation.parameters)
        for p, parameter in enumerate(perturbation.parameters):
            law = perturbation.law_of(parameter)
            fixed = parameter.nominal if parameter.default is None else parameter.default
            ends = law.support() if law else (fixed, fixed)
            columns = slice(block.start + p, block.stop, width)
            if law is not None and law.logarithmic:
                log[columns] = low[columns] > 0  # nominal
            low[columns] = np.fmin(low[columns], ends[0])
            high[columns] = np.fmax(high[columns], ends[1])
        for name, law in perturbation.times().items():
            high[block.times[name]] = law.support()[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(log, np.log(low), low), np.where(log, np.log(high), high), log


def columns_named(blocks: tuple[ParameterBlock, ...], names: Collection[str]) -> Mask:
    """Return which parameters belong to perturbations or groups of these names, `(P,)`."""
    found = np.zeros(blocks[-1].end if blocks else 0, bool)
    for block in blocks:
        if {block.perturbation.name, block.perturbation.group} & set(names):
            found[block.start : block.end] = True
    return found
