"""Robots, perturbations, tasks, task sets, batched simulation, and the Gymnasium face.

Importing this package registers every shipped task set with Gymnasium, as
`fastadapt/<task-set>-v<version>`.
"""

from fastadapt.envs.rendering import choose_gl_backend  # first: it must precede MuJoCo's import
from fastadapt.envs.batched_env import BatchedEnv, make_batch
from fastadapt.envs.environment import Environment, find_environment, list_environments
from fastadapt.envs.errors import FastadaptError
from fastadapt.envs.registration import register
from fastadapt.envs.task import Task
from fastadapt.envs.task_set import TaskSet, list_task_sets, load_task_set

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
]
