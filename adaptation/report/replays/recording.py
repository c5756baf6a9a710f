"""Recordings of one agent on one task for a replay: healthy, before and after adaptation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from fastadapt.adaptation.report.replays.replay import Lane
from fastadapt.adaptation.trials.runner import run_trials
from fastadapt.agents.interface import AdaptiveAgent, agent_context
from fastadapt.envs import (
    BatchedEnv,
    Task,
    TaskSet,
    make_batch,
)
from fastadapt.envs.arrays import Array, Mask
from fastadapt.envs.model.marks import Mark
from fastadapt.envs.perturbations.perturbation import Parameter
from fastadapt.envs.runtime.task_model import task_model
from fastadapt.envs.tasks.layout import ParameterBlock


class _Recorder:
    """Records the poses of all robots over one episode."""

    def __init__(self) -> None:
        self.qpos: list[np.ndarray] = []
        self.mocap: list[np.ndarray] = []

    def __call__(self, envs: BatchedEnv) -> None:
        self.qpos.append(envs.sim.data("qpos").copy())
        if envs.sim.model.nmocap:
            self.mocap.append(envs.sim.data("mocap_pos").copy())


def record_lanes(
    agent: AdaptiveAgent,
    task_set: TaskSet,
    task: Task,
    shots: int,
    seed: int = 0,
    without: AdaptiveAgent | None = None,
) -> tuple[list[Lane], list[float]]:
    """Record the healthy robot, the perturbed one before any shot, and that one after `shots`.

    Start and goal are the same in all three. Some agents adapt within their first episode; for
    them `without`, the same agent with a constant context, is the state before adaptation.

    Returns:
        The lanes for `write_replay`, and the return of each.
    """
    envs = make_batch(task_set, 1, 1, context=agent_context(agent))
    lanes: list[Lane] = []
    returns: list[float] = []
    cases: list[tuple[str, AdaptiveAgent, Task, tuple[int, ...]]]
    cases = [("healthy", agent, task_set.nominal, (0,))]
    if without is not None:
        cases += [
            ("damaged, constant context", without, task, (0,)),
            ("damaged", agent, task, (shots,)),
        ]
    else:
        cases += [("damaged", agent, task, (0, shots))]
    for what, who, case, moments in cases:
        for recorder, shot, value in _record(who, envs, case, moments, task, seed):
            label = what if what != "damaged" else f"{what}, {_shots(shot)}"
            model = task_model(task_set, case)
            mocap = np.stack(recorder.mocap)[:, 0] if recorder.mocap else None
            qpos = np.stack(recorder.qpos)[:, 0]
            damaged, marks, changes = (), (), ()
            if what != "healthy":
                damaged, marks = damaged_bodies(task_set, task), marks_of(task_set, task)
                changes = named_changes(task_set, task)
            label = f"{label}: return {value:.0f}"
            lanes.append(Lane(label, qpos, mocap, damaged, model, marks, changes))
            returns.append(value)
    return lanes, returns


def _shots(shot: int) -> str:
    return "before adaptation" if shot == 0 else f"after {shot} shot{'s' if shot > 1 else ''}"


def _record(
    agent: AdaptiveAgent,
    envs: BatchedEnv,
    case: Task,
    moments: Sequence[int],
    keyed_by: Task,
    seed: int,
) -> list[tuple[_Recorder, int, float]]:
    recorders: list[_Recorder] = []

    def on_measured_episode() -> _Recorder:
        recorders.append(_Recorder())
        return recorders[-1]

    measurements = run_trials(
        agent, envs, [case], moments, 1, seed, record=on_measured_episode, keys=[keyed_by.id]
    )
    copies = len(measurements) // len(recorders)  # who needs no shots is measured once
    return [
        (recorder, m.shot, float(m.episodes.returns[0]))
        for recorder, m in zip(recorders * copies, measurements, strict=True)
    ]


def damaged_bodies(task_set: TaskSet, task: Task) -> tuple[int, ...]:
    """Return the bodies with damage in a task (`Perturbation.is_damage`), for tinting."""
    model = task_set.environment.model()
    bodies: set[int] = set()
    for block, affected, _ in _changed(task_set, task):
        if block.perturbation.is_damage():
            found = (block.perturbation.body_of(model, int(t)) for t in block.ids[affected])
            bodies |= {body for body in found if body is not None}
    return tuple(sorted(bodies))


def marks_of(task_set: TaskSet, task: Task) -> tuple[Mark, ...]:
    """Return what a picture of a task shows beside the robot (`Perturbation.marks`)."""
    model = task_set.environment.model()
    return tuple(
        mark
        for block, affected, values in _changed(task_set, task)
        for mark in block.perturbation.marks(model, block.ids[affected], values[affected])
    )


def named_changes(task_set: TaskSet, task: Task) -> tuple[str, ...]:
    """Return each perturbation of a task in words: name, values with units, targets."""
    lines = []
    for block, affected, values in _changed(task_set, task):
        some, nominal = block.perturbation, np.broadcast_to(block.nominal(), values.shape)
        parts = [some.name.replace("_", " ")]
        row = block.parameters[0]
        for column, parameter in enumerate(row):
            changed = values[affected, column][
                values[affected, column] != nominal[affected, column]
            ]
            if len(changed) and (some.law_of(parameter) is not None or parameter.low != 0):
                parts.append(_amount(parameter, changed))
        names = [name for name, hit in zip(block.targets, affected, strict=True) if hit]
        if names != ["world"]:
            parts.append(f"({', '.join(names)})" if len(names) < 4 else f"({len(names)} targets)")
        lines.append(" ".join(parts))
    return tuple(lines)


def _amount(parameter: Parameter, values: Array) -> str:
    """Return values of a parameter as text: "x 0.5", "2 kg", "0.5 to 0.8 rad"."""
    ends = sorted({f"{value:.3g}": value for value in (values.min(), values.max())}.items(),
                  key=lambda item: item[1])  # fmt: skip
    text = " to ".join(word for word, _ in ends)
    if parameter.unit == "x":
        return f"\N{MULTIPLICATION SIGN} {text}"
    return f"{parameter.name} {text}" if parameter.unit == "-" else f"{text} {parameter.unit}"


def _changed(task_set: TaskSet, task: Task) -> Iterator[tuple[ParameterBlock, Mask, Array]]:
    """Yield the blocks that a task changes, which targets, `(k,)`, and `(k, parameters)`."""
    vector = task_set.vectors([task])
    for block in task_set.blocks:
        values = np.broadcast_to(
            block.values(vector)[0], (len(block.ids), block.values(vector).shape[2])
        )
        affected = (values != block.nominal()).any(axis=1)
        if affected.any():
            yield block, affected, values
