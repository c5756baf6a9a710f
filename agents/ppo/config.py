"""Settings of RL², of the memoryless baselines and of fine-tuning; imports nothing heavy."""

from __future__ import annotations

from dataclasses import field

from fastadapt.agents.config import Count, PositiveFloat, PPOAgentConfig, settings


@settings
class RL2Config(PPOAgentConfig):
    """A recurrent policy whose memory is its learning algorithm (Duan et al. 2016, section 2)."""

    reward_input: bool = True
    """Whether it sees the previous reward; a robot outside of simulation has none."""


@settings
class NominalConfig(PPOAgentConfig):
    """A policy trained on the healthy robot only: the baseline that has never seen any damage."""


@settings
class DomainRandomisedConfig(PPOAgentConfig):
    """One memoryless policy for all training tasks: domain randomisation (Tobin et al. 2017)."""


@settings
class OracleConfig(PPOAgentConfig):
    """A policy that observes the parameters of its task: privileged information."""


@settings
class TuningConfig:
    """Settings of the gradient steps after a shot."""

    gradient_steps: Count = 10
    """Gradient steps after each shot, on all shots of the trial so far."""
    learning_rate: PositiveFloat = 1e-4
    """Step size of Adam; the best of 0.0001, 0.0003, 0.001 and 0.003 on `validation` of
    reacher-damage."""


@settings
class FineTuneConfig(PPOAgentConfig):
    """A domain-randomised policy that PPO fine-tunes on its task (Mandi et al. 2022)."""

    tuning: TuningConfig = field(default_factory=TuningConfig)
    """Settings of the gradient steps after a shot."""
