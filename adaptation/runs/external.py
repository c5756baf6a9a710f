"""Directories of external agents: agents that fastadapt evaluates but did not train."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastadapt.adaptation.runs.checkpoint import write_text
from fastadapt.adaptation.runs.machine import command
from fastadapt.adaptation.runs.run import Ablation, Run, RunConfig, write_surroundings
from fastadapt.adaptation.trials.agent_check import check_agent
from fastadapt.agents.external import MODELS, load_agent
from fastadapt.agents.interface import agent_name
from fastadapt.envs import TaskSet
from fastadapt.errors import FastadaptError

_FILES = ("external.json", "guest.json")
"""Name of the file that describes the agent, and the name that earlier versions wrote."""
_KEPT = ("agent", "task_set", "task_set_hash", "seed", "command")


class ExternalRun(Run):
    """An opened directory of an external agent; see `Run`.

    Attributes:
        reference: of the agent, e.g. `sb3:model.zip` or `module:factory`.
    """

    def __init__(self, path: Path, config: RunConfig, reference: str) -> None:
        super().__init__(path, config)
        self.reference = reference

    def agent(self, ablate: Ablation | None = None) -> Any:
        """Load the agent from its reference.

        Raises:
            FastadaptError: it cannot be loaded, or an ablation is asked for.
        """
        if ablate is not None:
            raise FastadaptError(
                f"--ablate {ablate} works only for agents trained by fastadapt; "
                f"'{self.reference}' is external. Leave out --ablate."
            )
        return load_agent(self.reference, self.task_set, self.config.seed)

    def origin(self) -> str:
        """Return the command that first evaluated the agent, and its reference."""
        return f"{self.config.command}  # {self.config.agent} is {self.reference}"

    def iterations_done(self) -> int:
        """Return 0: fastadapt did not train the agent."""
        return 0

    def metrics(self) -> list[dict[str, Any]]:
        """Return no rows: fastadapt did not train the agent."""
        return []


def is_external(path: Path) -> bool:
    """Return whether a path is the directory of an external agent."""
    return any((path / name).is_file() for name in _FILES)


def load_external(path: Path) -> ExternalRun:
    """Open the directory of an external agent.

    Raises:
        FastadaptError: it is damaged.
    """
    file = next(path / name for name in _FILES if (path / name).is_file())
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        kept = {name: content[name] for name in _KEPT}
        config = RunConfig(iterations=0, torch_threads=1, options={}, **kept)
        return ExternalRun(path, config, str(content["reference"]))
    except (ValueError, KeyError, TypeError):
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
        FastadaptError: the agent cannot be loaded or violates the rules of a trial (see
            `agent_check`), or the path holds other files.
    """
    path = Path(path)
    kind, _, rest = reference.partition(":")
    if kind in MODELS:  # an absolute path is found from any working directory
        reference = f"{kind}:{Path(rest).absolute()}"
    agent = load_agent(reference, task_set, seed)
    check_agent(agent, task_set)  # also when the directory exists: the code may have changed
    if is_external(path):
        found = load_external(path)
        old = (found.reference, found.config.task_set_hash, found.config.seed)
        if old != (reference, task_set.hash, seed):
            raise FastadaptError(
                f"'{path}' holds {old[0]} (seed {old[2]}, task set {found.config.task_set}), not "
                f"{reference} (seed {seed}, task set {task_set.id}). Choose another folder."
            )
        return found
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FastadaptError(
            f"'{path}' exists and holds other files; nothing was written. Choose a new folder."
        )
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
    return ExternalRun(path, config, reference)
