"""Sampling of task parameters from their distributions, vectorised over tasks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array, Mask
from fastadapt.envs.model.names import fits
from fastadapt.envs.perturbations.perturbation import Perturbation
from fastadapt.envs.rng import key_of, uniforms
from fastadapt.envs.tasks.layout import ParameterBlock
from fastadapt.envs.tasks.schema import Group
from fastadapt.errors import FastadaptError, unknown_name


def draw(
    blocks: tuple[ParameterBlock, ...],
    perturbations: tuple[Perturbation, ...],
    groups: Mapping[str, Group],
    stream: tuple[str | int, ...],
    indices: NDArray[np.uint64],
) -> Array:
    """Draw task vectors; row i is a function of (stream, indices[i]) only.

    Args:
        blocks: layout of the vector.
        perturbations: the perturbations of the split, in the order of the blocks.
        groups: the groups of the split.
        stream: key of the stream of draws, e.g. (seed, split).
        indices: `(n,)` numbers of the tasks.

    Returns:
        `(n, P)` parameter values.
    """
    vectors = np.zeros((len(indices), blocks[-1].end if blocks else 0))
    chosen = _choose(perturbations, groups, stream, indices)
    taken: dict[str | None, dict[str, Mask]] = {}
    for block, perturbation, active in zip(blocks, perturbations, chosen, strict=True):
        affected = _affected(block, perturbation, active, taken, stream, indices)
        values = block.values(vectors)
        for p, parameter in enumerate(perturbation.parameters):
            law = perturbation.law_of(parameter)
            if law is None:
                drawn = np.full(affected.shape, parameter.default)
            else:
                key = key_of(*stream, perturbation.name, parameter.name)
                drawn = law.quantile(uniforms(key, indices, block.rows))
            values[:, :, p] = np.where(affected, drawn, block.nominal()[:, p])
        for name, law in perturbation.times().items():
            key = key_of(*stream, perturbation.name, name)
            time = law.quantile(uniforms(key, indices, 1)[:, 0])
            vectors[:, block.times[name]] = np.where(affected.any(axis=1), time, 0.0)
    return vectors


def _choose(
    perturbations: tuple[Perturbation, ...],
    groups: Mapping[str, Group],
    stream: tuple[str | int, ...],
    indices: NDArray[np.uint64],
) -> list[Mask]:
    """Return for each perturbation the tasks that it is active in, `(n,)`.

    Alternatives are drawn without replacement, by weight: each has an exponential time with its
    weight as rate, and the earliest ones are chosen.
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


def _affected(
    block: ParameterBlock,
    perturbation: Perturbation,
    active: Mask,
    taken: dict[str | None, dict[str, Mask]],
    stream: tuple[str | int, ...],
    indices: NDArray[np.uint64],
) -> Mask:
    """Return the rows of the block that are affected in each task, `(n, rows)`.

    Within a group, no two perturbations affect targets of the same name.
    """
    if perturbation.shared:
        return active[:, None]
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
    affected = (rank < count) & np.isfinite(order) & active[:, None]
    for column, target in enumerate(block.targets):
        used[target] = used.get(target, np.zeros(len(indices), bool)) | affected[:, column]
    return affected


def _eligible(block: ParameterBlock, perturbation: Perturbation) -> Mask:
    """Return the eligible targets of the block, `(rows,)`."""
    patterns = perturbation.among or ("*",)
    for pattern in patterns:
        if not any(fits(target, pattern) for target in block.targets):
            raise FastadaptError(
                f"Perturbation '{perturbation.name}': eligible (or among): "
                f"{unknown_name('target', pattern, block.targets)}"
            )
    eligible = [any(fits(t, p) for p in patterns) for t in block.targets]
    if (perturbation.strike or 0) > sum(eligible):
        raise FastadaptError(
            f"Perturbation '{perturbation.name}': count (or strike) = {perturbation.strike} is "
            f"more than the {sum(eligible)} eligible targets."
        )
    return np.array(eligible)
