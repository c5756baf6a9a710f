"""Directories of external agents: agents that fastadapt evaluates but did not train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastadapt.adaptation.runs.checkpoint import file_digest
from fastadapt.adaptation.runs.files import EVALUATING, LOCK, check_inside, locked, write_text
from fastadapt.adaptation.runs.machine import command
from fastadapt.adaptation.runs.run import Run, RunConfig, write_surroundings
from fastadapt.adaptation.trials.agent_check import check_agent
from fastadapt.agents.external import MODELS, load_agent
from fastadapt.agents.interface import agent_name
from fastadapt.envs import TaskSet
from fastadapt.errors import FastadaptError
from fastadapt.trust import reading

_FILES = ("external.json", "guest.json")
"""Name of the file that describes the agent, and the name that earlier versions wrote."""
_KEPT = ("agent", "task_set", "task_set_hash", "seed", "command")


class ExternalRun(Run):
    """An opened directory of an external agent; see `Run`.

    Attributes:
        reference: of the agent, e.g. `sb3:model.zip` or `module:factory`.
    """

    def __init__(
        self, path: Path, config: RunConfig, reference: str, trusted: bool = False
    ) -> None:
        super().__init__(path, config, trusted)
        self.reference = reference

    def agent(self) -> Any:
        """Load the agent from its reference.

        Raises:
            UntrustedError: it is Python code or needs a pickle, and the run is not trusted.
            FastadaptError: it cannot be loaded.
        """
        task_set = self.task_set
        with reading(self.path, self.trusted):
            return load_agent(self.reference, task_set, self.config.seed)

    def origin(self) -> str:
        """Return the command that first evaluated the agent, and its reference."""
        return f"{self.config.command}  # {self.config.agent} is {self.reference}"

    def iterations_done(self) -> int:
        """Return 0: fastadapt did not train the agent."""
        return 0

    def measured(self) -> dict[str, Any]:
        """Return 0 `iterations`, and as `weights` the digest of a saved model, None for code."""
        kind, _, rest = self.reference.partition(":")
        known = kind in MODELS and Path(rest).is_file()
        return {"iterations": 0, "weights": file_digest(Path(rest)) if known else None}

    def metrics(self) -> list[dict[str, Any]]:
        """Return no rows: fastadapt did not train the agent."""
        return []


def is_external(path: Path) -> bool:
    """Return whether a path is the directory of an external agent."""
    return any((path / name).is_file() for name in _FILES)


def load_external(path: Path, trust: bool = False) -> ExternalRun:
    """Open the directory of an external agent; nothing that it names is imported.

    Args:
        path: of the directory.
        trust: let the agent be code that the directory names.

    Raises:
        FastadaptError: it is damaged.
    """
    file = next(path / name for name in _FILES if (path / name).is_file())
    if not trust:
        check_inside(path)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        kept = {name: content[name] for name in _KEPT}
        if not all(isinstance(kept[n], int if n == "seed" else str) for n in _KEPT):
            raise TypeError("an entry has another type")
        config = RunConfig(iterations=0, torch_threads=1, options={}, **kept)
        return ExternalRun(path, config, str(content["reference"]), trust)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise FastadaptError(
            f"'{file}' is damaged. Delete the folder and evaluate again."
        ) from None


def open_external(
    path: str | Path, reference: str, task_set: TaskSet, seed: int = 0
) -> ExternalRun:
    """Make a directory for the evaluations of an external agent, or open it again.

    Args:
        path: new, empty, or the directory of an earlier call for the same agent.
        reference: see `agents.external.load_agent`.
        task_set: to evaluate on.
        seed: passed to a factory.

    Raises:
        UntrustedError: the model needs a pickle, and there is no consent.
        FastadaptError: the agent cannot be loaded or violates the rules of a trial (see
            `agent_check`), or the path holds other files.
    """
    path = Path(path)
    kind, _, rest = reference.partition(":")
    if kind in MODELS:  # an absolute path is found from any working directory
        reference = f"{kind}:{Path(rest).absolute()}"
    agent = load_agent(reference, task_set, seed)
    check_agent(agent, task_set)  # also when the directory exists: the code may have changed
    if not is_external(path) and path.exists() and (not path.is_dir() or _holds_files(path)):
        raise FastadaptError(
            f"'{path}' exists and holds other files; nothing was written. Choose a new folder."
        )
    with locked(path, EVALUATING, wait=True):  # before the first byte
        if is_external(path):
            return _same(path, reference, task_set, seed)
        config = RunConfig(
            agent=agent_name(agent),
            task_set=task_set.id,
            task_set_hash=task_set.hash,
            seed=seed,
            iterations=0,
            torch_threads=1,
            options={},
            command=command(),
        )
        write_surroundings(path, task_set)
        kept = {name: getattr(config, name) for name in _KEPT}
        write_text(path / _FILES[0], json.dumps({"reference": reference, **kept}, indent=1))
    return _adopted(ExternalRun(path, config, reference, trusted=True), task_set)


def _same(path: Path, reference: str, task_set: TaskSet, seed: int) -> ExternalRun:
    """Open a directory that must be that of the same agent; the user has just named it."""
    found = load_external(path, trust=True)
    old = (found.reference, found.config.task_set_hash, found.config.seed)
    if old != (reference, task_set.hash, seed):
        raise FastadaptError(
            f"'{path}' holds {old[0]} (seed {old[2]}, task set {found.config.task_set}), not "
            f"{reference} (seed {seed}, task set {task_set.id}). Choose another folder."
        )
    return _adopted(found, task_set)


def _adopted(run: ExternalRun, task_set: TaskSet) -> ExternalRun:
    run.adopt(task_set)  # so that no code is read from the directory
    return run


def _holds_files(path: Path) -> bool:
    ours = {LOCK, EVALUATING}
    return any(entry.name not in ours for entry in path.iterdir())
