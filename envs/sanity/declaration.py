"""Checks of the declaration of a kind of perturbation, and an example of a kind."""

from __future__ import annotations

from typing import Any

import mujoco
from pydantic import ValidationError

from fastadapt.envs.model.names import names_of
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.envs.perturbations.signals import SIGNALS
from fastadapt.envs.sanity.probes import PROBES
from fastadapt.errors import FastadaptError, unknown_name


def check_declaration(cls: type[Perturbation]) -> None:
    """Refuse a kind whose attributes or docstring break the contract of `Perturbation`.

    Raises:
        FastadaptError: a sentence with the first violation.
    """
    if not (isinstance(cls, type) and issubclass(cls, Perturbation)):
        raise FastadaptError(
            f"{cls!r:.80} is no perturbation. Derive it from "
            "fastadapt.envs.perturbations.Perturbation."
        )
    kind = cls.kind_name()
    for name in ("target_type", "parameters", "fields"):
        if not hasattr(cls, name):
            raise FastadaptError(f"The perturbation '{kind}' declares no `{name}: ClassVar`.")
    for parameter in cls.parameters:
        _check_parameter(cls, parameter)
    _check_names(cls)
    _check_docstring(cls)


def example_of(cls: type[Perturbation], model: mujoco.MjModel) -> Perturbation:
    """Return a perturbation of a kind on all of its possible targets, by moderate values.

    Raises:
        FastadaptError: the kind has other keys that must be given, or no target is possible.
    """
    kind, targets = cls.kind_name(), cls.model_fields["targets"]
    content: dict[str, Any] = {"name": "it", "kind": kind}
    if targets.is_required():
        content["targets"] = ("*",)
    keys = [p for p in cls.parameters if p.name in cls.model_fields]
    required = [p for p in keys if cls.model_fields[p.name].is_required()]
    lacking: list[str] = []
    for given in (required, keys):  # some kinds want one of several optional distributions
        try:
            some = cls.model_validate(content | {p.name: _moderate(p) for p in given})
        except ValidationError as error:
            lacking = [str(item["loc"][-1] if item["loc"] else kind) for item in error.errors()]
        else:
            return _on_possible_targets(some, model)
    raise FastadaptError(
        f"No example of '{kind}' can be made from the class, because of "
        f"{', '.join(map(repr, lacking))}. Check an instance in place of the class."
    )


def _on_possible_targets(some: Perturbation, model: mujoco.MjModel) -> Perturbation:
    """Return a perturbation without the targets that it refuses."""
    if some.target_type in ("world", "observation", "goal") or _resolves(some, model):
        return some
    names = names_of(model, some.target_type)
    each = [some.model_copy(update={"targets": (name,)}) for name in names]
    possible = tuple(one.targets[0] for one in each if _resolves(one, model))
    some = some.model_copy(update={"targets": possible or some.targets})
    some.resolve(model)
    return some


def _resolves(some: Perturbation, model: mujoco.MjModel) -> bool:
    try:
        some.resolve(model)
    except FastadaptError:
        return False
    return True


def _moderate(parameter: Parameter) -> dict[str, Any]:
    """Return a distribution of moderate values of a parameter."""
    if parameter.whole:
        last = min(int(parameter.high), int(parameter.nominal) + 2)
        return {"law": "choice", "values": list(range(int(parameter.nominal) + 1, last + 1))}
    if parameter.unit == "x":
        low, high = max(parameter.low, 0.5), min(parameter.high, 2.0)
    else:
        room = min(1.0, parameter.high - parameter.nominal)
        low, high = parameter.nominal + 0.25 * room, parameter.nominal + 0.5 * room
    return {"law": "uniform", "low": low, "high": high}


def _check_parameter(cls: type[Perturbation], parameter: Parameter) -> None:
    where = f"The perturbation '{cls.kind_name()}': parameter '{parameter.name}'"
    if not parameter.low <= parameter.nominal <= parameter.high:
        raise FastadaptError(
            f"{where} has the nominal value {parameter.nominal:g} outside of its bounds "
            f"{parameter.low:g} to {parameter.high:g}."
        )
    field = cls.model_fields.get(parameter.name)
    if (field is None or not field.is_required()) and parameter.default is None:
        raise FastadaptError(
            f"{where} has no `default`, the value where a task file gives no distribution. Give "
            f"it one, or declare `{parameter.name}: Law` without a default."
        )


def _check_names(cls: type[Perturbation]) -> None:
    """Refuse fields, signals and probes that do not exist."""
    kind = cls.kind_name()
    for field in cls.fields:
        if not (hasattr(mujoco.MjModel, field) or hasattr(mujoco.MjOption, field)):
            raise FastadaptError(
                f"The perturbation '{kind}' declares `{field}` in `fields`, which MjModel and its "
                "options do not have."
            )
    for name in cls.signals:
        if name not in SIGNALS:
            raise unknown_name("signal", name, SIGNALS)
    if not isinstance(cls.stale, frozenset) or not cls.stale <= set(cls.fields):
        raise FastadaptError(
            f"The perturbation '{kind}' declares `stale` = {cls.stale!r:.80}; it must be a "
            "frozenset of names in its `fields`."
        )
    if cls.probe is not None:
        PROBES.find(cls.probe)


def _check_docstring(cls: type[Perturbation]) -> None:
    """Refuse a docstring that does not state what is written, the unit and derived constants."""
    text = " ".join((cls.__doc__ or "").split())
    lacking = [f"`{name}`" for name in (*cls.fields, *cls.signals) if f"`{name}`" not in text]
    if "unit" not in text.lower():
        lacking.append("the unit of its values")
    words, other = "go stale", "stay valid"
    if not cls.stale:
        words, other = other, words
    if words not in text or other in text:
        lacking.append(f"'Derived constants {words}.'")
    if lacking:
        raise FastadaptError(
            f"The docstring of the perturbation '{cls.kind_name()}' does not state "
            f"{', '.join(lacking)}. Name every field and signal in backticks."
        )
