"""Controls of a run: its agent with less, or with other, information, by the name of a command."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from fastadapt.adaptation.evaluation.training_context import with_constant_context
from fastadapt.adaptation.runs.run import Run
from fastadapt.agents.controls.calibrated import Calibrated
from fastadapt.agents.controls.emptied import EmptiedMemory
from fastadapt.agents.controls.swapped import SwappedContext
from fastadapt.agents.controls.within_episode import WithinEpisode
from fastadapt.envs import TaskSet, make_batch
from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.perturbations.sensor import SensorOffset
from fastadapt.errors import FastadaptError, unknown_name

Ablation = Literal["memory", "swapped-context", "constant-context", "calibrated"]
"""A control. Memory: emptied every few control steps. Swapped context: measured with what was
inferred about another task. Constant context: one inference about every task. Calibrated: the first
reading of a sensor is its zero."""


@dataclass(frozen=True)
class Inference:
    """When an agent infers its task within an episode, and what it forgets; see `WithinEpisode`.

    Attributes:
        every: control steps between two inferences.
        window: control steps that count; 0 means all of the trial.
    """

    every: int
    window: int = 0


_STARTS = 200
"""Starts of the healthy robot whose readings are averaged."""


def controlled(
    run: Run,
    ablate: Ablation | None,
    every: int = 1,
    num_threads: int = 0,
    inference: Inference | None = None,
) -> Any:
    """Return the agent of a run, or a control of it.

    Args:
        run: opened.
        ablate: the control; None for the agent itself.
        every: control steps between two emptyings of the memory.
        num_threads: threads that simulate where a control is measured on training tasks.
        inference: within episodes; None for the agent's own way.

    Raises:
        FastadaptError: there is no such control, the agent does not support it, or both a control
            and a way of inference are given.
    """
    if inference is not None:
        if ablate is not None:
            raise FastadaptError("--infer-every goes with no --ablate: leave out one of them.")
        return WithinEpisode(run.agent(), inference.every, inference.window)
    match ablate:
        case None:
            return run.agent()
        case "memory":
            return EmptiedMemory(run.agent(), every)
        case "swapped-context":
            return SwappedContext(run.agent())
        case "constant-context":
            return with_constant_context(run, num_threads)
        case "calibrated":
            return Calibrated(run.agent(), *zeroed(run.task_set))
    raise unknown_name("control", ablate, get_args(Ablation))


def ending(ablate: Ablation | None, every: int = 1, inference: Inference | None = None) -> str:
    """Return the ending of the folder of a control's evaluations; empty for the agent itself."""
    if inference is not None:
        return f"-every-{inference.every}-window-{inference.window}"
    endings = {None: "", "memory": f"-memory-{every}", "swapped-context": "-exchanged"}
    return endings.get(ablate, f"-{ablate}")


def is_control(name: str) -> bool:
    """Return whether an agent in a table is a control, by its name."""
    return re.search(r"-(exchanged|constant-context|calibrated|memory-\d+)$", name) is not None


def zeroed(task_set: TaskSet) -> tuple[Ids, Array]:
    """Return the channels that a calibrated policy zeroes, and what the healthy robot reads there.

    These are the channels whose zero a task may shift; their readings are means over starts.

    Returns:
        Numbers of the channels and readings, `(S,)` each.

    Raises:
        FastadaptError: no position sensor of the task set has an offset.
    """
    offsets = [b for b in task_set.blocks if isinstance(b.perturbation, SensorOffset)]
    shifted = {target for block in offsets for target in block.targets}
    known = enumerate(task_set.environment.observations)
    found = [k for k, one in known if one.name in shifted and one.unit in ("rad", "m")]
    channels = np.array(found, np.int64)
    if not len(channels):
        raise FastadaptError(
            f"'{task_set.name}' shifts the zero of no position sensor, so there is nothing to "
            "calibrate. Give a run on a task set with a perturbation of kind sensor-offset."
        )
    envs = make_batch(task_set, _STARTS)
    envs.set_tasks(task_set.nominal)
    observation, _ = envs.reset(seed=0)
    return channels, observation[:, channels].mean(axis=0)
