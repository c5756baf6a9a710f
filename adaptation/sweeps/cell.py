"""One run of a sweep: its training, its evaluation, and how far it has come."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

from fastadapt.adaptation.runs.checkpoint import checkpoint_facts, has_checkpoint
from fastadapt.adaptation.runs.files import LOCK, write_text
from fastadapt.errors import FastadaptError

State = Literal["waiting", "running", "done", "failed"]
_DONE = "sweep.json"


@dataclass(frozen=True)
class Evaluation:
    """What is measured once a run is trained.

    Attributes:
        splits: of the task set; none: the default ones.
        shots: numbers of shots after which to measure.
        episodes: measured for each task and number of shots.
    """

    splits: tuple[str, ...] = ()
    shots: tuple[int, ...] = (0, 1, 2, 5)
    episodes: int = 2


@dataclass(frozen=True)
class Cell:
    """A run of a sweep. All that is known of its progress stands in its run directory.

    Attributes:
        out: the run directory.
        agent: name, or `module:Class`.
        task_set: shipped name, or path to a TOML file.
        seed: of everything random.
        iterations: of training.
        algorithm: of `nominal`, `domain-randomised` and `oracle`.
        options: settings that differ from the defaults, nested as they are.
        evaluation: None: train only.
        threads: that simulate.
        torch_threads: of torch.
        checkpoint_every: iterations between checkpoints.
    """

    out: str
    agent: str
    task_set: str
    seed: int
    iterations: int
    algorithm: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    evaluation: Evaluation | None = None
    threads: int = 1
    torch_threads: int = 1
    checkpoint_every: int = 10

    @property
    def path(self) -> Path:
        """The run directory."""
        return Path(self.out)

    @property
    def log(self) -> Path:
        """The file with the output of its processes, beside the run directory."""
        return self.path.with_name(f"{self.path.name}.log")

    def to_json(self) -> str:
        """Return the cell as JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> Cell:
        """Return the cell that `to_json` wrote."""
        content = json.loads(text)
        found = content["evaluation"]
        if found is not None:
            found = Evaluation(tuple(found["splits"]), tuple(found["shots"]), found["episodes"])
        return Cell(**content | {"evaluation": found})

    def finished(self) -> bool:
        """Return whether the run is trained and evaluated as the cell says."""
        try:
            return json.loads((self.path / _DONE).read_text(encoding="utf-8")) == self._record()
        except (OSError, ValueError, FastadaptError):
            return False

    def finish(self) -> None:
        """Record in the run directory that nothing is left to do."""
        write_text(self.path / _DONE, json.dumps(self._record(), indent=1))

    def _record(self) -> dict[str, Any]:
        """Return what was done: how, and with which weights."""
        asked = json.loads(self.to_json())
        what = {name: asked[name] for name in ("iterations", "evaluation")}
        return what | {"weights": checkpoint_facts(self.path / "checkpoints")["sha256"]["model"]}

    def taken(self) -> bool:
        """Return whether a process trains in the run directory now."""
        import fcntl

        try:
            with (self.path / LOCK).open("r", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False

    def progress(self) -> Progress:
        """Return how far its training has come."""
        row = _last_row(self.path / "metrics.jsonl")
        saved = 0
        if has_checkpoint(self.path / "checkpoints"):
            saved = int(checkpoint_facts(self.path / "checkpoints")["iteration"])
        done = max(saved, int(row.get("iteration", 0)))
        return Progress(done, row.get("return_mean"), row.get("steps_per_second"))

    def last_words(self) -> str:
        """Return the last line that its processes printed."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            return "it printed nothing"
        return next(
            (line.strip() for line in reversed(lines) if line.strip()), "it printed nothing"
        )


class Progress(NamedTuple):
    """Iterations done, the last mean return of training, and env steps/s."""

    iterations: int
    value: float | None
    speed: float | None


def _last_row(path: Path) -> dict[str, Any]:
    """Return the last whole row of a log of metrics, or nothing; long logs are not read whole."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 16_384))
            lines = file.read().split(b"\n")[:-1]
        return json.loads(lines[-1]) if lines else {}
    except (OSError, ValueError):
        return {}
