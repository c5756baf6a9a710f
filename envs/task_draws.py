"""From the laws of a task set to the parameter values of its tasks, for many tasks at once."""

from __future__ import annotations

import fnmatch
import functools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.draws import key_of, uniforms
from fastadapt.envs.environment import Environment
from fastadapt.envs.errors import FastadaptError, unknown_name
from fastadapt.envs.perturbations import Edit, Parameter, Perturbation
from fastadapt.envs.perturbations.contact_friction import check_contact_frictions
from fastadapt.envs.task_file import Group

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Block:
    """Where one perturbation's values stand in the flat parameter vector of a task.

    Attributes:
        perturbation: what it is.
        targets: names of its targets.
        ids: their MuJoCo ids or positions, `(k,)`.
        parameters: of each row; the values are `(rows, parameters)`, with one row for each target,
            or a single one where the targets share it.
        start: first column; the values stand in row-major order.
        times: columns of when it begins and ends, behind the values: "onset", "ramp", "repair" and
            "duration", as far as it declares them.
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
        """How many targets have values of their own."""
        return len(self.parameters)

    def labels(self) -> list[str]:
        """Return what follows the name of a parameter in each row, e.g. `[torso]`."""
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
        """Return the values that change nothing, `(rows, parameters)`, not to be written to."""
        return self._nominal

    def apply(self, edit: Edit, vectors: Array, level: Array) -> None:
        """Write the values of task vectors `(n, P)`.

        Args:
            edit: working copies for the n robots.
            vectors: the tasks.
            level: how far each target is on the way from nominal (0) to its value (1), `(n, k)`, or
                `(n, 1)` for all of them.
        """
        level = np.broadcast_to(level, (len(level), len(self.targets)))
        self.perturbation.apply(edit, self.ids, self.between(vectors, level[:, :, None]))

    def between(self, vectors: Array, level: Array) -> Array:
        """Return the values in force, `(n, k, parameters)`; multiples rise in the logarithm.

        Args:
            vectors: the tasks, `(n, P)`.
            level: from nominal (0) to the value (1), `(n, k, 1)`; k is `rows` or the targets.
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


def lay_out(
    perturbations: tuple[Perturbation, ...], environment: type[Environment]
) -> tuple[Block, ...]:
    """Return the blocks of the flat parameter vector, in the order of the file."""
    check_contact_frictions(perturbations, environment.model())
    blocks: list[Block] = []
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
        blocks.append(Block(perturbation, targets, ids, parameters, column, times))
        column = blocks[-1].end
    return tuple(blocks)


def draw(
    blocks: tuple[Block, ...],
    perturbations: tuple[Perturbation, ...],
    groups: Mapping[str, Group],
    stream: tuple[str | int, ...],
    indices: NDArray[np.uint64],
) -> Array:
    """Draw task vectors; row i is a function of (stream, indices[i]) only.

    Args:
        blocks: layout of the vector.
        perturbations: the perturbations as the split has them, in the order of the blocks.
        groups: the groups as the split has them.
        stream: what names the stream of draws, e.g. (seed, split).
        indices: `(n,)` numbers of the tasks.

    Returns:
        `(n, P)` parameter values.
    """
    vectors = np.zeros((len(indices), blocks[-1].end if blocks else 0))
    chosen = _choose(perturbations, groups, stream, indices)
    taken: dict[str | None, dict[str, Mask]] = {}
    for block, perturbation, hit in zip(blocks, perturbations, chosen, strict=True):
        struck = _strike(block, perturbation, hit, taken, stream, indices)
        values = block.values(vectors)
        for p, parameter in enumerate(perturbation.parameters):
            law = perturbation.law_of(parameter)
            if law is None:
                drawn = np.full(struck.shape, parameter.struck)
            else:
                key = key_of(*stream, perturbation.name, parameter.name)
                drawn = law.quantile(uniforms(key, indices, block.rows))
            values[:, :, p] = np.where(struck, drawn, block.nominal()[:, p])
        for name, law in perturbation.times().items():
            key = key_of(*stream, perturbation.name, name)
            time = law.quantile(uniforms(key, indices, 1)[:, 0])
            vectors[:, block.times[name]] = np.where(struck.any(axis=1), time, 0.0)
    return vectors


def _choose(
    perturbations: tuple[Perturbation, ...],
    groups: Mapping[str, Group],
    stream: tuple[str | int, ...],
    indices: NDArray[np.uint64],
) -> list[Mask]:
    """Return for each perturbation in which tasks it strikes, `(n,)`.

    Alternatives race: exponential times with the weights as rates, the first `strike` win (a draw
    without replacement, by weight).
    """
    times: dict[str, list[Array]] = {}
    for perturbation in perturbations:
        if perturbation.group:
            key = key_of(*stream, "choice", perturbation.name)
            with np.errstate(divide="ignore"):
                time = -np.log(uniforms(key, indices, 1)[:, 0]) / perturbation.weight
            times.setdefault(perturbation.group, []).append(time)
    last: dict[str, Array] = {}
    for name, members in times.items():
        group = groups.get(name, Group())
        ordered = np.sort(np.stack(members), axis=0)
        limit = ordered[group.strike - 1] if group.strike else np.full(len(indices), -1.0)
        if group.none > 0:
            none = -np.log(uniforms(key_of(*stream, "none", name), indices, 1)[:, 0]) / group.none
            limit = np.where(none < limit, np.nextafter(none, -np.inf), limit)
        last[name] = limit
    chosen: dict[str, Mask] = {}
    seen = dict.fromkeys(times, 0)
    for perturbation in perturbations:
        if perturbation.group:
            time = times[perturbation.group][seen[perturbation.group]]
            seen[perturbation.group] += 1
            chosen[perturbation.name] = (time <= last[perturbation.group]) & np.isfinite(time)
        else:
            chosen[perturbation.name] = np.ones(len(indices), bool)
    return [chosen[perturbation.along_with or perturbation.name] for perturbation in perturbations]


def _strike(
    block: Block,
    perturbation: Perturbation,
    hit: Mask,
    taken: dict[str | None, dict[str, Mask]],
    stream: tuple[str | int, ...],
    indices: NDArray[np.uint64],
) -> Mask:
    """Return which rows of the block are struck in which task, `(n, rows)`.

    Targets of one name are not struck twice within a group (two faults hit two places).
    """
    if perturbation.shared:
        return hit[:, None]
    eligible = _eligible(block, perturbation)
    count = perturbation.strike or int(eligible.sum())
    key = key_of(*stream, perturbation.name, "targets")
    order = uniforms(key, indices, len(block.targets))
    order[:, ~eligible] = np.inf
    used = taken.setdefault(perturbation.group, {}) if perturbation.group else {}
    for column, target in enumerate(block.targets):
        if target in used:
            order[used[target], column] = np.inf
    rank = np.argsort(np.argsort(order, axis=1), axis=1)
    struck = (rank < count) & np.isfinite(order) & hit[:, None]
    for column, target in enumerate(block.targets):
        used[target] = used.get(target, np.zeros(len(indices), bool)) | struck[:, column]
    return struck


def _eligible(block: Block, perturbation: Perturbation) -> Mask:
    """Return which targets of the block can be struck, `(rows,)`."""
    patterns = perturbation.among or ("*",)
    for pattern in patterns:
        if not fnmatch.filter(block.targets, pattern):
            raise FastadaptError(
                f"Perturbation '{perturbation.name}': among: "
                f"{unknown_name('target', pattern, block.targets)}"
            )
    eligible = [any(fnmatch.fnmatchcase(t, p) for p in patterns) for t in block.targets]
    if (perturbation.strike or 0) > sum(eligible):
        raise FastadaptError(
            f"Perturbation '{perturbation.name}': strike = {perturbation.strike} is more than the "
            f"{sum(eligible)} targets that can be struck."
        )
    return np.array(eligible)
