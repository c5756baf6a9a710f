"""Error messages for task-set files that do not follow the schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import AliasChoices, BaseModel, ValidationError
from pydantic_core import ErrorDetails

from fastadapt.envs import distributions
from fastadapt.envs.messages import MUST
from fastadapt.envs.perturbations.catalogue import PERTURBATIONS, find_kind
from fastadapt.errors import unknown_name

Place = tuple[int | str, ...]

LAWS: dict[str, type[BaseModel]] = {
    "constant": distributions.Constant,
    "uniform": distributions.Uniform,
    "log-uniform": distributions.LogUniform,
    "truncated-normal": distributions.TruncatedNormal,
    "choice": distributions.Choice,
    "union": distributions.UnionLaw,
}
_A_LAW = '{ law = "uniform", low = 0.5, high = 2.0 }'
_WITHIN = {
    "greater_than_equal": ("ge", "at least "),
    "greater_than": ("gt", "greater than "),
    "less_than_equal": ("le", "at most "),
    "literal_error": ("expected", ""),
}


def sentences(
    error: ValidationError,
    content: Mapping[str, Any],
    tables: Mapping[str, type[BaseModel]],
    within: Place = (),
) -> str:
    """Return what is wrong, each clause with the place and, for a name, the nearest valid one.

    Args:
        error: of the validation.
        content: the file as read, for the names of perturbations.
        tables: the schema of the file's own tables: "" (top level), "groups", "splits", "success".
        within: the place in the file that was validated (default: the whole file).
    """
    clauses = (_sentence(item, content, tables, within) for item in error.errors())
    return "; ".join(clause.removesuffix(".") for clause in clauses) + "."


def _sentence(
    item: ErrorDetails,
    content: Mapping[str, Any],
    tables: Mapping[str, type[BaseModel]],
    within: Place,
) -> str:
    kind, value, place = item["type"], item["input"], within + item["loc"]
    limits = item.get("ctx", {})
    where = _where(place, content)
    if kind == "missing":
        return f"{where} is missing"
    if kind == "extra_forbidden":
        owner = place[:-1]
        named = unknown_name("key", str(place[-1]), _allowed_keys(owner, content, tables))
        return f"{_where(owner, content)}: {named}"
    if kind in ("union_tag_invalid", "union_tag_not_found", "model_attributes_type"):
        return f"{where}{_choose(place, value)}"
    if kind in MUST:
        return f"{where} {MUST[kind]}, not {value!r}"
    if kind in _WITHIN:
        limit, words = _WITHIN[kind]
        bound = limits[limit]
        bound = bound if isinstance(bound, str) else f"{bound:g}"
        return f"{where} must be {words}{bound}, not {value!r}"
    if kind == "too_short":
        return f"{where} must have at least {limits['min_length']} entry"
    if kind == "string_pattern_mismatch":
        signs = "hyphens" if "-]" in limits["pattern"] else "underscores"
        return (
            f"{where} must be lower-case letters, digits and {signs}, beginning with a letter, "
            f"not {value!r}"
        )
    return f"{where}: {item['msg'].removeprefix('Value error, ')}"


def _choose(place: Place, value: Any) -> str:
    """Return the complaint about a perturbation without a kind, or a parameter without a law."""
    what, allowed = ("kind", PERTURBATIONS) if len(place) == 2 else ("law", LAWS)
    if not isinstance(value, dict):
        return (
            f" must be a table such as {_A_LAW}, not {value!r}" if what == "law" else ": no table"
        )
    if what in value:
        return f": {unknown_name(what, str(value[what]), allowed)}"
    return f" does not say its {what}. Available: {', '.join(sorted(allowed))}."


def _where(place: Place, content: Mapping[str, Any]) -> str:
    """Return a place in the words of the file; the tags of laws are not part of it."""
    if place[:1] == ("perturbations",) and len(place) > 1 and isinstance(place[1], int):
        entry = content["perturbations"][place[1]]
        name = entry.get("name") if isinstance(entry, dict) else None
        owner = f"perturbation '{name}'" if name else f"perturbation number {place[1] + 1}"
        keys = ".".join(str(key) for key in place[2:] if key not in LAWS)
        return f"{owner}: {keys}" if keys else owner
    return ".".join(str(key) for key in place) or "top level"


def _allowed_keys(
    owner: Place, content: Mapping[str, Any], tables: Mapping[str, type[BaseModel]]
) -> set[str]:
    """Return the keys that are allowed in the table at a place, under all of their names."""
    if not owner:
        model = tables[""]
    elif owner[0] == "perturbations":
        model = LAWS.get(str(owner[-1])) or find_kind(content["perturbations"][owner[1]]["kind"])
    else:
        table = "groups" if {"groups", "alternatives"} & set(owner) else str(owner[0])
        table = "log column" if table == "log" and len(owner) > 1 else table
        model = tables[table]
    allowed = set(model.model_fields)
    for field in model.model_fields.values():
        if isinstance(field.validation_alias, AliasChoices):
            allowed |= {name for name in field.validation_alias.choices if isinstance(name, str)}
    return allowed
