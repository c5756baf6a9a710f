"""Environments: robots, perturbations, tasks, task sets, batched simulation, Gymnasium ids.

Importing this package registers every shipped task set with Gymnasium, as
`fastadapt/<task-set>-v<version>`. The names below, and MuJoCo, are imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fastadapt.envs.simulation.gl import choose_gl_backend
from fastadapt.envs.tasks.shipped import list_task_sets, register_gymnasium_ids
from fastadapt.errors import FastadaptError

if TYPE_CHECKING:
    from fastadapt.envs.batched_env import BatchedEnv, make_batch
    from fastadapt.envs.catalogue import find_environment, list_environments
    from fastadapt.envs.environment import Environment
    from fastadapt.envs.tasks.catalogue import load_task_set, nominal_task_set
    from fastadapt.envs.tasks.task import Task
    from fastadapt.envs.tasks.task_set import TaskSet

choose_gl_backend()  # before anything imports MuJoCo
register_gymnasium_ids()

_MODULES = {
    "BatchedEnv": "batched_env",
    "Environment": "environment",
    "Task": "tasks.task",
    "TaskSet": "tasks.task_set",
    "find_environment": "catalogue",
    "list_environments": "catalogue",
    "load_task_set": "tasks.catalogue",
    "make_batch": "batched_env",
    "nominal_task_set": "tasks.catalogue",
}

__all__ = [
    "BatchedEnv",
    "Environment",
    "FastadaptError",
    "Task",
    "TaskSet",
    "choose_gl_backend",
    "find_environment",
    "list_environments",
    "list_task_sets",
    "load_task_set",
    "make_batch",
    "nominal_task_set",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'fastadapt.envs' has no attribute '{name}'")
    found = getattr(importlib.import_module(f"fastadapt.envs.{_MODULES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
