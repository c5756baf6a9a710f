"""Recordings of one agent on one task for a replay: healthy, before and after adaptation."""

from __future__ import annotations

from collections.abc import Sequence

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
from fastadapt.envs.runtime.task_model import task_model


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
            damaged = () if what == "healthy" else damaged_bodies(task_set, task)
            model = task_model(task_set, case)
            mocap = np.stack(recorder.mocap)[:, 0] if recorder.mocap else None
            qpos = np.stack(recorder.qpos)[:, 0]
            lanes.append(Lane(f"{label}: return {value:.0f}", qpos, mocap, damaged, model))
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
    vector = task_set.vectors([task])
    bodies: set[int] = set()
    for block in task_set.blocks:
        if not block.perturbation.is_damage():
            continue
        affected = (block.values(vector)[0] != block.nominal()).any(axis=1)
        affected = np.broadcast_to(affected, len(block.ids))  # one row where all share a value
        found = (block.perturbation.body_of(model, int(t)) for t in block.ids[affected])
        bodies |= {body for body in found if body is not None}
    return tuple(sorted(bodies))
