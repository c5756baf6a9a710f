"""The file that declares a sweep: agents x task sets x seeds x settings."""

from __future__ import annotations

import itertools
import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from fastadapt.adaptation.sweeps.cell import Cell, Evaluation
from fastadapt.errors import FastadaptError


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-")
    )


class EvaluateTable(_Table):
    """`[evaluate]`: what is measured of every trained run."""

    splits: tuple[str, ...] = ()
    shots: tuple[int, ...] = Field((0, 1, 2, 5), min_length=1)
    episodes: int = Field(2, ge=1)


class TrainTable(_Table):
    """`[[train]]`: an agent, on task sets, from seeds, under settings."""

    agent: str
    name: str | None = None
    """Of its folder (default: the agent, and its algorithm)."""
    algorithm: str | None = None
    task_sets: tuple[str, ...] | None = None
    seeds: tuple[int, ...] | None = None
    iterations: int | None = Field(None, ge=1)
    settings: dict[str, Any] = {}
    """Settings that differ from the defaults; inner ones as `update.learning-rate`."""
    grid: dict[str, list[Any]] = {}
    """Settings with several values: every combination is a run."""


class SweepFile(_Table):
    """A whole sweep."""

    out: str = "runs/sweep"
    """Folder of the runs."""
    task_sets: tuple[str, ...] = ()
    """Of every training that names none."""
    seeds: tuple[int, ...] = (0,)
    iterations: int = Field(200, ge=1)
    checkpoint_every: int = Field(10, ge=1)
    threads: int = Field(1, ge=1)
    """Threads that simulate, and of torch, of each run."""
    train: tuple[TrainTable, ...] = Field(min_length=1)
    evaluate: EvaluateTable | None = None
    slurm: dict[str, Any] = {}
    """Parameters of `submitit`, such as `slurm_partition`, `timeout_min` and `cpus_per_task`."""


def read_sweep(path: str | Path, out: str | Path | None = None) -> tuple[SweepFile, list[Cell]]:
    """Return a sweep and its runs.

    Args:
        path: of the TOML file. Paths of task sets in it count from its folder.
        out: folder of the runs, in place of the file's.

    Raises:
        FastadaptError: the file cannot be read or says something impossible, an agent, a task set
            or a setting does not exist, or two runs would have one folder. Nothing is written.
    """
    path = Path(path)
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        file = SweepFile.model_validate(content)
    except OSError as error:
        raise FastadaptError(f"'{path}' cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FastadaptError(f"'{path}' is not TOML: {error!s:.200}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise FastadaptError(f"'{path}': {where}: {first['msg']}.") from None
    root = Path(file.out if out is None else out)
    cells = [cell for table in file.train for cell in _cells(file, table, path.parent, root)]
    twice = [place for place, count in Counter(cell.out for cell in cells).items() if count > 1]
    if twice:
        raise FastadaptError(
            f"'{path}': two runs would be in '{twice[0]}'. Give one of the [[train]] tables "
            "another name, or leave one out."
        )
    for cell in cells:
        _check(cell)
    return file, cells


def _cells(file: SweepFile, table: TrainTable, folder: Path, root: Path) -> list[Cell]:
    """Return the runs of one `[[train]]` table."""
    task_sets = file.task_sets if table.task_sets is None else table.task_sets
    if not task_sets:
        raise FastadaptError(
            f"The training of '{table.agent}' has no task set: give it 'task-sets', or the sweep."
        )
    seeds = file.seeds if table.seeds is None else table.seeds
    name = table.name or "-".join(filter(None, (table.agent.replace(":", "."), table.algorithm)))
    evaluate = file.evaluate
    cells = []
    for given, values, seed in itertools.product(task_sets, _combinations(table.grid), seeds):
        local = folder / given
        source = str(local) if given.endswith(".toml") and local.is_file() else given
        varied = "".join(f",{key}={_as_name(value)}" for key, value in values.items())
        place = root / Path(given).stem / f"{name}{varied}" / f"seed-{seed}"
        cells.append(
            Cell(
                out=str(place), agent=table.agent, task_set=source, seed=seed,
                iterations=table.iterations or file.iterations, algorithm=table.algorithm,
                options=nested(table.settings | values),
                evaluation=None if evaluate is None else Evaluation(**evaluate.model_dump()),
                threads=file.threads, torch_threads=file.threads,
                checkpoint_every=file.checkpoint_every,
            )
        )  # fmt: skip
    return cells


def _combinations(grid: dict[str, list[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(grid, values, strict=True)) for values in itertools.product(*grid.values())]


def _as_name(value: Any) -> str:
    """Return a value as a part of a folder's name."""
    return re.sub(r"[^\w.+-]", "_", str(value))


def nested(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings with inner ones in tables: `update.learning-rate` -> `learning_rate`."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        *tables, last = key.replace("-", "_").split(".")
        place = found
        for table in tables:
            place = place.setdefault(table, {})
        place[last] = nested(value) if isinstance(value, dict) else value
    return found


def _check(cell: Cell) -> None:
    """Refuse what no training could begin with, before any has begun."""
    from fastadapt.agents import make_config
    from fastadapt.agents.registry import resolve
    from fastadapt.envs import load_task_set

    make_config(resolve(cell.agent, cell.algorithm), cell.options)
    tasks = load_task_set(cell.task_set)
    for split in cell.evaluation.splits if cell.evaluation else ():
        if split != "healthy":
            tasks.tasks(split)
