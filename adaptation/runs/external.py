"""Directories of agents that fastadapt did not train: their evaluations, beside those of runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastadapt.adaptation.runs.checkpoint import write_text
from fastadapt.adaptation.runs.machine import command
from fastadapt.adaptation.runs.run import (
    Run,
    RunConfig,
    load_run,
    write_surroundings,
)
from fastadapt.adaptation.trials.agent_check import check_agent
from fastadapt.agents.external import MODELS, load_agent
from fastadapt.agents.interface import agent_name
from fastadapt.envs import FastadaptError, TaskSet

_FILE = "guest.json"


class Guest(Run):
    """An opened directory of an agent that came from elsewhere; see `Run`.

    Attributes:
        reference: where the agent comes from, e.g. `sb3:model.zip`.
    """

    def __init__(self, path: Path, config: RunConfig, reference: str) -> None:
        super().__init__(path, config)
        self.reference = reference

    def agent(self, memory: bool = True, exchanged: bool = False) -> Any:
        """Load the agent anew from where it came from."""
        if exchanged:
            raise FastadaptError(
                f"What '{self.reference}' finds out cannot be exchanged between tasks. Leave out "
                "--exchanged."
            )
        if not memory:
            raise FastadaptError(f"'{self.reference}' has no memory that fastadapt could wipe.")
        return load_agent(self.reference, self.task_set, self.config.seed)

    def origin(self) -> str:
        """Return where the agent comes from."""
        return f"{self.config.command}  # {self.config.agent} is {self.reference}"

    def iterations_done(self) -> int:
        """Return 0: it was not trained here."""
        return 0

    def metrics(self) -> list[dict[str, Any]]:
        """Return nothing: it was not trained here."""
        return []


def open_guest(path: Path, reference: str, task_set: TaskSet, seed: int = 0) -> Guest:
    """Make a directory for the evaluations of an agent from elsewhere, or open it again.

    Args:
        path: new, empty, or what an earlier call made for the same agent.
        reference: see `third_party.load_agent`.
        task_set: what it is evaluated on.
        seed: given to a factory.

    Raises:
        FastadaptError: the agent cannot be loaded or breaks the rules of a trial (see
            `agent_check`), or the path holds something else.
    """
    kind, _, rest = reference.partition(":")
    if kind in MODELS:  # found again from any working directory
        reference = f"{kind}:{Path(rest).absolute()}"
    agent = load_agent(reference, task_set, seed)
    check_agent(agent, task_set)  # also of one known before: its code may have changed
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
    if (path / _FILE).is_file():
        guest = open_measured(path)
        old = (getattr(guest, "reference", None), guest.config.task_set_hash, guest.config.seed)
        if old != (reference, task_set.hash, seed):
            raise FastadaptError(
                f"'{path}' holds {old[0]} (seed {old[2]}, task set {guest.config.task_set}), not "
                f"{reference} (seed {seed}, task set {task_set.id}). Choose another folder."
            )
        assert isinstance(guest, Guest)
        return guest
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise FastadaptError(
            f"'{path}' exists and holds something else; nothing was written. Choose a new folder."
        )
    write_surroundings(path, task_set)
    kept = {name: getattr(config, name) for name in _KEPT}
    write_text(path / _FILE, json.dumps({"reference": reference, **kept}, indent=1))
    return Guest(path, config, reference)


_KEPT = ("agent", "task_set", "task_set_hash", "seed", "command")


def open_measured(path: str | Path) -> Run:
    """Open a run directory, or the directory of an agent from elsewhere.

    Raises:
        FastadaptError: it is neither.
    """
    file = Path(path) / _FILE
    if not file.is_file():
        return load_run(path)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        kept = {name: content[name] for name in _KEPT}
        config = RunConfig(iterations=0, torch_threads=1, options={}, **kept)
        return Guest(Path(path), config, str(content["reference"]))
    except (ValueError, KeyError, TypeError):
        raise FastadaptError(
            f"'{file}' is damaged. Delete the folder and evaluate again."
        ) from None
