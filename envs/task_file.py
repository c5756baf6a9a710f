"""The TOML file that declares a task set, and what is said when it is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fastadapt.envs import laws
from fastadapt.envs.errors import FastadaptError, unknown_name
from fastadapt.envs.perturbations import AnyPerturbation, Perturbation, perturbation_kinds


class Group(BaseModel):
    """Alternatives, of which `strike` hit one task."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strike: int = Field(default=1, ge=0)
    none: float = Field(default=0.0, ge=0)
    """Weight of "nothing at all", beside the weights of the members."""


class Split(BaseModel):
    """A named part of the task set: how many frozen tasks, and where it departs from training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int = Field(ge=1)
    description: str = ""
    groups: dict[str, Group] = {}
    perturbations: dict[str, dict[str, Any]] = {}
    """Keys of a perturbation that this split replaces, by the perturbation's name."""


class TaskSetFile(BaseModel):
    """A task-set file, validated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    version: int = Field(ge=0)
    environment: str
    description: str = ""
    groups: dict[str, Group] = {}
    perturbations: tuple[AnyPerturbation, ...] = Field(min_length=1)
    splits: dict[str, Split]

    def of_split(self, split: str) -> tuple[tuple[Perturbation, ...], dict[str, Group]]:
        """Return the perturbations and groups in force in a split."""
        overrides = self.splits[split].perturbations
        merged: list[Perturbation] = []
        for perturbation in self.perturbations:
            changes = overrides.get(perturbation.name, {})
            merged.append(
                type(perturbation).model_validate(perturbation.model_dump() | changes)
                if changes
                else perturbation
            )
        return tuple(merged), self.groups | self.splits[split].groups


def read_task_file(path: Path) -> TaskSetFile:
    """Read and validate a task-set file.

    Raises:
        FastadaptError: the file is missing, is no TOML or does not follow the schema; the message
            gives the path of every wrong key and the nearest valid name.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FastadaptError(f"Cannot read the task-set file '{path}': {error}.") from None
    return parse_task_file(text, str(path))


def parse_task_file(text: str, source: str) -> TaskSetFile:
    """Validate the text of a task-set file; `source` names it in messages."""
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FastadaptError(f"{source} is not valid TOML: {error}.") from None
    try:
        file = TaskSetFile.model_validate(content)
    except ValidationError as error:
        raise FastadaptError(f"{source}: {_sentences(error)}") from None
    _check_names(file, source)
    _check_splits(file, source)
    return file


def _check_names(file: TaskSetFile, source: str) -> None:
    names = [p.name for p in file.perturbations]
    for name in names:
        if names.count(name) > 1:
            raise FastadaptError(
                f"{source}: two perturbations are called '{name}'; give each a name of its own."
            )
    groups = {p.group for p in file.perturbations if p.group}
    for group in file.groups:
        if group not in groups:
            raise FastadaptError(f"{source}: groups: {unknown_name('group', group, groups)}")
    for split_name, split in file.splits.items():
        for name in split.perturbations:
            if name not in names:
                raise FastadaptError(
                    f"{source}: splits.{split_name}: {unknown_name('perturbation', name, names)}"
                )
        for group in split.groups:
            if group not in groups:
                raise FastadaptError(
                    f"{source}: splits.{split_name}: {unknown_name('group', group, groups)}"
                )


def _check_splits(file: TaskSetFile, source: str) -> None:
    if "train" not in file.splits:
        raise FastadaptError(f"{source}: splits: add [splits.train]; nothing to train on without.")
    for split in file.splits:
        try:
            perturbations, _ = file.of_split(split)
        except ValidationError as error:
            raise FastadaptError(f"{source}: splits.{split}: {_sentences(error)}") from None
        for perturbation in perturbations:
            for parameter in perturbation.parameters:
                law = perturbation.law_of(parameter)
                if law is None:
                    continue
                low, high = law.support()
                if low < parameter.low or high > parameter.high:
                    raise FastadaptError(
                        f"{source}: splits.{split}: perturbation '{perturbation.name}': "
                        f"{parameter.name} from {low:g} to {high:g} is not possible; allowed are "
                        f"{parameter.low:g} to {parameter.high:g} [{parameter.unit}]."
                    )
            if perturbation.onset is not None and perturbation.onset.support()[0] < 0:
                raise FastadaptError(
                    f"{source}: splits.{split}: perturbation '{perturbation.name}': onset must not "
                    "be negative (seconds from the start of the episode)."
                )


def _sentences(error: ValidationError) -> str:
    return "; ".join(_sentence(e["loc"], e["type"], e["msg"], e["input"]) for e in error.errors())


def _sentence(loc: tuple[int | str, ...], kind: str, message: str, value: Any) -> str:
    path = ".".join(str(part) for part in loc)
    if kind == "extra_forbidden":
        return f"{path}: {unknown_name('key', str(loc[-1]), _allowed_keys(loc[:-1]))}"
    if kind == "union_tag_invalid":
        key = "law" if isinstance(value, dict) and "law" in value else "kind"
        allowed = _laws() if key == "law" else perturbation_kinds()
        return f"{path}: {unknown_name(key, str(value.get(key)), allowed)}"
    if kind == "union_tag_not_found":
        return f"{path}: {message[0].lower()}{message[1:]}; it must say which, e.g. law = 'uniform'"
    return f"{path or 'file'}: {message.removeprefix('Value error, ')}"


def _laws() -> dict[str, type[BaseModel]]:
    classes = (laws.Constant, laws.Uniform, laws.LogUniform, laws.Choice, laws.Union)
    names = ("constant", "uniform", "log-uniform", "choice", "union")
    return dict(zip(names, classes, strict=True))


def _allowed_keys(owner: tuple[int | str, ...]) -> set[str]:
    """Return the keys that are allowed in the table at `owner` (tags of unions are part of it)."""
    known: dict[str, type[BaseModel]] = {**_laws(), **perturbation_kinds()}
    tag = str(owner[-1]) if owner else ""
    if tag in known:
        return set(known[tag].model_fields)
    if "splits" in owner[:1] and len(owner) == 2:
        return set(Split.model_fields)
    if "groups" in owner:
        return set(Group.model_fields)
    if not owner:
        return set(TaskSetFile.model_fields) | set()
    return {name for cls in perturbation_kinds().values() for name in cls.model_fields}
