"""Robots, perturbations, tasks, task sets, batched simulation, and the Gymnasium face.

Importing this package registers every shipped task set with Gymnasium, as
`fastadapt/<task-set>-v<version>`.
"""

from fastadapt.envs.gl import choose_gl_backend

choose_gl_backend()  # before anything imports MuJoCo

from fastadapt.envs.batched_env import BatchedEnv, make_batch  # noqa: E402
from fastadapt.envs.environment import Environment, find_environment, list_environments  # noqa: E402
from fastadapt.envs.errors import FastadaptError  # noqa: E402
from fastadapt.envs.registration import register  # noqa: E402
from fastadapt.envs.task import Task  # noqa: E402
from fastadapt.envs.task_set import (  # noqa: E402
    TaskSet,
    list_task_sets,
    load_task_set,
    nominal_task_set,
)

register()

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
