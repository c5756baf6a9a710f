"""Recordings of fastadapt's own robots, for tests of a fit and as a file format."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import mujoco
import numpy as np

from fastadapt.adaptation.logs.reading.recording import Recording, from_table
from fastadapt.envs.arrays import Array
from fastadapt.envs.environment import Environment
from fastadapt.envs.model.names import names_of
from fastadapt.envs.runtime.task_model import task_model
from fastadapt.envs.tasks.log_keys import LogColumn
from fastadapt.envs.tasks.task import Task
from fastadapt.envs.tasks.task_set import TaskSet

CLOCK = LogColumn(column="time")


def simulated_log(
    task_set: TaskSet,
    task: Task,
    commands: Array,
    *,
    noise: tuple[float, float] = (0.0, 0.0),
    rate: float | None = None,
    qpos: Array | None = None,
    offsets: dict[str, float] | None = None,
    seed: int = 0,
) -> Recording:
    """Return the log of a robot under a task, by plain MuJoCo.

    Delay and what changes the model come from the task; sensor offsets are given, because they are
    no part of a model.

    Args:
        task_set: of the task.
        task: what the robot is.
        commands: `(n, nu)` controls, one for each control step.
        noise: standard deviations of positions and velocities.
        rate: samples per second; default: one for each control step.
        qpos: `(nq,)` initial positions; default: the first keyframe.
        offsets: added to columns, by name.
        seed: of the noise.
    """
    cls = task_set.environment
    model = task_model(task_set, task)
    data = mujoco.MjData(model)
    data.qpos[:] = qpos if qpos is not None else _first(model)
    data.ctrl[:] = commands[0]
    if model.na:
        data.act[:] = commands[0][: model.na]
    delay = _delay(task_set, task)
    every = round(1 / (rate or 1 / cls.control_step()) / model.opt.timestep)
    times, sent, places, speeds = [], [], [], []
    for step in range(len(commands) * cls.physics_steps):
        now = step // cls.physics_steps
        data.ctrl[:] = commands[max(now - delay, 0)]
        if step % every == 0:
            times.append(step * model.opt.timestep)
            sent.append(commands[now])
            places.append(data.qpos.copy())
            speeds.append(data.qvel.copy())
        mujoco.mj_step(model, data)
    rng = np.random.default_rng(seed)
    position, velocity = np.array(places), np.array(speeds)
    position += noise[0] * rng.standard_normal(position.shape)
    velocity += noise[1] * rng.standard_normal(velocity.shape)
    table = own_table(cls, np.array(times), np.array(sent), position, velocity)
    for name, offset in (offsets or {}).items():
        table[name] = table[name] + offset
    return from_table("simulated", table, CLOCK)


def own_table(
    environment: type[Environment], time: Array, commands: Array, qpos: Array, qvel: Array
) -> dict[str, Array]:
    """Return the columns of a recording of one of our robots.

    Args:
        environment: the robot.
        time: `(n,)` seconds.
        commands: `(n, nu)` controls sent at that time.
        qpos: `(n, nq)` measured positions.
        qvel: `(n, nv)` measured velocities.
    """
    model = environment.model()
    table: dict[str, Array] = {"time": time}
    for i, name in enumerate(names_of(model, "actuator")):
        table[f"command/{name}"] = commands[:, i]
    for name in names_of(model, "joint"):
        joint = model.joint(name)
        for kind, values, start, size in (
            ("position", qpos, joint.qposadr[0], len(joint.qpos0)),
            ("velocity", qvel, joint.dofadr[0], len(joint.damping)),
        ):
            for i in range(size):
                part = f"[{i}]" if size > 1 else ""
                table[f"{kind}/{name}{part}"] = values[:, start + i]
    return table


def write_csv(path: Path, table: dict[str, Array]) -> None:
    """Write a table as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*(column.tolist() for column in table.values()), strict=True))


def table_of(recording: Recording) -> dict[str, Array]:
    """Return the columns of a recording that was made from a table without missing samples."""
    series = list(recording.columns.values())
    return {"time": series[0].time} | {name: s.value for name, s in recording.columns.items()}


def chirps(
    middle: Sequence[float] | Array, reach: Sequence[float] | Array, seconds: float, step: float
) -> Array:
    """Return commands that sweep every actuator through its own frequencies, `(n, nu)`.

    Args:
        middle: `(nu,)` commands around which they swing.
        reach: `(nu,)` by how much.
        seconds: duration.
        step: control step [s].
    """
    time = np.arange(0, seconds, step)[:, None]
    number = np.arange(len(np.asarray(middle)))
    low, high = 0.3 + 0.07 * (number % 5), 1.8 + 0.23 * (number % 4)
    phase = 2 * np.pi * (low * time + (high - low) * time**2 / (2 * seconds)) + number
    ease = np.minimum(time / 0.5, 1.0)
    return np.asarray(middle) + ease * np.asarray(reach) * np.sin(phase)


def _first(model: mujoco.MjModel) -> Array:
    return model.key_qpos[0] if model.nkey else model.qpos0


def _delay(task_set: TaskSet, task: Task) -> int:
    vector = task_set.vectors([task])[0]
    for block in task_set.blocks:
        if "action_delay" in block.perturbation.signals:
            return round(float(vector[block.start]))
    return 0
