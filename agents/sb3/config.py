"""Settings of the agents that Stable-Baselines3 trains off-policy; imports nothing heavy."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fastadapt.agents.config import (
    AgentConfig,
    Count,
    Discount,
    NonNegativeInt,
    OpenDiscount,
    PositiveFloat,
    PPOAgentConfig,
    settings,
)


@settings
class RecurrentConfig(PPOAgentConfig):
    """An independent RL²: an LSTM policy that `RecurrentPPO` of sb3-contrib trains on trials."""

    reward_input: bool = True
    """Whether it sees the previous reward; a robot outside of simulation has none."""


@settings
class SB3SACConfig(AgentConfig):
    """Settings of soft actor-critic."""

    num_envs: Count = 64
    """Robots trained on at once, each on a task of its own."""
    episodes: Count = 1
    """Episodes of every robot in an iteration."""
    width: Count = 128
    """Width of the two hidden layers of policy and critics."""
    learning_rate: PositiveFloat = 1e-3
    """Step size of Adam."""
    gamma: OpenDiscount = 0.95
    """Discount per control step."""
    tau: Discount = 0.01
    """Step of the target critics towards the critics in each gradient step, in (0, 1]."""
    batch: Annotated[int, Field(ge=2)] = 512
    """Transitions in a gradient step."""
    gradient_steps: Count = 2
    """Gradient steps for each control step of all robots together."""
    temperature: PositiveFloat = 0.1
    """Weight of the entropy at the start, in units of a reward's standard deviation; it is learned,
    and from far above what is needed that takes thousands of gradient steps."""
    warm_up: NonNegativeInt = 10_000
    """Transitions with random actions before learning begins."""
    replay: Count = 1_000_000
    """Transitions that are kept."""

    def __post_init__(self) -> None:
        if self.replay < max(self.num_envs, self.warm_up):
            raise ValueError(
                f"replay = {self.replay}; it must hold the warm-up and a step of all robots, "
                f"{max(self.num_envs, self.warm_up)} transitions."
            )
