"""Measurement of one agent on the grid of an envelope."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.adaptation.envelope.grid import Grid
from fastadapt.adaptation.evaluation.columns import COLUMNS
from fastadapt.adaptation.trials.runner import Measurement, run_trials
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.interface import agent_context, agent_seed
from fastadapt.envs import make_batch
from fastadapt.errors import FastadaptError

_BATCH = 2048
"""Robots that are simulated at once: more would need memory and save no time."""
_KEPT = ("return", "distance", "length", "fell", "diverged", "success")


def columns_of(grid: Grid) -> np.dtype[Any]:
    """Return the columns of the table of an envelope: one row for each robot and number of shots.

    `damage` and the parameters of the axes stand by name, `robot` is its number in the cell.
    """
    first = [("agent", "U64"), ("seed", "i8"), ("shot", "i4"), ("damage", "U64")]
    own = [(axis.name, "f8") for axis in grid.axes]
    last = [("robot", "i4"), ("task_id", "U16"), *((n, COLUMNS[n].str) for n in _KEPT)]
    return np.dtype([*first, *own, *last])


def measure_on_grid(
    agent: Any,
    grid: Grid,
    shots: Sequence[int],
    name: str,
    seed: int = 0,
    num_threads: int = 0,
    on_episode: Callable[[], None] | None = None,
) -> NDArray[np.void]:
    """Return the table of an agent on a grid: after each number of shots, every robot.

    A robot starts alike after every number of shots and with every agent, so that differences are
    paired; robots of one cell start differently.

    Args:
        agent: any with the methods of `AdaptiveAgent`.
        grid: of tasks.
        shots: numbers of shots after which to measure.
        name: of the agent in the table.
        seed: of starts, goals and exploration.
        num_threads: threads that simulate; 0 means one per processor.
        on_episode: called after each measured episode of all robots of a batch.

    Raises:
        FastadaptError: the environment has no criterion of success.
    """
    if grid.task_set.success is None:
        raise FastadaptError(
            f"'{grid.task_set.environment.id()}' has no criterion of success: give the task set a "
            'table [success], such as measure = "distance", at_least = 5.0.'
        )
    tasks = [task for task in grid.tasks for _ in range(grid.robots)]
    keys = [f"{task.id}-{robot}" for task in grid.tasks for robot in range(grid.robots)]
    rows = _labelled(grid, name, agent_seed(agent))
    parts = -(-len(tasks) // _BATCH)
    tables: list[NDArray[np.void]] = []
    for chosen in np.array_split(np.arange(len(tasks)), parts):
        envs = make_batch(grid.task_set, len(chosen), num_threads, context=agent_context(agent))

        def keep(measured: Measurement, chosen: NDArray[np.intp] = chosen) -> None:
            table = rows[chosen].copy()
            table["shot"] = measured.shot
            for column in _KEPT:
                found = measured.episodes
                values = found.returns if column == "return" else getattr(found, column)
                table[column] = values
            tables.append(table)
            if on_episode is not None:
                on_episode()

        with single_threaded():
            run_trials(
                agent, envs, [tasks[i] for i in chosen], list(shots), 1, seed, on_measure=keep,
                keys=[keys[i] for i in chosen],
            )  # fmt: skip
    table = np.concatenate(tables)
    return table[np.argsort(table["shot"], kind="stable")]


def batches(grid: Grid) -> int:
    """Return the number of batches in which a grid is measured."""
    return -(-grid.cells * grid.robots // _BATCH)


def _labelled(grid: Grid, name: str, seed: int) -> NDArray[np.void]:
    """Return the rows of all robots with their names, cell by cell."""
    rows = np.zeros(grid.cells * grid.robots, columns_of(grid))
    rows["agent"], rows["seed"] = name, seed
    places = np.indices(grid.shape).reshape(3, -1).repeat(grid.robots, axis=1)
    rows["damage"] = np.array(grid.damages)[places[0]]
    for axis, place in zip(grid.axes, places[1:], strict=False):
        rows[axis.name] = np.array(axis.values)[place]
    rows["robot"] = np.tile(np.arange(grid.robots), grid.cells)
    rows["task_id"] = np.repeat([task.id for task in grid.tasks], grid.robots)
    return rows
