"""Settings of the agents that Stable-Baselines3 trains off-policy; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass

from fastadapt.agents.config import AgentConfig


@dataclass(frozen=True)
class SB3SACConfig(AgentConfig):
    """Settings of soft actor-critic."""

    num_envs: int = 64
    """Robots trained on at once, each on a task of its own."""
    episodes: int = 1
    """Episodes of every robot in an iteration."""
    width: int = 128
    """Width of the two hidden layers of policy and critics."""
    learning_rate: float = 1e-3
    """Step size of Adam."""
    gamma: float = 0.95
    """Discount per control step."""
    tau: float = 0.01
    """How far the target critics go towards the critics in each gradient step."""
    batch: int = 512
    """Transitions in a gradient step."""
    gradient_steps: int = 2
    """Gradient steps for each control step of all robots together."""
    temperature: float = 0.1
    """Weight of the entropy at the start, in units of a reward's standard deviation; it is learned,
    and from far above what is needed that takes thousands of gradient steps."""
    warm_up: int = 10_000
    """Transitions with random actions before learning begins."""
    replay: int = 1_000_000
    """Transitions that are kept."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_least(
            num_envs=1, episodes=1, width=1, batch=2, gradient_steps=1, warm_up=0, replay=1
        )
        if self.learning_rate <= 0:
            raise ValueError(f"learning_rate = {self.learning_rate}; it must be positive.")
        if self.temperature <= 0:
            raise ValueError(f"temperature = {self.temperature}; it must be positive.")
        if not 0 < self.gamma < 1:
            raise ValueError(f"gamma = {self.gamma}; it must be in (0, 1).")
        if not 0 < self.tau <= 1:
            raise ValueError(f"tau = {self.tau}; it must be in (0, 1].")
        if self.replay < max(self.num_envs, self.warm_up):
            raise ValueError(
                f"replay = {self.replay}; it must hold the warm-up and a step of all robots, "
                f"{max(self.num_envs, self.warm_up)} transitions."
            )
