"""Environments: robots, perturbations, tasks, task sets, batched simulation, Gymnasium ids.

Importing this package registers every shipped task set with Gymnasium, as
`fastadapt/<task-set>-v<version>`.
"""

from fastadapt.envs.simulation.gl import choose_gl_backend

choose_gl_backend()  # before anything imports MuJoCo

from fastadapt.envs.batched_env import BatchedEnv, make_batch  # noqa: E402
from fastadapt.envs.catalogue import find_environment, list_environments  # noqa: E402
from fastadapt.envs.environment import Environment  # noqa: E402
from fastadapt.envs.gymnasium_env import register  # noqa: E402
from fastadapt.envs.tasks.catalogue import list_task_sets, load_task_set, nominal_task_set  # noqa: E402
from fastadapt.envs.tasks.task import Task  # noqa: E402
from fastadapt.envs.tasks.task_set import TaskSet  # noqa: E402
from fastadapt.errors import FastadaptError  # noqa: E402

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
