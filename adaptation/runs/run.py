"""Run directories: all that evaluation, resumption and reports need, with no other argument."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from fastadapt.adaptation.runs.checkpoint import load_checkpoint, write_text
from fastadapt.adaptation.runs.machine import machine
from fastadapt.envs.custom.factory import keep_robot
from fastadapt.errors import FastadaptError

if TYPE_CHECKING:
    from fastadapt.envs import TaskSet

FORMAT = 1
"""Version of the layout of run directories."""
Ablation = Literal["memory", "swapped-context"]
"""A control of adaptation: no memory of the task, or the per-task state of another task."""


@dataclass(frozen=True)
class RunConfig:
    """The identity and settings of a run, fixed when it begins."""

    agent: str
    task_set: str
    task_set_hash: str
    seed: int
    iterations: int
    torch_threads: int
    options: dict[str, Any]
    """All settings of the agent, resolved."""
    command: str


class Run:
    """An opened run directory.

    Attributes:
        path: of the directory.
        config: identity and settings.
    """

    def __init__(self, path: Path, config: RunConfig) -> None:
        self.path = path
        self.config = config

    @property
    def task_set(self) -> Any:
        """The task set that the run was trained on, from its own copy of the file."""
        from fastadapt.envs import load_task_set

        path = self.path / "task_set.toml"
        task_set = load_task_set(path)
        if task_set.hash != self.config.task_set_hash:
            raise FastadaptError(
                f"'{path}' is not the task set this run was trained on: its content or the version "
                "of its environment changed. Restore the file, or use the version of fastadapt "
                f"named in '{self.path / 'machine.json'}'."
            )
        return task_set

    def agent(self, ablate: Ablation | None = None) -> Any:
        """Return the agent at the last checkpoint.

        Args:
            ablate: `memory` removes its memory of the task; `swapped-context` evaluates it with
                the per-task state of another task.

        Raises:
            FastadaptError: there is no checkpoint, or the agent does not support the ablation.
        """
        from fastadapt.agents.controls import SwappedContext

        state, _ = load_checkpoint(self.path / "checkpoints")
        agent = self.new_agent(memory=ablate != "memory")
        try:
            agent.load_state(state)
        except KeyError as error:
            raise FastadaptError(f"The checkpoint of '{self.path}' lacks {error}.") from None
        return SwappedContext(agent) if ablate == "swapped-context" else agent

    def new_agent(self, memory: bool = True) -> Any:
        """Return the agent before training."""
        from fastadapt.agents.registry import build_agent

        config = self.config
        return build_agent(config.agent, self.task_set, config.seed, config.options, memory)

    def origin(self) -> str:
        """Return the command that trained the agent, with the iterations of a longer training."""
        done = self.iterations_done()
        further = f", extended to iteration {done}" if done > self.config.iterations else ""
        return f"{self.config.command}  # seed {self.config.seed}{further}"

    def iterations_done(self) -> int:
        """Return the number of iterations at the last checkpoint."""
        return int(load_checkpoint(self.path / "checkpoints")[1]["iteration"])

    def metrics(self) -> list[dict[str, Any]]:
        """Return the rows of `metrics.jsonl`, one for each iteration."""
        path = self.path / "metrics.jsonl"
        if not path.exists():
            return []
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise FastadaptError(
                f"'{path}' is damaged: it is not text. Copy it again, or delete it."
            ) from None
        rows: list[dict[str, Any]] = []
        for number, line in enumerate(text.splitlines(), 1):
            try:
                row = json.loads(line)
                _ = row["iteration"], row["env_steps"], row["seconds"], row["return_mean"]
            except (ValueError, KeyError, TypeError):
                raise FastadaptError(
                    f"'{path}' is damaged in line {number}. Delete that line."
                ) from None
            rows.append(row)
        return rows

    def __repr__(self) -> str:
        return f"Run('{self.path}', {self.config.agent} on {self.config.task_set})"


def create_run(path: Path, config: RunConfig, task_set: TaskSet) -> Run:
    """Write a new run directory.

    Raises:
        FastadaptError: the path holds other files, or cannot be written.
    """
    if path.exists() and (not path.is_dir() or not _unfinished(path)):
        raise FastadaptError(
            f"'{path}' exists and is not a run directory; nothing was written. Choose "
            "another --out."
        )
    try:
        write_surroundings(path, task_set)
        # Last: a directory with a config is a whole one.
        write_text(path / "config.json", json.dumps({"format": FORMAT, **asdict(config)}, indent=1))
    except OSError as error:
        raise FastadaptError(f"Cannot write the run directory '{path}': {error}.") from None
    return Run(path, config)


def write_surroundings(path: Path, task_set: TaskSet) -> None:
    """Write the task set, its frozen tasks, the custom robot and the machine of a run."""
    path.mkdir(parents=True, exist_ok=True)
    write_text(path / "task_set.toml", task_set.source)
    if task_set.frozen is not None:
        write_text(path / "task_set.splits.json", json.dumps(task_set.frozen))
    keep_robot(task_set.environment, path / "task_set.toml")
    write_text(path / "machine.json", json.dumps(machine(), indent=1))


def _unfinished(path: Path) -> bool:
    """Return whether a folder is empty, or an interrupted `create_run` left it."""
    ours = {"task_set.toml", "task_set.splits.json", "task_set.robot", "machine.json"}
    names = {entry.name for entry in path.iterdir()}
    return all(name in ours or name.endswith(".writing") for name in names)


def load_run(path: str | Path) -> Run:
    """Open a run directory.

    Raises:
        FastadaptError: it is not a run directory, is truncated, or has another format.
    """
    path = Path(path)
    file = path / "config.json"
    if not file.is_file():
        what = "does not exist" if not path.exists() else "is not a run directory (no config.json)"
        raise FastadaptError(f"'{path}' {what}. Give a folder that `fastadapt train` wrote.")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        written = content.pop("format")
    except (ValueError, KeyError, AttributeError, TypeError):
        raise FastadaptError(
            f"'{file}' is damaged or truncated. Train again into another folder."
        ) from None
    if written != FORMAT:
        raise FastadaptError(
            f"'{path}' has format {written}; this version of fastadapt reads format {FORMAT}. Use "
            f"the version named in '{path / 'machine.json'}'."
        )
    try:
        config = RunConfig(**content)
        from fastadapt.agents.registry import make_config

        make_config(config.agent, config.options)
        _ = config.options["planned_iterations"], int(config.torch_threads), int(config.seed)
    except (TypeError, ValueError, KeyError, AttributeError):
        raise FastadaptError(
            f"'{file}' lacks entries or has unknown ones. Train again into another folder."
        ) from None
    if not (path / "task_set.toml").is_file():
        raise FastadaptError(f"'{path}' is truncated: task_set.toml is missing.")
    return Run(path, config)


def options_of(config: Any) -> dict[str, Any]:
    """Return settings as plain values."""
    return asdict(config)
