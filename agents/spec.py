"""Description of the robots that an agent acts on: channels, limits and times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from fastadapt.envs import TaskSet
    from fastadapt.envs.arrays import Array
    from fastadapt.envs.environment import Channel

Context = Literal["hidden", "visible"]


@dataclass(frozen=True)
class AgentSpec:
    """Everything about a task set that the construction of an agent needs.

    Attributes:
        observations: channels of the observation: name, unit and bounds of each entry.
        actions: channels of the action, with the limits of each actuator.
        parameters: names of the task parameters, the entries of a task's context.
        horizon: control steps of an episode.
        control_step: duration of a control step [s].
        training_tasks: number of frozen training tasks.
    """

    observations: tuple[Channel, ...]
    actions: tuple[Channel, ...]
    parameters: tuple[str, ...]
    horizon: int
    control_step: float
    training_tasks: int

    @staticmethod
    def of(task_set: TaskSet) -> AgentSpec:
        """Return the description of the robots of a task set."""
        environment = task_set.environment
        return AgentSpec(
            observations=tuple(environment.observations),
            actions=environment.actions(),
            parameters=tuple(task_set.names),
            horizon=environment.horizon,
            control_step=environment.control_step(),
            training_tasks=len(task_set.tasks("train")),
        )

    @property
    def action_low(self) -> Array:
        """The smallest action, `(actions,)`."""
        return np.array([channel.low for channel in self.actions])

    @property
    def action_high(self) -> Array:
        """The largest action, `(actions,)`."""
        return np.array([channel.high for channel in self.actions])

    def observation_size(self, context: Context) -> int:
        """Return the size of an observation, which ends with the context where it is visible."""
        visible = len(self.parameters) if context == "visible" else 0
        return len(self.observations) + visible
