"""Memoryless baselines: nominal, domain randomisation, oracle."""

from __future__ import annotations

from typing import ClassVar

from fastadapt.agents.config import AgentConfig
from fastadapt.agents.ppo.agent import PPOAgent
from fastadapt.agents.ppo.config import DomainRandomisedConfig, NominalConfig, OracleConfig
from fastadapt.agents.spec import Context
from fastadapt.agents.training_tasks import all_laws, draw_tasks
from fastadapt.envs import Task, TaskSet


class Nominal(PPOAgent):
    """PPO on the healthy robot only: the nominal baseline, which has never seen any damage."""

    name: ClassVar = "nominal"
    needs_shots: bool = False
    config_class: ClassVar[type[AgentConfig]] = NominalConfig
    memory: ClassVar = False

    def training_tasks(self, task_set: TaskSet, count: int, iteration: int) -> list[Task]:
        """Return the unperturbed task for all robots."""
        return [task_set.nominal] * count


class DomainRandomised(PPOAgent):
    """PPO on the same tasks without any memory: one policy for all of them (Tobin et al. 2017).

    It sees the observation alone, so that it can only be robust, never adapt.
    """

    name: ClassVar = "domain-randomised"
    needs_shots: bool = False
    config_class: ClassVar[type[AgentConfig]] = DomainRandomisedConfig
    memory: ClassVar = False


class Oracle(PPOAgent):
    """PPO that sees the parameters of the task: privileged information."""

    name: ClassVar = "oracle"
    needs_shots: bool = False
    config_class: ClassVar[type[AgentConfig]] = OracleConfig
    memory: ClassVar = False
    context: Context = "visible"

    def training_tasks(self, task_set: TaskSet, count: int, iteration: int) -> list[Task]:
        """Return new tasks from the laws of training and of all tests, in turn."""
        return draw_tasks(task_set, all_laws(task_set), count, self.seed, start=iteration * count)
