"""Run directories: all that evaluation, resumption and reports need, with no other argument."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastadapt.adaptation.runs.checkpoint import checkpoint_facts, load_checkpoint
from fastadapt.adaptation.runs.files import LOCK, check_inside, write_text
from fastadapt.adaptation.runs.machine import machine
from fastadapt.envs.custom.factory import keep_robot
from fastadapt.errors import FastadaptError
from fastadapt.trust import reading

if TYPE_CHECKING:
    from fastadapt.envs import TaskSet

FORMAT = 1
"""Version of the layout of run directories."""
MAX_ITERATIONS = 10**9
"""Largest number of iterations of a training."""


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
        trusted: code that the run names may be imported; else what it needs must be installed as
            part of fastadapt or of a plugin.
    """

    def __init__(self, path: Path, config: RunConfig, trusted: bool = False) -> None:
        self.path = path
        self.config = config
        self.trusted = trusted
        self._adopted: TaskSet | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """The agent, task set and seed, which the checkpoints of the run carry too."""
        config = self.config
        return {"agent": config.agent, "task_set": config.task_set_hash, "seed": config.seed}

    @property
    def task_set(self) -> Any:
        """The task set that the run was trained on, from its own copy of the file.

        Raises:
            UntrustedError: its environment is a Python class, and the run is not trusted.
            FastadaptError: it is damaged, or is another one.
        """
        from fastadapt.envs import load_task_set

        if self._adopted is not None:
            return self._adopted
        path = self.path / "task_set.toml"
        with reading(self.path, self.trusted):
            task_set = load_task_set(path)
        if task_set.hash != self.config.task_set_hash:
            raise FastadaptError(
                f"'{path}' is not the task set this run was trained on: its content or the version "
                "of its environment changed. Restore the file, or use the version of fastadapt "
                f"named in '{self.path / 'machine.json'}'."
            )
        return task_set

    def adopt(self, task_set: TaskSet) -> None:
        """Use an equal task set that the user named, so that no code is read from the directory."""
        self._adopted = task_set

    def agent(self) -> Any:
        """Return the agent at the last checkpoint.

        Raises:
            UntrustedError: its class is not installed, and the run is not trusted.
            FastadaptError: there is no checkpoint, or it is that of another agent.
        """
        state, _ = load_checkpoint(self.path / "checkpoints", run=self.identity)
        agent = self.new_agent()
        try:
            agent.load_state(state)
        except FastadaptError:
            raise
        except (LookupError, ValueError, TypeError, RuntimeError, AttributeError) as error:
            raise FastadaptError(
                f"The checkpoint of '{self.path}' does not fit its agent: {error!s:.200}. Copy the "
                "run again, or train again elsewhere."
            ) from None
        return agent

    def new_agent(self) -> Any:
        """Return the agent before training."""
        from fastadapt.agents.registry import build_agent

        config, task_set = self.config, self.task_set
        with reading(self.path, self.trusted):
            return build_agent(config.agent, task_set, config.seed, config.options)

    def origin(self) -> str:
        """Return the command that trained the agent, with the iterations of a longer training."""
        done = self.iterations_done()
        further = f", extended to iteration {done}" if done > self.config.iterations else ""
        return f"{self.config.command}  # seed {self.config.seed}{further}"

    def iterations_done(self) -> int:
        """Return the number of iterations at the last checkpoint."""
        return int(checkpoint_facts(self.path / "checkpoints")["iteration"])

    def measured(self) -> dict[str, Any]:
        """Return what an evaluation measures: `iterations` done and the digest of the `weights`."""
        facts = checkpoint_facts(self.path / "checkpoints")
        return {"iterations": int(facts["iteration"]), "weights": facts["sha256"]["model"]}

    def metrics(self) -> list[dict[str, Any]]:
        """Return the rows of `metrics.jsonl`, one for each iteration.

        A last line without its end, as a full disk or a kill leaves it, is no row.
        """
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
        lines = text.split("\n")[:-1]
        for number, line in enumerate(lines, 1):
            try:
                row = json.loads(line)
                for name in ("iteration", "env_steps", "seconds", "return_mean"):
                    _ = float(row[name])
            except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
                raise FastadaptError(
                    f"'{path}' is damaged in line {number}. Delete that line."
                ) from None
            rows.append(row)
        return rows

    def _repr_html_(self) -> str:
        from fastadapt.envs.tasks.notebook import table

        config, rows = self.config, self.metrics()
        facts = [("agent", config.agent), ("task set", config.task_set), ("seed", config.seed)]
        if rows:
            last = rows[-1]
            facts += [
                ("iterations", f"{last['iteration']} of {config.iterations}"),
                ("env steps", f"{last['env_steps']:,.0f}"),
                ("seconds", f"{last['seconds']:.0f}"),
                ("last return", f"{last['return_mean']:.1f}"),
            ]
        evaluated = sorted(p.name for p in (self.path / "evaluations").glob("*"))
        facts += [("evaluations", ", ".join(evaluated) or "none"), ("command", config.command)]
        return table(str(self.path), ("run", ""), facts)

    def __repr__(self) -> str:
        return f"Run('{self.path}', {self.config.agent} on {self.config.task_set})"


def check_free(path: Path) -> None:
    """Refuse a path that holds other files than a run, or an interrupted start of one.

    Raises:
        FastadaptError: it does.
    """
    if (path / "config.json").is_file():
        return
    if path.exists() and (not path.is_dir() or not _unfinished(path)):
        raise FastadaptError(
            f"'{path}' exists and is not a run directory; nothing was written. Choose "
            "another --out."
        )


def create_run(path: Path, config: RunConfig, task_set: TaskSet) -> Run:
    """Write a new run directory, whose lock the caller holds; it is trusted.

    Raises:
        FastadaptError: the path holds other files, or cannot be written.
    """
    check_free(path)
    try:
        write_surroundings(path, task_set)
        # Last: a directory with a config is a whole one.
        write_text(path / "config.json", json.dumps({"format": FORMAT, **asdict(config)}, indent=1))
    except OSError as error:
        where = f"'{error.filename}' in " if error.filename else ""
        raise FastadaptError(
            f"Cannot write {where}the run directory '{path}': {error.strerror or error}."
        ) from None
    return Run(path, config, trusted=True)


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
    ours = {LOCK, "task_set.toml", "task_set.splits.json", "task_set.robot", "machine.json"}
    names = {entry.name for entry in path.iterdir()}
    return all(name in ours or name.endswith(".writing") for name in names)


def load_run(path: str | Path, trust: bool = False) -> Run:
    """Open a run directory; nothing that it names is imported.

    Args:
        path: of the directory.
        trust: let the agent and the environment be Python code that the run names.

    Raises:
        FastadaptError: it is not a run directory, is truncated, or has another format.
        UntrustedError: a link leads out of it.
    """
    path = Path(path)
    file = path / "config.json"
    if not file.is_file():
        what = "does not exist" if not path.exists() else "is not a run directory (no config.json)"
        raise FastadaptError(f"'{path}' {what}. Give a folder that `fastadapt train` wrote.")
    if not trust:
        check_inside(path)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        written = content.pop("format")
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise FastadaptError(
            f"'{file}' is damaged or truncated. Train again into another folder."
        ) from None
    if written != FORMAT:
        raise FastadaptError(
            f"'{path}' has format {written!s:.40}; this version of fastadapt reads format "
            f"{FORMAT}. Use the version named in '{path / 'machine.json'}'."
        )
    config = _checked_config(file, content)
    if not (path / "task_set.toml").is_file():
        raise FastadaptError(f"'{path}' is truncated: task_set.toml is missing.")
    return Run(path, config, trust)


def _checked_config(file: Path, content: dict[str, Any]) -> RunConfig:
    """Return the content of `config.json`; settings of classes from elsewhere are checked later."""
    from fastadapt.agents.registry import AGENTS, make_config
    from fastadapt.envs.arguments import MAX_THREADS, check_seed, whole_number

    try:
        config = RunConfig(**content)
        for name in ("agent", "task_set", "task_set_hash", "command"):
            if not isinstance(getattr(config, name), str):
                raise TypeError(name)
        _ = config.options["planned_iterations"]
        if config.agent in AGENTS or ":" not in config.agent:
            make_config(config.agent, config.options)
    except (TypeError, KeyError, AttributeError, RecursionError):
        raise FastadaptError(
            f"'{file}' lacks entries or has unknown ones. Train again into another folder."
        ) from None
    except FastadaptError as error:
        raise FastadaptError(f"'{file}' is not valid: {error}") from None
    try:
        check_seed("seed", config.seed)
        whole_number("iterations", config.iterations, 1, MAX_ITERATIONS)
        whole_number("torch_threads", config.torch_threads, 1, MAX_THREADS)
    except FastadaptError as error:
        raise FastadaptError(f"'{file}' is not valid: {_cut(str(error))}") from None
    return config


def options_of(config: Any) -> dict[str, Any]:
    """Return settings as plain values."""
    return asdict(config)


def _cut(text: str, longest: int = 300) -> str:
    """Return a sentence with its middle left out if it is long."""
    half = longest // 2
    return text if len(text) <= longest else f"{text[:half]} ... {text[-half:]}"
