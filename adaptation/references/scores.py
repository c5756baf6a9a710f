"""Reference scores (nominal, domain-randomised, oracle, random) for normalisation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.runs.files import write_text
from fastadapt.adaptation.statistics.bootstrap import Interval, Statistic, mean
from fastadapt.adaptation.statistics.metrics import normalised_score
from fastadapt.adaptation.statistics.normalised import normalised_interval
from fastadapt.adaptation.text_table import NO_CEILING
from fastadapt.envs.arrays import Array
from fastadapt.errors import FastadaptError, unknown_name

ROLES = ("nominal", "domain-randomised", "oracle", "random")
"""Nominal: trained on the healthy robot only. Oracle: observes the parameters of the task."""
_EARLIER = {"floor": "nominal"}
"""Names of roles in files of earlier versions."""


@dataclass(frozen=True)
class References:
    """Mean return of each reference agent on every frozen task, before any shot.

    Attributes:
        task_set: versioned id.
        hash: of that task set.
        returns: by role, split and task id.
        made: provenance by role: seeds, episodes, commands, versions and machine.
        runs: by role, split and task id: the return with each training seed. Files of earlier
            versions hold only the means.
    """

    task_set: str
    hash: str
    returns: Mapping[str, Mapping[str, Mapping[str, float]]]
    made: Mapping[str, Mapping[str, Any]]
    runs: Mapping[str, Mapping[str, Mapping[str, Sequence[float]]]] = field(default_factory=dict)

    @property
    def splits(self) -> list[str]:
        """Splits with both a nominal and an oracle score."""
        nominal, oracle = self.returns["nominal"], self.returns["oracle"]
        return [split for split in nominal if split in oracle]

    def of(self, role: str, split: str, tasks: Sequence[str]) -> Array:
        """Return the returns of a reference agent on tasks, `(tasks,)`.

        Raises:
            FastadaptError: it has no score on that split or on one of the tasks.
        """
        if role not in self.returns:
            raise unknown_name(f"reference of '{self.task_set}' called", role, self.returns)
        if split not in self.returns[role]:
            raise unknown_name(
                f"split with the reference '{role}' called", split, self.returns[role]
            )
        known = self.returns[role][split]
        missing = [task for task in tasks if task not in known]
        if missing:
            raise FastadaptError(
                f"The reference '{role}' of '{self.task_set}' lacks {len(missing)} of the tasks of "
                f"'{split}' (first: {missing[0]}). Make them again with fastadapt reference."
            )
        return np.array([known[task] for task in tasks])

    def of_seeds(self, role: str, split: str, tasks: Sequence[str]) -> Array:
        """Return the returns of a reference agent by seed, `(seeds, tasks)`; see `of`.

        One row, the mean, where the file does not hold the seeds.
        """
        means = self.of(role, split, tasks)
        by_task = self.runs.get(role, {}).get(split, {})
        if not all(task in by_task for task in tasks):
            return means[None]
        return np.array([by_task[task] for task in tasks]).T

    def check(self, result: Result) -> None:
        """Refuse results on another version of the task set.

        Raises:
            FastadaptError: the hashes differ.
        """
        other = result.meta.get("task_set_hash")
        if other != self.hash:
            raise FastadaptError(
                f"The references of '{self.task_set}' belong to hash {self.hash}, the results to "
                f"{other}, so scores cannot be normalised. Make the references again, or evaluate "
                "on the same version."
            )

    def curves(self, result: Result, agent: str, split: str) -> tuple[list[int], Array]:
        """Return shots `(K,)` and normalised scores `(runs, tasks, K)` of an agent on a split."""
        self.check(result)
        shots = result.shots(agent, split)
        tasks = result.scores(agent, split, shots[0])[0]
        raw = np.stack([result.scores(agent, split, shot)[1] for shot in shots], axis=-1)
        nominal, oracle = (self.of(role, split, tasks) for role in ("nominal", "oracle"))
        return shots, np.stack([normalised_score(run, nominal, oracle) for run in raw])

    def interval(
        self, result: Result, agent: str, split: str, shot: int, statistic: Statistic = mean
    ) -> Interval:
        """Return a statistic of an agent's normalised scores; see `normalised_interval`."""
        self.check(result)
        tasks, scores = result.scores(agent, split, shot)
        nominal, oracle = (self.of_seeds(role, split, tasks) for role in ("nominal", "oracle"))
        return normalised_interval(scores, nominal, oracle, statistic)

    def cell(
        self, result: Result, agent: str, split: str, shot: int, statistic: Statistic = mean
    ) -> str:
        """Return `interval` as text, with a mark where all of it lies above 1."""
        found = self.interval(result, agent, split, shot, statistic)
        return f"{found}{NO_CEILING if found.low > 1 else ''}"

    def save(self, path: Path) -> None:
        """Write them as JSON."""
        content = {"task_set": self.task_set, "hash": self.hash, "made": self.made,
                   "returns": self.returns, "runs": self.runs}  # fmt: skip
        write_text(path, json.dumps(content, indent=1) + "\n")

    @staticmethod
    def load(path: Path) -> References:
        """Return what `save` wrote.

        Raises:
            FastadaptError: the file is missing or damaged.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            returns, made = (
                checked_roles(dict[str, Any](content[name])) for name in ("returns", "made")
            )
            runs = checked_roles(dict[str, Any](content.get("runs", {})))
            found = References(content["task_set"], content["hash"], returns, made, runs)
            _ = found.splits
        except OSError as error:
            raise FastadaptError(f"Cannot read references '{path}': {error.strerror}.") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise FastadaptError(
                f"'{path}' is not a references file ({error}). Make one with fastadapt reference."
            ) from None
        return found


def find_references(task_set: str, hash_: str) -> References | None:
    """Return the references shipped for a task set, or None.

    Args:
        task_set: versioned id.
        hash_: of the task set, which tells it from another one of the same name.
    """
    home = files("fastadapt.assets").joinpath("references", f"{task_set}.json")
    if not home.is_file():
        return None
    found = References.load(Path(str(home)))
    return found if found.hash == hash_ else None


T = TypeVar("T")


def checked_roles(given: Mapping[str, T]) -> dict[str, T]:
    """Return values by role, names of earlier versions replaced.

    Raises:
        FastadaptError: an unknown role.
    """
    found = {_EARLIER.get(role, role): value for role, value in given.items()}
    for role in found:
        if role not in ROLES:
            raise unknown_name("reference", role, ROLES)
    return found


def references_from(
    roles: Mapping[str, Sequence[Result]],
    training: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
) -> References:
    """Return references computed from evaluations, averaged over seeds and episodes.

    Args:
        roles: evaluations by role; each result holds one agent.
        training: provenance of the trained agents by role, one entry for each run.

    Raises:
        FastadaptError: an unknown role, nominal or oracle missing, or task sets that differ.
    """
    roles = checked_roles(roles)
    for role in ("nominal", "oracle"):
        if not roles.get(role):
            raise FastadaptError(
                f"The reference '{role}' is missing; normalisation needs nominal and oracle. "
                "Give evaluated runs of it, or a task set to train it on."
            )
    parts = {role: Result.concatenate(list(results)) for role, results in roles.items() if results}
    hashes = {part.meta.get("task_set_hash") for part in parts.values()}
    if len(hashes) > 1:
        raise FastadaptError(
            f"The runs were evaluated on different versions of the task set: "
            f"{', '.join(map(str, hashes))}. Evaluate all of them on the same one."
        )
    returns: dict[str, dict[str, dict[str, float]]] = {}
    runs: dict[str, dict[str, dict[str, list[float]]]] = {}
    made: dict[str, dict[str, Any]] = {}
    for role, part in parts.items():
        if len(part.agents) != 1:
            raise FastadaptError(
                f"The reference '{role}' must be one agent, not {', '.join(part.agents)}."
            )
        agent = part.agents[0]
        returns[role], runs[role] = {}, {}
        for split in part.splits:
            tasks, scores = part.scores(agent, split, 0)
            means = np.round(scores.mean(axis=0), 4).tolist()
            returns[role][split] = dict(zip(tasks, means, strict=True))
            by_seed = np.round(scores.T, 4).tolist()
            runs[role][split] = dict(zip(tasks, by_seed, strict=True))
        kept = ("command", "commands", "machine", "episodes", "parts")
        made[role] = {key: part.meta[key] for key in kept if key in part.meta}
        made[role] |= {"agent": agent, "seeds": np.unique(part.table["seed"]).tolist()}
        if training and role in training:
            made[role]["training"] = [dict(entry) for entry in training[role]]
    first = next(iter(parts.values()))
    return References(first.task_set, str(hashes.pop()), returns, made, runs)
