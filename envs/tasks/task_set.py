"""A task set: an environment, the distributions of its perturbations, and frozen splits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.catalogue import find_environment
from fastadapt.envs.environment import Environment
from fastadapt.envs.success import Success, criterion_of
from fastadapt.envs.tasks.frozen import frozen_content, frozen_values
from fastadapt.envs.tasks.layout import columns_named, described, parameter_blocks, ranges_of
from fastadapt.envs.tasks.named_values import NamedValues, ParameterNames, vector_of
from fastadapt.envs.tasks.notebook import ShownTaskSet
from fastadapt.envs.tasks.sampling import draw
from fastadapt.envs.tasks.schema import TaskSetFile
from fastadapt.envs.tasks.task import Task
from fastadapt.errors import FastadaptError, unknown_name

_FROZEN = "frozen"
_NOT_DRAWN = {"success", "untold", "log"}
"""Keys of the file that do not say which tasks are drawn."""


class TaskSet(ShownTaskSet):
    """A declared distribution of tasks over one environment.

    Attributes:
        file: the validated declaration.
        source: the text of the TOML file.
        environment: the class of the environment.
        blocks: layout of the flat parameter vector of a task.
        names: names of the parameters, `name.parameter[target]`, `(P,)`.
        units: their units.
        nominal: the unperturbed task.
        frozen: hash, parameter names and values of the frozen tasks, None if they are redrawn.
        success: when an episode is a success; None: the environment has no criterion.
    """

    def __init__(
        self,
        file: TaskSetFile,
        source: str,
        frozen: dict[str, Any] | None,
        environment: type[Environment] | None = None,
        origin: Path | None = None,
    ) -> None:
        """Lay out the parameters and check that every split can be drawn.

        Args:
            file: the declaration.
            source: its text.
            frozen: content of the file of frozen tasks; None: tasks are drawn anew.
            environment: in place of the one that the declaration names.
            origin: path of the declaration; paths of models are relative to its folder.

        Raises:
            FastadaptError: the environment or a target does not exist, or does not fit.
        """
        self.file = file
        self.source = source
        self.environment = environment or find_environment(file.environment, origin)
        self.success: Success | None = criterion_of(self.environment.success, file.success)
        self.blocks = parameter_blocks(file.perturbations, self.environment)
        for split in file.splits:  # report unknown names now, not at the first draw
            for perturbation in file.of_split(split)[0]:
                perturbation.targets_in(self.environment)
            self._draw(split, 0, np.zeros(1, np.uint64))
        self.names, self.units, self._nominal = described(self.blocks)
        self._layout = _hash(
            [[b.perturbation.meaning(), b.targets, self.names] for b in self.blocks]
        )
        self.nominal = self._task(self._nominal)
        self.frozen = frozen
        train = file.of_split("train")[0]
        self._low, self._high, self._log = ranges_of(self.blocks, train, self._nominal)
        self._untold = columns_named(self.blocks, file.untold)

    @property
    def name(self) -> str:
        """The name, without a version."""
        return self.file.name

    @property
    def id(self) -> str:
        """The versioned id, e.g. `cheetah-damage-v0`."""
        return f"{self.file.name}-v{self.file.version}"

    @property
    def hash(self) -> str:
        """Hash of the declaration and of the environment's version.

        It says which tasks are drawn; what counts as success, and what an oracle is told, is no
        part of it.
        """
        hidden = _NOT_DRAWN | ({"clock"} if self.file.clock == "episode" else set())
        declared = self.file.model_dump(mode="json", exclude=hidden)
        return _hash([self.environment.id(), declared])

    @property
    def damage(self) -> set[str]:
        """Names of the perturbations that reports distinguish tasks by.

        Those in `[groups]`; in a task set without groups, all that are damage.
        """
        grouped = {p.name for p in self.file.perturbations if p.group}
        return grouped or {p.name for p in self.file.perturbations if p.is_damage()}

    @property
    def splits(self) -> tuple[str, ...]:
        """Names of the splits."""
        return tuple(self.file.splits)

    def tasks(self, split: str) -> list[Task]:
        """Return the frozen tasks of a split, always the same.

        Raises:
            FastadaptError: there is no such split, or the shipped tasks belong to another version
                of the declaration.
        """
        count = self._split(split).count
        if self.frozen is None:
            return self.sample(split, count, _FROZEN)
        if self.frozen["hash"] != self.hash:
            raise FastadaptError(
                f"The frozen tasks of '{self.name}' were made from another version of its file. "
                "Raise its version and run `fastadapt freeze FILE.toml`."
            )
        columns, values = frozen_values(self.frozen, split, self.names, count)
        vectors = np.tile(self.nominal.vector(), (count, 1))
        vectors[:, columns] = values
        return [self._task(vector) for vector in vectors]

    def sample(self, split: str, count: int, seed: int | str = 0, start: int = 0) -> list[Task]:
        """Draw tasks of a split; task i is a function of (seed, split, i) only.

        Args:
            split: name of the split.
            count: how many.
            seed: key of the stream of draws.
            start: number of the first task.

        Raises:
            FastadaptError: there is no such split, `count` is not positive, `start` is negative, or
                `seed` is neither a whole number nor a text.
        """
        self._split(split)
        if not isinstance(count, int | np.integer) or count < 1:
            raise FastadaptError(f"Cannot sample {count!r} tasks; ask for at least 1.")
        if not isinstance(start, int | np.integer) or not 0 <= start < 2**63:
            raise FastadaptError(f"start = {start!r}; tasks have whole numbers from 0 on.")
        if not isinstance(seed, int | np.integer | str) or isinstance(seed, bool):
            raise FastadaptError(f"seed = {seed!r}; it must be a whole number or a text.")
        count, start = int(count), int(start)
        seed = seed if isinstance(seed, str) else int(seed)
        indices = np.arange(start, start + count, dtype=np.uint64)
        return [self._task(vector) for vector in self._draw(split, seed, indices)]

    def task(self, values: NamedValues) -> Task:
        """Return the task with these values by name; all other parameters are nominal.

        Args:
            values: by name of a parameter, as `names` has it (`"payload.mass[trunk]": 3.0`), of all
                its targets (`"ground.scale": 0.5`) or those of a pattern
                (`"limb_mass.scale[f*]": 2.0`); by name of a perturbation, the value of its only
                parameter (`"payload": 3.0`), or the targets on which it acts (`"dead":
                "FL_calf"`, `"dead": ["FL_calf", "RR_hip"]`).

        Raises:
            FastadaptError: no such name or target, or a value that is not physically possible.
        """
        known = ParameterNames(self.name, self.names, self.blocks)
        return self._task(vector_of(known, self._nominal, values))

    def vectors(self, tasks: Sequence[Task]) -> NDArray[np.float64]:
        """Return the parameter values of tasks of this task set, `(n, P)`.

        Raises:
            FastadaptError: a task belongs to another task set.
        """
        for task in tasks:
            if not isinstance(task, Task):
                raise FastadaptError(
                    f"{task!r:.60} is not a Task. Use tasks from `tasks` or `sample` of "
                    f"'{self.id}'."
                )
            if task.layout != self._layout or task.environment != self.environment.id():
                raise FastadaptError(
                    f"Task {task.id} ({task.environment}) does not belong to task set '{self.id}'. "
                    "Use tasks from its own `tasks` or `sample`."
                )
        return np.array([task.values for task in tasks]).reshape(len(tasks), len(self.names))

    def between(self, task: Task, share: float, of: Collection[str] | None = None) -> Task:
        """Interpolate between the nominal task (share 0) and `task` (1).

        Multiples are interpolated in the logarithm, other values linearly; switches are on at every
        share above 0.

        Args:
            task: of this task set.
            share: 0 to 1.
            of: names of the perturbations to interpolate; others keep their values (default: all).

        Raises:
            FastadaptError: the task belongs to another task set.
        """
        vector = self.vectors([task])
        for block in self.blocks:
            if of is not None and block.perturbation.name not in of:
                continue
            if share <= 0 or not block.perturbation.is_switch():
                level = np.full((1, block.rows, 1), share)
                block.values(vector)[:] = block.between(vector, level)
            if share <= 0:
                vector[:, list(block.times.values())] = 0.0
        return self._task(vector[0])

    def context(self, tasks: Sequence[Task] | Task) -> NDArray[np.float64]:
        """Return the parameters scaled so that the train split is within [-1, 1], `(n, P)`.

        Log-uniform parameters are scaled in the logarithm; a single task gives `(P,)`. It is
        the observation of an oracle and a target for auxiliary losses.
        """
        if isinstance(tasks, Task):
            return self.context([tasks])[0]
        return self.scale(self.vectors(tasks))

    def scale(self, vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return parameter values `(n, P)` scaled as `context` does; what is untold is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            values = np.where(self._log, np.log(vectors), vectors)
        middle, half = (self._high + self._low) / 2, (self._high - self._low) / 2
        told = (half > 0) & ~self._untold
        return np.where(told, (values - middle) / np.where(half > 0, half, 1.0), 0.0)

    @property
    def logarithmic(self) -> list[str]:
        """Names of the parameters that are scaled in the logarithm."""
        return [name for name, log in zip(self.names, self._log, strict=True) if log]

    def freeze(self) -> dict[str, Any]:
        """Return the data that freezes every split: hash, parameter names, values."""
        tasks = {split: self.sample(split, self._split(split).count, _FROZEN)
                 for split in self.splits}  # fmt: skip
        values = {split: [list(task.values) for task in tasks[split]] for split in tasks}
        return frozen_content(self.id, self.hash, self.names, values)

    def _split(self, split: str) -> Any:
        if not isinstance(split, str) or split not in self.file.splits:
            raise unknown_name(f"split of task set '{self.name}' called", str(split), self.splits)
        return self.file.splits[split]

    def _draw(
        self, split: str, seed: int | str, indices: NDArray[np.uint64]
    ) -> NDArray[np.float64]:
        perturbations, groups = self.file.of_split(split)
        return draw(self.blocks, perturbations, groups, (seed, split), indices)

    def _task(self, vector: NDArray[np.float64]) -> Task:
        values, nominal = tuple(vector.tolist()), tuple(self._nominal.tolist())
        return Task(self.environment.id(), self._layout, self.names, values, nominal)

    def at_levels(
        self, vectors: NDArray[np.float64], levels: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return what is in force of tasks `(n, P)` at levels `(n, blocks)`; times are 0."""
        now = vectors.copy()
        for b, block in enumerate(self.blocks):
            level = np.repeat(levels[:, b, None, None], block.rows, axis=1)
            block.values(now)[:] = block.between(vectors, level)
            now[:, list(block.times.values())] = 0.0
        return now


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]
