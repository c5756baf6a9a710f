"""A robot fast-adaptation suite: declare what can go wrong, meta-train on it, measure the recovery.

The rooms are `fastadapt.envs` (robots, perturbations, tasks, batched simulation),
`fastadapt.agents` (meta-learners and baselines) and `fastadapt.adaptation` (trials, training,
evaluation, reports, command line). The names below are imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastadapt.adaptation import evaluate, load_run, train
    from fastadapt.agents import list_agents, make_agent
    from fastadapt.envs import (
        FastadaptError,
        list_environments,
        list_task_sets,
        load_task_set,
        make_batch,
    )

__version__ = "0.2.0"

_ROOMS = {
    "FastadaptError": "envs",
    "evaluate": "adaptation",
    "list_agents": "agents",
    "list_environments": "envs",
    "list_task_sets": "envs",
    "load_run": "adaptation",
    "load_task_set": "envs",
    "make_agent": "agents",
    "make_batch": "envs",
    "train": "adaptation",
}

__all__ = [
    "FastadaptError",
    "__version__",
    "evaluate",
    "list_agents",
    "list_environments",
    "list_task_sets",
    "load_run",
    "load_task_set",
    "make_agent",
    "make_batch",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'fastadapt' has no attribute '{name}'")
    return getattr(importlib.import_module(f"fastadapt.{_ROOMS[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
