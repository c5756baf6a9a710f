"""PEARL's soft actor-critic without a belief: the strictest control of what its inference adds."""

from __future__ import annotations

from typing import ClassVar

from fastadapt.agents.config import AgentConfig
from fastadapt.agents.pearl.agent import PEARL
from fastadapt.agents.pearl.config import SACAgentConfig
from fastadapt.agents.spec import Context
from fastadapt.agents.training_tasks import all_laws, draw_tasks
from fastadapt.envs import Task, TaskSet

_ORACLE_TASKS = 400


class NominalSAC(PEARL):
    """Our soft actor-critic on the healthy robot only: the nominal baseline."""

    name: ClassVar[str] = "nominal-sac"
    needs_shots: bool = False
    config_class: ClassVar[type[AgentConfig]] = SACAgentConfig

    def training_tasks(self, task_set: TaskSet) -> list[Task]:
        """Return the unperturbed task for all robots."""
        return [task_set.nominal] * self._task_count()

    def _task_count(self) -> int:
        return self.config.num_envs


class DomainRandomisedSAC(PEARL):
    """Our soft actor-critic on the training tasks, without any memory: one policy for all.

    In training its critics, and they alone, see the parameters of the task (Pinto et al. 2018,
    "Asymmetric actor critic"). Critics that do not take the damage of a robot for the fault of its
    actions, and the policy becomes timid.
    """

    asymmetric_critic: ClassVar[bool] = True
    name: ClassVar[str] = "domain-randomised-sac"
    needs_shots: bool = False
    config_class: ClassVar[type[AgentConfig]] = SACAgentConfig


class OracleSAC(PEARL):
    """Our soft actor-critic that sees the parameters of the task: the ceiling."""

    name: ClassVar[str] = "oracle-sac"
    needs_shots: bool = False
    config_class: ClassVar[type[AgentConfig]] = SACAgentConfig
    context: Context = "visible"

    def training_tasks(self, task_set: TaskSet) -> list[Task]:
        """Return new tasks from the laws of training and of all tests, in turn."""
        return draw_tasks(task_set, all_laws(task_set), self._task_count(), self.seed)

    def _task_count(self) -> int:
        return self.config.num_tasks or _ORACLE_TASKS
