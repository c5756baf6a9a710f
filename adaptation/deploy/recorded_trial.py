"""Recordings of a trial: what a robot observed, was commanded and gained, episode by episode."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastadapt.adaptation.trials.runner import LEAST, episode_seeds
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.interface import AdaptiveAgent, agent_context, begin_trials
from fastadapt.agents.rollout.steps import Step, steps
from fastadapt.envs import Task, TaskSet, make_batch
from fastadapt.envs.arrays import Array, Mask
from fastadapt.errors import FastadaptError, unknown_name

TIME, EPISODE, REWARD, FAILED = "time", "episode", "reward", "terminated"
OBSERVATION, ACTION = "observation.", "action."
_ENDINGS = (".parquet", ".csv")


@dataclass(frozen=True)
class RecordedEpisode:
    """One recorded episode of T control steps.

    Attributes:
        observations: `(T + 1, observations)`; the last one is that after the last control step.
        actions: `(T, actions)`, as commanded.
        rewards: `(T,)`; None where none was recorded.
        failed: the episode ended by a failure, not because the recording ended.
    """

    observations: Array
    actions: Array
    rewards: Array | None
    failed: bool


def record(
    agent: AdaptiveAgent,
    task_set: TaskSet,
    task: Task,
    path: str | Path,
    *,
    episodes: int = 1,
    seed: int = 0,
    explore: bool = True,
) -> int:
    """Record a trial of an agent in simulation, as a robot would, and return the control steps.

    The file has a row for each control step, and one for the observation after the last step of an
    episode: columns `time` [s], `episode`, `observation.NAME`, `action.NAME` (in the units of the
    task set), `reward`, and `terminated`, which is 1 where that step led to a failure.

    Args:
        agent: that acts; a recording of an oracle holds what it is told too.
        task_set: of the robot.
        task: that the robot is on.
        path: of the file, `.parquet` or `.csv`.
        episodes: of the trial.
        seed: of starts and exploration.
        explore: whether actions are those of shots, or deterministic.

    Raises:
        FastadaptError: the path has another ending.
    """
    path = Path(path)
    _check_ending(path)
    context = agent_context(agent)
    envs = make_batch(task_set, LEAST, 1, context=context)
    envs.set_tasks([task] * LEAST)
    told = [f"{OBSERVATION}{name}" for name in task_set.names] if context == "visible" else []
    names = [*_columns(task_set, told), REWARD, FAILED]
    keys = [f"{task.id} {i}" for i in range(LEAST)]
    rows: list[Array] = []
    with single_threaded():
        begin_trials(agent, np.array(episode_seeds(seed, keys, "explore", 0), np.uint64))
        for episode in range(episodes):
            step: Step | None = None
            seeds = episode_seeds(seed, keys, "record", episode)
            for step in steps(envs, lambda seen: agent.act(seen, explore), seeds):
                agent.observe(step.transition)
                if step.valid[0]:
                    rows += _rows(step, episode, len(rows) * task_set.environment.control_step())
            assert step is not None
            agent.end_episode(step.transition.done)
    _write(path, names, np.array(rows))
    return len(rows) - episodes


def _rows(step: Step, episode: int, time: float) -> list[Array]:
    """Return the row of a control step of the first robot, and of what follows its last one."""
    t = step.transition
    gained = [t.reward[0], float(t.terminated[0])]
    found = [np.array([time, episode, *t.observation[0], *t.action[0], *gained])]
    if step.ended[0]:
        nothing = np.full(len(t.action[0]) + 2, np.nan)
        found.append(np.array([time, episode, *t.next_observation[0], *nothing]))
    return found


def _columns(task_set: TaskSet, told: Sequence[str]) -> list[str]:
    environment = task_set.environment
    seen = [f"{OBSERVATION}{channel.name}" for channel in environment.observations]
    return [TIME, EPISODE, *seen, *told, *(f"{ACTION}{c.name}" for c in environment.actions())]


def _check_ending(path: Path) -> None:
    if path.suffix not in _ENDINGS:
        raise FastadaptError(
            f"'{path}' has no ending of a recording: give a name such as log.parquet or log.csv."
        )


def _write(path: Path, names: Sequence[str], rows: Array) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.writing")
    if path.suffix == ".csv":
        text = np.where(np.isnan(rows), "", rows.astype(str))
        with part.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([names, *text.tolist()])
    else:
        arrow, parquet = _arrow()
        parquet.write_table(arrow.table(dict(zip(names, rows.T, strict=True))), str(part))
    os.replace(part, path)


def _arrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise FastadaptError(
            "Parquet files need the package 'pyarrow', which is not installed. Run "
            "`pip install 'fastadapt[parquet]'`, or use a .csv file."
        ) from None
    return pyarrow, pyarrow.parquet


def read_trial(path: str | Path, task_set: TaskSet, told: int = 0) -> list[RecordedEpisode]:
    """Read a recording of a robot of a task set, see `record` for its columns.

    `reward` and `terminated` may be missing; other columns are ignored.

    Args:
        path: of the file.
        task_set: of the robot: names, order and control step.
        told: how many parameters of the task the observation ends with.

    Raises:
        FastadaptError: it is no recording of this robot: a column is missing, numbers are, time
            runs backwards, or its control step is another one.
    """
    path = Path(path)
    table = _table(path)
    names = _columns(task_set, [f"{OBSERVATION}{name}" for name in task_set.names[:told]])
    missing = [name for name in names if name not in table and name != EPISODE]
    if missing:
        error = unknown_name(f"column in '{path}' called", missing[0], list(table)[:60])
        raise FastadaptError(
            f"{error} A recording for '{task_set.id}' has {len(names) - 2} columns "
            f"observation.NAME and action.NAME; {len(missing)} of them are missing."
        )
    count = len(table[TIME])
    number = table.get(EPISODE, np.zeros(count))
    borders = np.flatnonzero(np.diff(number) != 0) + 1
    parts = np.split(np.arange(count), borders)
    found = [_episode(path, table, names, rows, task_set) for rows in parts]
    return [episode for episode in found if len(episode.actions)]


def _episode(
    path: Path, table: dict[str, Array], names: Sequence[str], rows: Any, task_set: TaskSet
) -> RecordedEpisode:
    """Return the episode in these rows."""
    seen = np.stack([table[n][rows] for n in names if n.startswith(OBSERVATION)], 1)
    done = np.stack([table[n][rows] for n in names if n.startswith(ACTION)], 1)
    number = int(rows[0]) + 2
    _check_times(path, table[TIME][rows], number, task_set.environment.control_step())
    done = done[:-1]  # the last row is only what was seen after the last control step
    for what, values in (("observation", seen), ("action", done)):
        if not np.isfinite(values).all():
            line = number + int(np.flatnonzero(~np.isfinite(values).all(1))[0])
            raise FastadaptError(
                f"'{path}' lacks an {what} in row {line}. Cut the recording there, or give the "
                "parts numbers of their own in the column `episode`."
            )
    count = len(done)
    low, high = (np.array([getattr(c, s) for c in task_set.environment.actions()]) for s in _SIDES)
    beyond = (done > high + 1e-3) | (done < low - 1e-3)
    if beyond.any():
        row, column = (int(x[0]) for x in np.nonzero(beyond))
        name = [n for n in names if n.startswith(ACTION)][column]
        raise FastadaptError(
            f"'{path}': {name} is {done[row, column]:.4g} in row {number + row}, beyond its limits "
            f"{low[column]:g} to {high[column]:g}. Are its units those of '{task_set.id}'?"
        )
    rewards = table[REWARD][rows][:count] if REWARD in table else None
    if rewards is not None and not np.isfinite(rewards).all():
        rewards = None
    failed = table[FAILED][rows][:count] if FAILED in table else np.zeros(count)
    return RecordedEpisode(seen[: count + 1], done, rewards, bool(count and failed[-1] > 0))


_SIDES = ("low", "high")


def _check_times(path: Path, time: Array, number: int, step: float) -> None:
    gaps = np.diff(time)
    if not np.isfinite(time).all() or (gaps < 0).any():
        at = number + int(np.flatnonzero(~(gaps >= 0))[0]) if len(gaps) else number
        raise FastadaptError(
            f"'{path}': time runs backwards or is missing after row {at}. Sort the rows, or give "
            "the parts numbers of their own in the column `episode`."
        )
    usual = float(np.median(gaps[:-1])) if len(gaps) > 1 else step
    if abs(usual - step) > 0.1 * step:
        raise FastadaptError(
            f"'{path}' has a row every {usual:.4g} s; the agent acts every {step:.4g} s. Resample "
            "the recording to the agent's control step."
        )


def _table(path: Path) -> dict[str, Array]:
    """Return the columns of numbers in a file."""
    _check_ending(path)
    if not path.is_file():
        raise FastadaptError(f"There is no recording '{path}'. Give a file that exists.")
    try:
        if path.suffix == ".csv":
            with path.open(newline="", encoding="utf-8-sig") as file:
                head, *body = list(csv.reader(file))
            columns = zip(*body, strict=True) if body else [()] * len(head)
            found = {n: _numbers(column) for n, column in zip(head, columns, strict=True)}
        else:
            _, parquet = _arrow()
            table = parquet.read_table(str(path))
            found = {
                n: np.asarray(table[n].to_numpy(), np.float64)
                for n in table.column_names
                if str(table[n].type) in _NUMBERS
            }
    except FastadaptError:
        raise
    except Exception as error:  # whatever a damaged file raises
        raise FastadaptError(
            f"'{path}' is damaged or cut short ({error!s:.100}). Copy it again."
        ) from None
    if not found or not len(next(iter(found.values()))):
        raise FastadaptError(f"'{path}' holds no numbers. Give a recording with at least two rows.")
    return found


_NUMBERS = ("double", "float", "int64", "int32", "bool", "uint8", "int8")


def _numbers(column: Sequence[str]) -> Array:
    return np.array([float(cell) if cell else np.nan for cell in column])


def over(episode: RecordedEpisode, t: int) -> tuple[Mask, Mask]:
    """Return whether control step `t` ended the episode by failure, and otherwise, `(1,)` each."""
    last = t == len(episode.actions) - 1
    return np.array([last and episode.failed]), np.array([last and not episode.failed])
