"""Settings of the agents; imports nothing heavy, so that the command line can show them fast."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, ClassVar, cast


@dataclass(frozen=True)
class PPOConfig:
    """Settings of the update; the defaults are what worked on the shipped task sets."""

    learning_rate: float = 2e-3
    """Step size of Adam at the start."""
    final_learning_rate: float = 2e-4
    """Step size at the last planned iteration (linear in between)."""
    gamma: float = 0.95
    """Discount per control step."""
    lam: float = 0.95
    """Trace decay of the advantage estimates."""
    clip: float = 0.2
    """Limit of the likelihood ratio's departure from 1."""
    epochs: int = 4
    """Passes over the trials of an iteration."""
    minibatches: int = 4
    """Gradient steps in a pass."""
    sequence: int = 100
    """Longest stretch that is back-propagated through [control steps]; longer trials are cut, each
    piece beginning with the memory that it had in the rollout."""
    entropy_bonus: float = 0.0
    """Weight of the policy's entropy."""
    value_weight: float = 0.5
    """Weight of the critic's loss."""
    gradient_limit: float = 0.5
    """Largest norm of a gradient."""

    def __post_init__(self) -> None:
        check_numbers(self)
        positive = (
            "learning_rate",
            "final_learning_rate",
            "clip",
            "epochs",
            "minibatches",
            "sequence",
            "gradient_limit",
        )
        for name in positive:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} = {getattr(self, name)}; it must be positive.")
        for name in ("gamma", "lam"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} = {getattr(self, name)}; it must be in (0, 1].")


@dataclass(frozen=True)
class AgentConfig:
    """What the settings of every agent begin with; runs fill it in."""

    scheduled: ClassVar[bool] = True
    """Whether training depends on how many iterations are planned."""

    planned_iterations: int = 0
    """When schedules have come to their end (0: at the end of the run)."""

    def __post_init__(self) -> None:
        check_numbers(self)
        self.check_least(planned_iterations=0)

    def check_least(self, **least: int) -> None:
        """Refuse settings that are below the least possible value.

        Raises:
            ValueError: one is.
        """
        for name, value in least.items():
            if getattr(self, name) < value:
                raise ValueError(f"{name} = {getattr(self, name)}; it must be at least {value}.")


@dataclass(frozen=True)
class PPOAgentConfig(AgentConfig):
    """Settings of an agent that is trained by PPO on trials."""

    num_envs: int = 128
    """Robots trained on at once, each on a task of its own."""
    episodes: int = 2
    """Episodes in a trial."""
    width: int = 128
    """Width of the hidden layers, and of the memory."""
    log_std: float = -0.5
    """Logarithm of the exploration noise at the start."""
    ppo: PPOConfig = field(default_factory=PPOConfig)
    """Settings of the update."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_least(num_envs=1, episodes=1, width=1)

    def learning_rate_at(self, iteration: int) -> float:
        """Return the step size of an iteration."""
        first, last = self.ppo.learning_rate, self.ppo.final_learning_rate
        if not self.planned_iterations:  # trained outside of a run: no end in sight
            return first
        return first + min(iteration / self.planned_iterations, 1.0) * (last - first)


def check_numbers(config: Any) -> None:
    """Refuse what is no finite number, and fractions where whole numbers belong.

    Raises:
        ValueError: a setting of the dataclass is of the wrong kind.
    """
    for entry in fields(config):
        value = getattr(config, entry.name)
        if is_dataclass(entry.default_factory):
            if not isinstance(value, cast("type", entry.default_factory)):
                raise ValueError(f"{entry.name} = {value!r}; it must be a table of settings.")
        elif isinstance(value, str) and isinstance(entry.default, str):
            continue  # a choice: its own class knows which there are
        elif isinstance(value, bool) and entry.type == "bool":
            continue
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{entry.name} = {value!r}; it must be a number.")
        elif not math.isfinite(value):
            raise ValueError(f"{entry.name} = {value}; it must be finite.")
        elif entry.type == "int" and not isinstance(value, int):
            raise ValueError(f"{entry.name} = {value}; it must be a whole number.")
