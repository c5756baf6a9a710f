"""The envelope of the agents of runs: measured once, saved by agent, resumed, drawn."""

from __future__ import annotations

import csv
import json
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.adaptation.envelope.grid import Grid, make_grid
from fastadapt.adaptation.envelope.measure import batches, columns_of, measure_on_grid
from fastadapt.adaptation.envelope.page import write_page
from fastadapt.adaptation.envelope.verdict import Findings
from fastadapt.adaptation.evaluation.columns import table_text
from fastadapt.adaptation.evaluation.evaluate import checked_shots
from fastadapt.adaptation.evaluation.measured_tasks import check_told_nothing, task_set_for
from fastadapt.adaptation.evaluation.training_context import (
    has_constant_context,
    with_constant_context,
)
from fastadapt.adaptation.report.page import slug
from fastadapt.adaptation.runs.files import EVALUATING, locked, write_text
from fastadapt.adaptation.runs.machine import command, machine, versions
from fastadapt.adaptation.runs.open_run import open_run
from fastadapt.adaptation.runs.run import Run
from fastadapt.agents.interface import agent_context, agent_name, needs_shots
from fastadapt.envs.arguments import whole_number
from fastadapt.errors import FastadaptError

Progress = Callable[[str, int, int], None]
"""Called with a title, the number of completed episodes, and their total."""
FORMAT = 1
"""Version of the files of an envelope."""


@dataclass(frozen=True)
class Envelope:
    """A finished envelope.

    Attributes:
        findings: verdict, tables and borders.
        page: path of its page.
    """

    findings: Findings
    page: Path


@dataclass(frozen=True)
class _Arm:
    """An agent as it is measured: itself, or with its context held constant."""

    label: str
    constant: bool
    shots: tuple[int, ...]
    file: str
    run: Run
    kind: str = "adaptive"
    """Or "fixed", which adapts in no way, or "told", which observes the parameters."""


def envelope(
    runs: Sequence[str | Path | Run],
    over: Sequence[str],
    damages: Sequence[str] = (),
    shots: Sequence[int] = (0, 1, 5),
    robots: int = 8,
    seed: int = 0,
    *,
    task_set: str | Path | None = None,
    constant: bool = True,
    out: str | Path | None = None,
    num_threads: int = 0,
    on_progress: Progress | None = None,
) -> Envelope:
    """Measure where agents succeed on a grid of named parameters, and what adaptation adds.

    Agents that an earlier call with the same arguments measured are loaded from `out`.

    Args:
        runs: run directories, `zoo:NAME`, or opened runs, all of one robot.
        over: one or two axes; see `make_grid`.
        damages: beside none; see `make_grid`.
        shots: numbers of shots after which to measure; agents that no shot changes, once.
        robots: in every cell, at least 2.
        seed: of starts, goals and exploration.
        task_set: that declares the parameters (default: that of the first run).
        constant: measure the constant context of agents that have one.
        out: folder (default: `envelopes/...` in the directory of a single run, else `envelope`).
        num_threads: threads that simulate; 0 means one per processor.
        on_progress: called while each agent is measured.

    Raises:
        FastadaptError: a run, axis or damage is not possible, or `out` holds something else.
        KeyboardInterrupt: Ctrl-C; measured agents are saved.
    """
    shots = checked_shots(shots)
    robots, seed = whole_number("robots", robots, 2), whole_number("seed", seed, 0)
    opened = [open_run(run) for run in runs]
    if not opened:
        raise FastadaptError("An envelope needs an agent: give at least one run or zoo:NAME.")
    on = task_set_for(opened[0], task_set)
    for run in opened[1:]:
        task_set_for(run, on)
    grid = make_grid(on, over, damages, robots, opened[0].task_set)
    arms = _arms(opened, shots, constant)
    for arm in arms:
        check_told_nothing(arm.run.agent(), arm.run, on)
    asked = _asked(grid, arms, seed)
    folder = _folder(opened, asked, out)
    with locked(folder, EVALUATING, wait=True):
        _claim(folder, asked)
        return _finish(folder, grid, arms, asked, num_threads, on_progress)


def _finish(
    folder: Path,
    grid: Grid,
    arms: Sequence[_Arm],
    asked: dict[str, Any],
    num_threads: int,
    on_progress: Progress | None,
) -> Envelope:
    """Measure what is missing in a folder, and write tables and page."""
    started = time.perf_counter()
    tables = {
        (arm.label, arm.constant): _measured(
            folder, arm, grid, asked["seed"], num_threads, on_progress
        )
        for arm in arms
    }
    fixed, told = (
        frozenset(arm.label for arm in arms if arm.kind == kind) for kind in ("fixed", "told")
    )
    findings = Findings(grid, tables, fixed, told)
    write_text(folder / "envelope.csv", table_text(np.concatenate(list(tables.values()))))
    meta = asked | {
        "command": command(),
        "machine": machine(),
        "trained_on": sorted({arm.run.config.task_set for arm in arms}),
        "wall_seconds": time.perf_counter() - started,
    }
    summary = {"format": FORMAT, "asked": asked, "meta": meta, "verdict": findings.verdict()}
    write_text(folder / "envelope.json", json.dumps(summary, indent=1) + "\n")
    return Envelope(findings, write_page(folder, findings, meta))


def _arms(runs: Sequence[Run], shots: Sequence[int], constant: bool) -> list[_Arm]:
    """Return everything that is measured; agents of one name are told apart by their seeds."""
    agents = [run.agent() for run in runs]
    names = [agent_name(agent) for agent in agents]
    arms: list[_Arm] = []
    for run, agent, name in zip(runs, agents, names, strict=True):
        label = name if names.count(name) == 1 else f"{name}, seed {run.config.seed}"
        if label in {arm.label for arm in arms}:
            label = f"{label}, {run.path.name}"
        if label in {arm.label for arm in arms}:
            raise FastadaptError(f"'{run.path}' was given twice, or is a copy: leave one out.")
        own = tuple(shots) if needs_shots(agent) else (0,)
        adapts = needs_shots(agent) or has_constant_context(agent)
        kind = "told" if agent_context(agent) == "visible" else "adaptive" if adapts else "fixed"
        arms.append(_Arm(label, False, own, slug(label), run, kind))
        if constant and has_constant_context(agent):
            arms.append(_Arm(label, True, (0,), f"{slug(label)}-constant-context", run))
    return arms


def _asked(grid: Grid, arms: Sequence[_Arm], seed: int) -> dict[str, Any]:
    """Return what determines the numbers of an envelope, as JSON."""
    agents = {
        arm.file: {
            "run": arm.run.identity,
            "iterations": arm.run.iterations_done(),
            "shots": list(arm.shots),
        }
        for arm in arms
    }
    return {
        "task_set": grid.task_set.id,
        "task_set_hash": grid.task_set.hash,
        "success": str(grid.task_set.success),
        "seed": seed,
        "agents": agents,
        "versions": versions(),
        **grid.describe(),
    }


def _folder(runs: Sequence[Run], asked: dict[str, Any], out: str | Path | None) -> Path:
    """Return the folder of an envelope; by default its name says what was asked."""
    if out is not None:
        return Path(out)
    if len(runs) > 1:
        return Path("envelope")
    number = zlib.crc32(json.dumps(asked, sort_keys=True).encode())
    return runs[0].path / "envelopes" / f"{slug('-'.join(asked['over']))[:60]}-{number:08x}"


def _claim(folder: Path, asked: dict[str, Any]) -> None:
    """Say what is measured in a folder, or refuse one that holds something else.

    Raises:
        FastadaptError: it holds another envelope, or other files.
    """
    file = folder / "asked.json"
    if file.is_file():
        try:
            same = json.loads(file.read_text(encoding="utf-8")) == asked
        except ValueError:
            same = False
        if not same:
            raise FastadaptError(
                f"'{folder}' holds an envelope that was asked for otherwise; nothing was written. "
                "Choose another --out."
            )
    elif any(path.name != EVALUATING for path in folder.iterdir()):
        raise FastadaptError(
            f"'{folder}' holds other files; nothing was written. Choose another --out."
        )
    else:
        write_text(file, json.dumps(asked, indent=1) + "\n")


def _measured(
    folder: Path,
    arm: _Arm,
    grid: Grid,
    seed: int,
    num_threads: int,
    on_progress: Progress | None,
) -> NDArray[np.void]:
    """Return the table of an agent, measured now or before."""
    file = folder / "agents" / f"{arm.file}.csv"
    if file.is_file():
        found = _read(file, grid, len(arm.shots) * grid.cells * grid.robots)
        if found is not None:
            return found
    agent = with_constant_context(arm.run, num_threads) if arm.constant else arm.run.agent()
    title = f"{arm.label}{', constant context' if arm.constant else ''}"
    total, done = len(arm.shots) * batches(grid), 0

    def show() -> None:
        nonlocal done
        done += 1
        if on_progress is not None:
            on_progress(title, done, total)

    if on_progress is not None:
        on_progress(title, 0, total)
    name = agent_name(agent) if arm.constant else arm.label
    table = measure_on_grid(agent, grid, arm.shots, name, seed, num_threads, show)
    file.parent.mkdir(exist_ok=True)
    write_text(file, table_text(table))
    return table


def _read(file: Path, grid: Grid, rows: int) -> NDArray[np.void] | None:
    """Return a saved table, None where it is damaged: it is measured again."""
    columns = columns_of(grid)
    with file.open(encoding="utf-8", newline="") as opened:
        head, *lines = list(csv.reader(opened)) or [[]]
    if tuple(head) != columns.names or len(lines) != rows:
        return None
    table = np.zeros(rows, columns)
    try:
        for name, texts in zip(head, zip(*lines, strict=True), strict=True):
            kind = columns[name].kind
            table[name] = [text == "True" for text in texts] if kind == "b" else texts
    except ValueError:
        return None
    return table
