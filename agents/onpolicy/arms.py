"""Agents without a memory: what adaptation has to beat, and what it may hope for."""

from __future__ import annotations

from typing import ClassVar, Literal

from fastadapt.agents.onpolicy.agent import OnPolicyAgent
from fastadapt.agents.training_tasks import all_laws, draw_tasks
from fastadapt.envs import Task, TaskSet


class Healthy(OnPolicyAgent):
    """A policy that has only ever seen the healthy robot: the floor."""

    name: ClassVar[str] = "healthy"

    def training_tasks(self, task_set: TaskSet, count: int, start: int) -> list[Task]:
        """Return the unperturbed task for all robots."""
        return [task_set.nominal] * count


class Robust(OnPolicyAgent):
    """One policy for all training tasks, without a memory (Tobin et al. 2017)."""

    name: ClassVar[str] = "robust"


class Informed(OnPolicyAgent):
    """A policy that sees the parameters of its task, trained on the training tasks alone."""

    name: ClassVar[str] = "informed"
    context: Literal["hidden", "visible"] = "visible"


class Ceiling(Informed):
    """A policy that sees the parameters of its task, trained on the laws of all tests too."""

    name: ClassVar[str] = "ceiling"

    def training_tasks(self, task_set: TaskSet, count: int, start: int) -> list[Task]:
        """Return tasks from the laws of training and of all tests, in turn."""
        return draw_tasks(task_set, all_laws(task_set), count, self.seed, start=start)
