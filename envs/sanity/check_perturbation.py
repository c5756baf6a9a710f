"""Checker for kinds of perturbations: the contract of `Perturbation`, tested on a robot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.catalogue import find_environment
from fastadapt.envs.environment import Environment
from fastadapt.envs.model.names import ids_of
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.envs.sanity.declaration import check_declaration, example_of
from fastadapt.envs.sanity.effects import measure_effects
from fastadapt.envs.sanity.perturbed_models import PerturbedModels, changed, refreshed
from fastadapt.envs.simulation.interface import model_field
from fastadapt.envs.tasks.bounds import check_bounds
from fastadapt.envs.tasks.schema import TaskSetFile
from fastadapt.envs.tasks.task_set import TaskSet
from fastadapt.errors import FastadaptError

_DRAWS = np.array([0.0, 1.0, 0.3, 0.7])
"""Quantiles of the distributions that are tried, one for each of four robots."""


def check_perturbation(
    perturbation: type[Perturbation] | Perturbation,
    robot: mujoco.MjModel | type[Environment] | str,
) -> None:
    """Check that a kind of perturbation keeps the contract of `Perturbation`.

    In the spirit of Gymnasium's `check_env`; for the tests of a plugin. It checks the declaration
    and the docstring, and on a robot that

    - nominal values leave model and signals as they are, bit for bit;
    - nothing is written but the declared fields and signals, and the nominal model never;
    - the values A, B, A give the physics of A again, bit for bit;
    - constants that MuJoCo derives (`mj_setConst`) are up to date after every change;
    - several robots at once are perturbed as each of them alone;
    - each target of an intermittent fault decides the entries that it declares;
    - its values change something; on an environment, each of its parameters acts on some target at
      both ends of its range, as `fastadapt check` measures it.

    Args:
        perturbation: an instance, as a task file declares it, or a class: then all possible targets
            are perturbed by moderate values.
        robot: a model, or an environment or its name. Perturbations of signals, observations or
            goals need an environment.

    Raises:
        FastadaptError: a sentence with the first violation, and how to mend it.
    """
    cls = perturbation if isinstance(perturbation, type) else type(perturbation)
    check_declaration(cls)
    found = find_environment(robot) if isinstance(robot, str) else robot
    if isinstance(perturbation, type):
        some = example_of(cls, found if isinstance(found, mujoco.MjModel) else found.model())
    else:
        some = perturbation
    check_bounds(some)
    if isinstance(found, mujoco.MjModel):
        _check_physics(_on_model(some, found))
    else:
        _check_physics(_on_environment(some, found))
        _check_effects(some, found)


@dataclass(frozen=True)
class _Case:
    """A perturbation on a robot, with values to try.

    Attributes:
        some: the perturbation.
        model: the nominal model.
        environment: the environment, None where only the model is given.
        ids: the targets, `(k,)`.
        nominal: the values that change nothing, `(k, parameters)`.
        values: values to try, `(4, k, parameters)`.
    """

    some: Perturbation
    model: mujoco.MjModel
    environment: type[Environment] | None
    ids: Ids
    nominal: Array
    values: Array

    def robots(self, size: int) -> PerturbedModels:
        """Return nominal robots."""
        return PerturbedModels(self.some, self.ids, self.model, self.environment, size)

    def error(self, what: str) -> FastadaptError:
        """Return the error of a violation."""
        return FastadaptError(f"The perturbation '{self.some.kind_name()}' {what}")


def _on_model(some: Perturbation, model: mujoco.MjModel) -> _Case:
    if some.signals or some.target_type in ("observation", "goal"):
        raise FastadaptError(
            f"The perturbation '{some.kind_name()}' writes signals: check it on an environment in "
            "place of a model."
        )
    names = some.resolve(model)
    rows = tuple(some.parameters for _ in names)
    return _case(some, model, None, ids_of(model, some.target_type, names), rows)


def _on_environment(some: Perturbation, environment: type[Environment]) -> _Case:
    names = some.targets_in(environment)
    rows = tuple(some.parameters_of(environment, name) for name in names)
    ids = some.ids_in(environment, names)
    return _case(some, environment.model(), environment, ids, rows)


def _case(
    some: Perturbation,
    model: mujoco.MjModel,
    environment: type[Environment] | None,
    ids: Ids,
    rows: tuple[tuple[Parameter, ...], ...],
) -> _Case:
    nominal = np.array([[parameter.nominal for parameter in row] for row in rows])
    values = np.tile(nominal, (len(_DRAWS), 1, 1))
    for k, row in enumerate(rows):
        shift = 0.0 if some.shared else 0.11 * k
        draws = np.where(_DRAWS % 1 == 0, _DRAWS, (_DRAWS + shift) % 1)
        for p, parameter in enumerate(row):
            law = some.law_of(parameter)
            values[:, k, p] = parameter.default if law is None else law.quantile(draws)
    return _Case(some, model, environment, ids, nominal, values)


def _check_physics(case: _Case) -> None:
    _check_nominal(case)
    before = _bytes(case.model)
    robots = case.robots(len(case.values))
    robots.write(case.values)
    if _bytes(case.model) != before:
        raise case.error("writes to the nominal model. Write to `edit[field]` alone.")
    _check_written(case, robots)
    _check_constants(case, robots)
    _check_restored(case)
    _check_one_by_one(case, robots)
    if case.some.intermittent:
        _check_entries(case)


def _check_nominal(case: _Case) -> None:
    """Refuse changes by nominal values."""
    robots = case.robots(1)
    before = robots.state(0)
    robots.write(case.nominal[None])
    names = changed(before, robots.state(0))
    if names:
        raise case.error(
            f"changes {_listed(names)} at its nominal values. They must leave the working copies "
            "as they are, bit for bit."
        )


def _check_written(case: _Case, robots: PerturbedModels) -> None:
    """Refuse undeclared writes, writes outside of the edit, and values without any effect."""
    some, nominal = case.some, case.robots(1).state(0)
    copies = robots.copies()
    written = {n for n, a in copies.items() if any((row != nominal[n]).any() for row in a)}
    declared = {*some.fields, *some.signals, "eq_active"}
    if written - declared:
        raise case.error(
            f"writes {_listed(written - declared)}, which it does not declare. Name model fields "
            "in `fields` and signals in `signals`."
        )
    for i in range(len(case.values)):
        other = set(changed(robots.rebuilt(i), robots.state(i)))
        if other:
            raise case.error(
                f"changes {_listed(other)} outside of the edit. Write to `edit[field]`, "
                "`edit.signal(name)` and `edit.eq_active` alone."
            )
    if not written:
        raise case.error("changes nothing at any of the values tried. Check `apply`.")


def _check_constants(case: _Case, robots: PerturbedModels) -> None:
    """Refuse derived constants that are out of date."""
    known = set(changed(case.model, refreshed(case.model), close=True))
    for i in range(len(case.values)):
        model = robots.model_of(i)
        old = set(changed(model, refreshed(model), close=True)) - known
        if old:
            sources = sorted(set(_sources(case, model)) - case.some.stale)
            raise case.error(
                f"leaves {_listed(old)} out of date. MuJoCo derives them from fields that it "
                f"writes: add {_listed(sources)} to `stale`."
            )


def _sources(case: _Case, perturbed: mujoco.MjModel) -> Iterator[str]:
    """Yield the declared fields from which constants are derived."""
    nominal = refreshed(case.model)
    for field in case.some.fields:
        value = model_field(perturbed, field)
        if not np.ndim(value) or np.array_equal(value, model_field(case.model, field)):
            continue
        alone = refreshed(case.model)
        model_field(alone, field)[...] = value
        if set(changed(nominal, refreshed(alone), close=True)) - {field}:
            yield field


def _check_restored(case: _Case) -> None:
    """Refuse effects that depend on earlier values: A, B, A must be A, then nominal."""
    robots, values = case.robots(1), case.values[1:2]
    healthy = robots.state(0)
    robots.write(values)
    once = robots.state(0)
    robots.write(case.nominal + 0.5 * (values - case.nominal))
    robots.write(values)
    names = changed(once, robots.state(0))
    if names:
        raise case.error(
            f"gives other {_listed(names)} when it is applied again after other values. Start from "
            "the working copies in `edit`, which are nominal, never from current values."
        )
    robots.write(None)
    names = changed(healthy, robots.state(0))
    if names:
        raise case.error(f"leaves {_listed(names)} changed after it has ended.")


def _check_one_by_one(case: _Case, together: PerturbedModels) -> None:
    """Refuse effects on a robot that depend on the other robots."""
    for i in range(len(case.values)):
        alone = case.robots(1)
        alone.write(case.values[i : i + 1])
        names = changed(alone.state(0), together.state(i))
        if names:
            raise case.error(
                f"gives other {_listed(names)} to a robot alone than among others. Write row i of "
                "the working copies from row i of `values` alone."
            )


def _check_entries(case: _Case) -> None:
    """Refuse an intermittent fault that changes entries that its target does not decide."""
    decided = case.some.entries_of(case.model, case.ids)
    for k in range(len(case.ids)):
        values = case.nominal.copy()
        values[k] = case.values[1, k]
        robots = case.robots(1)
        robots.write(values[None])
        for name, copy in robots.copies().items():
            nominal = np.asarray(model_field(case.model, name))
            differs = (copy[0] != nominal).reshape(len(nominal), -1).any(axis=1)
            positions, entries = decided.get(name, (np.zeros(0, int), np.zeros(0, int)))
            if set(np.flatnonzero(differs)) - set(entries[positions == k]):
                raise case.error(
                    f"changes entries of `{name}` that `entries_of` does not give to the target."
                )


def _check_effects(some: Perturbation, environment: type[Environment]) -> None:
    """Refuse parameters without effect on any target at an end of their ranges."""
    alone = some.model_copy(update={"group": None, "along_with": None})
    content: dict[str, Any] = {
        "name": "check",
        "version": 0,
        "environment": environment.name,
        "perturbations": [alone],
        "splits": {"train": {"count": 1}},
    }
    task_set = TaskSet(TaskSetFile.model_validate(content), "", None, environment)
    acts: dict[str, bool] = {}
    for effect in measure_effects(task_set, 1):
        parameter = effect.extremes.parameter
        acts[parameter] = acts.get(parameter, False) or effect.acts
    idle = [parameter for parameter, effective in acts.items() if not effective]
    if idle:
        raise FastadaptError(
            f"The perturbation '{some.kind_name()}' has no effect on '{environment.name}' at an "
            f"end of the range of {_listed(idle)}. Check `apply`, or try other targets or values."
        )


def _bytes(model: mujoco.MjModel) -> bytes:
    buffer = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    return buffer.tobytes()


def _listed(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))
