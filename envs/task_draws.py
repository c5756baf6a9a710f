"""From the laws of a task set to the parameter values of its tasks, for many tasks at once."""

from __future__ import annotations

import dataclasses
import fnmatch
from collections.abc import Mapping
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.draws import key_of, uniforms
from fastadapt.envs.errors import FastadaptError, unknown_name
from fastadapt.envs.perturbations import Edit, Perturbation
from fastadapt.envs.perturbations.base import ids_of
from fastadapt.envs.task_file import Group

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Block:
    """Where one perturbation's values stand in the flat parameter vector of a task.

    Attributes:
        perturbation: what it is.
        targets: names of its targets.
        ids: their MuJoCo ids, `(k,)`.
        start: first column; the values are `(rows, parameters)` in row-major order, with one row
            for each target, or a single one where the targets share it.
        onset: column of the onset, None if it begins at reset.
    """

    perturbation: Perturbation
    targets: tuple[str, ...]
    ids: NDArray[np.intp]
    start: int
    onset: int | None

    @property
    def stop(self) -> int:
        """The column after the last value (the onset not counted)."""
        return self.start + self.rows * len(self.perturbation.parameters)

    @property
    def rows(self) -> int:
        """How many targets have values of their own."""
        return 1 if self.perturbation.shared else len(self.targets)

    def values(self, vectors: Array) -> Array:
        """Return this block of task vectors `(n, P)` as a view `(n, rows, parameters)`."""
        return vectors[:, self.start : self.stop].reshape(len(vectors), self.rows, -1)

    def nominal(self) -> Array:
        """Return the values that change nothing, `(parameters,)`."""
        return np.array([parameter.nominal for parameter in self.perturbation.parameters])

    def apply(self, edit: Edit, vectors: Array, in_force: Mask) -> None:
        """Write the values of task vectors `(n, P)`, nominal where not `in_force` `(n,)`."""
        for field in self.perturbation.fields:
            edit[field]  # back to nominal, also where nothing strikes any more
        values = np.where(in_force[:, None, None], self.values(vectors), self.nominal())
        shape = (len(vectors), len(self.targets), values.shape[-1])
        self.perturbation.apply(edit, self.ids, np.broadcast_to(values, shape))


def lay_out(perturbations: tuple[Perturbation, ...], model: mujoco.MjModel) -> tuple[Block, ...]:
    """Return the blocks of the flat parameter vector, in the order of the file."""
    blocks: list[Block] = []
    column = 0
    for perturbation in perturbations:
        targets = perturbation.resolve(model)
        ids = ids_of(model, perturbation.target_type, targets)
        block = Block(perturbation, targets, ids, column, None)
        column = block.stop
        if perturbation.onset is not None:
            block = dataclasses.replace(block, onset=column)
            column += 1
        blocks.append(block)
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
    width = max(max(block.stop, (block.onset or 0) + 1) for block in blocks)
    vectors = np.zeros((len(indices), width))
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
            values[:, :, p] = np.where(struck, drawn, parameter.nominal)
        if block.onset is not None and perturbation.onset is not None:
            key = key_of(*stream, perturbation.name, "onset")
            time = perturbation.onset.quantile(uniforms(key, indices, 1)[:, 0])
            vectors[:, block.onset] = np.where(struck.any(axis=1), time, 0.0)
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
    chosen: list[Mask] = []
    seen = dict.fromkeys(times, 0)
    for perturbation in perturbations:
        if perturbation.group:
            time = times[perturbation.group][seen[perturbation.group]]
            seen[perturbation.group] += 1
            chosen.append((time <= last[perturbation.group]) & np.isfinite(time))
        else:
            chosen.append(np.ones(len(indices), bool))
    return chosen


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
