"""Mean of what an agent infers about its training tasks, for the constant-context control."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from fastadapt.adaptation.runs.run import Run
from fastadapt.adaptation.trials.runner import episode_seeds, run_episode
from fastadapt.agents.controls.constant import ConstantContext, check_settable
from fastadapt.agents.determinism import single_threaded
from fastadapt.agents.interface import SettableContext, begin_trials, needs_shots
from fastadapt.envs import TaskSet, make_batch
from fastadapt.envs.arrays import Array

TASKS, SHOTS = 100, 2
_FILE = "constant_context.npy"


def training_context(
    agent: Any,
    task_set: TaskSet,
    tasks: int = TASKS,
    shots: int = SHOTS,
    seed: int = 0,
    num_threads: int = 0,
) -> Array:
    """Return the mean of the agent's inferences about training tasks after some shots, `(C,)`.

    Test tasks take no part in it.

    Args:
        agent: trained; see `SettableContext`.
        task_set: that it was trained on.
        tasks: number of tasks drawn from the train split.
        shots: on each.
        seed: of the tasks and the shots.
        num_threads: threads that simulate; 0 means one per processor.

    Raises:
        FastadaptError: the agent infers nothing that can be set.
    """
    check_settable(agent)
    chosen = task_set.sample("train", tasks, seed)
    keys = [task.id for task in chosen]
    envs = make_batch(task_set, len(chosen), num_threads)
    envs.set_tasks(chosen)
    with single_threaded():
        begin_trials(agent, np.array(episode_seeds(seed, keys, "explore", 0), np.uint64))
        for shot in range(shots):
            run_episode(agent, envs, episode_seeds(seed, keys, "shot", shot), True)
    return agent.inferred().mean(axis=0)


def has_constant_context(agent: Any) -> bool:
    """Return whether an agent has a constant-context control."""
    return needs_shots(agent) and isinstance(agent, SettableContext)


def with_constant_context(run: Run, num_threads: int = 0) -> ConstantContext:
    """Return the constant-context control of a run's agent.

    Its context is measured on training tasks once, and kept beside the checkpoint.

    Raises:
        FastadaptError: the agent infers nothing that can be set.
    """
    agent = run.agent()
    check_settable(agent)
    kept = run.path / "checkpoints" / "last" / _FILE
    found = _read(kept)
    if found is None or found.shape != agent.inferred().shape[1:]:
        found = training_context(agent, run.task_set, TASKS, SHOTS, num_threads=num_threads)
        _keep(kept, found)
    return ConstantContext(agent, found)


def _read(path: Path) -> Any:
    """Return an array, or None where there is none that can be read."""
    try:
        found = np.load(path, allow_pickle=False)
    except Exception:  # NumPy parses the header as Python: a damaged one may raise anything
        return None
    return found if found.ndim == 1 and np.isfinite(found).all() else None


def _keep(path: Path, inferred: Array) -> None:
    """Write an array; a directory that cannot be written to goes without."""
    if not path.parent.is_dir():  # an external agent has no checkpoint
        return
    temporary = path.with_name(f".{path.name}.writing")
    try:
        with temporary.open("wb") as file:
            np.save(file, inferred)
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
