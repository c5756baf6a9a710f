"""Schema of the TOML file that declares a task set."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AliasChoices,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from fastadapt.envs.perturbations.catalogue import AnyPerturbation
from fastadapt.envs.perturbations.perturbation import ALIASES, Perturbation, refuse_both_names
from fastadapt.envs.success import SuccessKeys
from fastadapt.envs.tasks.bounds import check_apart, check_bounds
from fastadapt.envs.tasks.log_keys import LogColumn, LogKeys
from fastadapt.envs.tasks.schema_errors import sentences
from fastadapt.errors import FastadaptError, unknown_name

_GROUP_ALIASES = {"count": "strike", "none_weight": "none"}
_TABLE_ALIASES = {"alternatives": "groups"}
_GROUPS = AliasChoices("groups", "alternatives")


class Group(BaseModel):
    """Alternatives, of which `strike` are active in a task."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    strike: int = Field(default=1, ge=0, validation_alias=AliasChoices("strike", "count"))
    """Number of the alternatives that act in one task."""
    none: float = Field(default=0.0, ge=0, validation_alias=AliasChoices("none", "none_weight"))
    """Weight of "nothing at all", beside the weights of the members."""

    @model_validator(mode="before")
    @classmethod
    def _one_name_for_each_key(cls, content: Any) -> Any:
        refuse_both_names(content, _GROUP_ALIASES)
        return content


class Split(BaseModel):
    """A named part of the task set: how many frozen tasks, and where it departs from training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    count: int = Field(ge=1, le=100_000)
    """Number of frozen tasks."""
    description: str = ""
    """One sentence for lists."""
    groups: dict[str, Group] = Field(default={}, validation_alias=_GROUPS)
    """Groups that differ from those of training."""
    perturbations: dict[str, dict[str, Any]] = {}
    """Keys of a perturbation that this split replaces, by the perturbation's name."""

    @model_validator(mode="before")
    @classmethod
    def _one_name_for_each_key(cls, content: Any) -> Any:
        refuse_both_names(content, _TABLE_ALIASES)
        return content

    @field_validator("perturbations")
    @classmethod
    def _keys_as_hashed(cls, changes: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """Give each key the name that enters hashes."""
        for content in changes.values():
            refuse_both_names(content, ALIASES)
        return {
            name: {ALIASES.get(key, key): value for key, value in content.items()}
            for name, content in changes.items()
        }


class TaskSetFile(BaseModel):
    """A task-set file, validated."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,50}$")
    """Name of the task set; its id is `<name>-v<version>`."""
    version: int = Field(ge=0)
    """Number of the version; a published set never changes under its version."""
    environment: str | dict[str, Any]
    """Name of an environment, or the table `[environment]` of a custom robot."""
    description: str = ""
    """One sentence for lists."""
    clock: Literal["episode", "trial"] = "episode"
    """Where onsets and repairs are counted from: the start of every episode, or the start of the
    trial, on through its episodes."""
    untold: tuple[str, ...] = ()
    """Perturbations and groups that `context`, which privileged agents see, leaves out."""
    groups: dict[str, Group] = Field(default={}, validation_alias=_GROUPS)
    """Groups of alternatives, by name."""
    perturbations: tuple[AnyPerturbation, ...] = ()
    """What can go wrong: an array of tables `[[perturbations]]`."""
    splits: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")], Split]
    """Splits by name; `train` must be among them."""
    success: SuccessKeys | None = None
    """When an episode is a success, in place of the environment's criterion or parts of it."""
    log: LogKeys | None = None
    """The columns of a recorded log, for `fastadapt fit`; no part of the tasks."""

    @model_validator(mode="before")
    @classmethod
    def _one_name_for_each_key(cls, content: Any) -> Any:
        refuse_both_names(content, _TABLE_ALIASES)
        return content

    @field_validator("environment", mode="before")
    @classmethod
    def _name_or_table(cls, environment: Any) -> Any:
        if not isinstance(environment, str | dict):
            raise ValueError(
                f"must be the name of a shipped environment, or a table [environment], not "
                f"{environment!r}"
            )
        return environment

    def of_split(self, split: str) -> tuple[tuple[Perturbation, ...], dict[str, Group]]:
        """Return the perturbations and groups in force in a split."""
        merged = tuple(self.in_split(split, perturbation) for perturbation in self.perturbations)
        return merged, self.groups | self.splits[split].groups

    def in_split(self, split: str, perturbation: Perturbation) -> Perturbation:
        """Return a perturbation of this file as a split has it."""
        changes = self.splits[split].perturbations.get(perturbation.name)
        if not changes:
            return perturbation
        return type(perturbation).model_validate(perturbation.model_dump() | changes)


def read_task_file(path: Path) -> TaskSetFile:
    """Read and validate a task-set file.

    Raises:
        FastadaptError: the file is missing, is no TOML or does not follow the schema; the message
            gives the path of every wrong key and the nearest valid name.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise FastadaptError(f"Cannot read the task-set file '{path}': {reason}.") from None
    return parse_task_file(text, str(path))


def parse_task_file(text: str, source: str) -> TaskSetFile:
    """Validate the text of a task-set file; `source` names it in messages."""
    try:
        content = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also integers of thousands of digits
        raise FastadaptError(f"{source} is not valid TOML: {str(error)[:300]}.") from None
    listed = content.get("perturbations", ())
    if isinstance(listed, list) and len(listed) > _MOST_PERTURBATIONS:
        raise FastadaptError(
            f"{source}: {len(listed)} perturbations are more than {_MOST_PERTURBATIONS}. One "
            "perturbation covers many parts by a pattern in `targets`."
        )
    try:
        file = TaskSetFile.model_validate(content)
    except ValidationError as error:
        raise FastadaptError(f"{source}: {sentences(error, content, _TABLES)}") from None
    try:
        _check_names(file)
        _check_groups(file)
        _check_splits(file)
    except FastadaptError as error:
        raise FastadaptError(f"{source}: {error}") from None
    return file


_MOST_PERTURBATIONS = 256
_TABLES: dict[str, type[BaseModel]] = {
    "": TaskSetFile, "groups": Group, "splits": Split, "success": SuccessKeys,
    "log": LogKeys, "log column": LogColumn,
}  # fmt: skip


def _check_names(file: TaskSetFile) -> None:
    names = [p.name for p in file.perturbations]
    for name in names:
        if names.count(name) > 1:
            raise FastadaptError(
                f"two perturbations are called '{name}'; give each a name of its own."
            )
    for perturbation in file.perturbations:
        _check_company(file, perturbation)
    known = names + [p.group for p in file.perturbations if p.group]
    for name in file.untold:
        if name not in known:
            raise FastadaptError(f"untold: {unknown_name('perturbation or group', name, known)}")
    for split_name, split in file.splits.items():
        for name in split.perturbations:
            if name not in names:
                raise FastadaptError(
                    f"splits.{split_name}: {unknown_name('perturbation', name, names)}"
                )


def _check_company(file: TaskSetFile, perturbation: Perturbation) -> None:
    """Check `along_with`: such a perturbation is drawn with the other one, not on its own."""
    if perturbation.along_with is None:
        return
    others = {p.name: p for p in file.perturbations if p.name != perturbation.name}
    if perturbation.along_with not in others:
        raise FastadaptError(
            f"perturbation '{perturbation.name}': along_with: "
            f"{unknown_name('other perturbation', perturbation.along_with, others)}"
        )
    if perturbation.group or others[perturbation.along_with].along_with:
        raise FastadaptError(
            f"perturbation '{perturbation.name}' strikes along with '{perturbation.along_with}': "
            "leave its 'group' out, and name one that does not follow another."
        )


def _check_groups(file: TaskSetFile) -> None:
    members = [p.group for p in file.perturbations if p.group]
    places = [("groups", file.groups)]
    places += [(f"splits.{name}.groups", split.groups) for name, split in file.splits.items()]
    for place, groups in places:
        for name, group in groups.items():
            if name not in members:
                raise FastadaptError(
                    f"{place}: {unknown_name('group of any perturbation', name, members)}"
                )
            if group.strike > members.count(name):
                raise FastadaptError(
                    f"{place}.{name}: count (or strike) = {group.strike} is more than the "
                    f"{members.count(name)} perturbations of the group."
                )


def _check_splits(file: TaskSetFile) -> None:
    if "train" not in file.splits:
        raise FastadaptError(
            f"splits: [splits.train] is missing, there is nothing to train on without it; found: "
            f"{', '.join(file.splits) or 'none'}."
        )
    # The training split first: the others are compared with it, and its mistakes are not theirs.
    for split in sorted(file.splits, key=lambda name: name != "train"):
        for position, perturbation in enumerate(file.perturbations):
            try:
                _check_changes(file, split, perturbation)
                here, known = (file.in_split(name, perturbation) for name in (split, "train"))
                check_bounds(here)
                check_apart(split, here, known)
            except ValidationError as error:
                within = ("perturbations", position)
                told = sentences(error, file.model_dump(), _TABLES, within)
                raise FastadaptError(f"splits.{split}: {told}") from None
            except FastadaptError as error:
                raise FastadaptError(
                    f"splits.{split}: perturbation '{perturbation.name}': {error}"
                ) from None


def _check_changes(file: TaskSetFile, split: str, perturbation: Perturbation) -> None:
    """Check the keys that a split changes: distributions and targets, not the layout."""
    laws = {p.name for p in perturbation.parameters} & set(type(perturbation).model_fields)
    allowed = laws | {"among", "strike", "weight"} | set(perturbation.times())
    for key in file.splits[split].perturbations.get(perturbation.name, {}):
        if key not in allowed:
            names = allowed | {"eligible", "count"}
            written = next((new for new, old in ALIASES.items() if old == key), key)
            raise unknown_name("key that a split can change called", written, names)
