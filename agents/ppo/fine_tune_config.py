"""Settings of fine-tuning; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastadapt.agents.config import PPOAgentConfig, check_numbers


@dataclass(frozen=True)
class TuningConfig:
    """What happens after a shot."""

    gradient_steps: int = 10
    """Gradient steps after each shot, on all shots of the trial so far."""
    learning_rate: float = 1e-4
    """Step size of Adam; the best of 0.0001, 0.0003, 0.001 and 0.003 on `validation` of
    reacher-damage."""

    def __post_init__(self) -> None:
        check_numbers(self)
        for name in ("gradient_steps", "learning_rate"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} = {getattr(self, name)}; it must be positive.")


@dataclass(frozen=True)
class FineTuneConfig(PPOAgentConfig):
    """Settings of an agent that is trained by PPO and goes on learning on its task."""

    tuning: TuningConfig = field(default_factory=TuningConfig)
    """Settings of what happens after a shot."""
