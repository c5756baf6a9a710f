"""Agents without a memory: what adaptation has to beat, and what it may hope for."""

from __future__ import annotations

from typing import ClassVar

from fastadapt.agents.config import AgentConfig
from fastadapt.agents.onpolicy.agent import OnPolicyAgent
from fastadapt.agents.onpolicy.config import InformedConfig
from fastadapt.agents.spec import Context
from fastadapt.agents.training_tasks import all_laws, draw_tasks
from fastadapt.envs import Task, TaskSet


class Nominal(OnPolicyAgent):
    """A policy trained on the healthy robot alone: the floor."""

    name: ClassVar[str] = "nominal-continuing"
    needs_shots: bool = False

    def training_tasks(self, task_set: TaskSet, count: int, start: int) -> list[Task]:
        """Return the unperturbed task for all robots."""
        return [task_set.nominal] * count


class DomainRandomised(OnPolicyAgent):
    """One policy for all training tasks, without a memory (Tobin et al. 2017)."""

    name: ClassVar[str] = "domain-randomised-continuing"
    needs_shots: bool = False


class Informed(OnPolicyAgent):
    """A policy that sees the parameters of its task, trained on the training tasks alone."""

    name: ClassVar[str] = "informed"
    needs_shots: bool = False
    config_class: ClassVar[type[AgentConfig]] = InformedConfig
    context: Context = "visible"


class Oracle(OnPolicyAgent):
    """A policy that sees the parameters of its task, trained on the laws of all tests too."""

    name: ClassVar[str] = "oracle-continuing"
    needs_shots: bool = False
    context: Context = "visible"

    def training_tasks(self, task_set: TaskSet, count: int, start: int) -> list[Task]:
        """Return tasks from the laws of training and of all tests, in turn."""
        return draw_tasks(task_set, all_laws(task_set), count, self.seed, start=start)
