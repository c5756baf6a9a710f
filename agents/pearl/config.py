"""Settings of PEARL; imports nothing heavy."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from fastadapt.agents.config import (
    AgentConfig,
    Count,
    Discount,
    NonNegativeFloat,
    NonNegativeInt,
    Number,
    OpenDiscount,
    PositiveFloat,
    settings,
)

Share = Annotated[float, Field(ge=0, lt=1)]


@settings
class SACConfig:
    """Settings of the update."""

    gradient_steps: Count = 500
    """Gradient steps in an iteration, each of encoder, critics, policy and temperature."""
    tasks: Count = 16
    """Tasks in a gradient step."""
    batch: Count = 32
    """Transitions of each of them for the critics and the policy."""
    context: Count = 64
    """Transitions of each of them for the encoder, from the task's latest trial."""
    learning_rate: PositiveFloat = 1e-3
    """Step size of Adam."""
    gamma: OpenDiscount = 0.95
    """Discount per control step."""
    tau: Discount = 0.01
    """Step of the target critics towards the critics in each gradient step, in (0, 1]."""
    kl_weight: NonNegativeFloat = 0.001
    """Weight of the belief's KL divergence from the prior, summed over the latent and averaged over
    tasks, against the critics' squared error, summed over the two and averaged over transitions."""
    prior_share: Share = 0.125
    """Share of a gradient step's tasks that learn on a z of the prior, not of their belief: so that
    first shots act on what critics and policy know."""
    entropy: Number = -1.0
    """Entropy of the policy that the temperature aims at, for each action."""


@settings
class PEARLConfig(AgentConfig):
    """A policy conditioned on an inferred belief about its task (Rakelly et al. 2019)."""

    scheduled: ClassVar[bool] = False

    num_envs: Count = 50
    """Robots that collect at once, each on a training task of its own."""
    num_tasks: NonNegativeInt = 0
    """Training tasks, drawn by the seed (0: the frozen training tasks of the task set)."""
    episodes: Count = 2
    """Episodes of a collected trial: the first on the prior, the others on what it believes."""
    latent: Count = 8
    """Size of the latent variable."""
    encoder: Literal["product", "mean", "none"] = "product"
    """Form of the belief: a product of Gaussians, a mean of features, or none
    (multi-task SAC without adaptation, for comparison)."""
    reward_input: bool = True
    """Whether the encoder sees rewards; a robot outside of simulation has none."""
    explore: Literal["sample", "mean"] = "sample"
    """Latent variable of shots: a sample of the belief for each episode, or its mean."""
    width: Count = 128
    """Width of the hidden layers of policy and critics."""
    layers: Count = 2
    """Their number."""
    encoder_width: Count = 64
    """Width of the hidden layers of the encoder."""
    encoder_layers: Count = 2
    """Their number."""
    replay: Count = 20_000
    """Transitions kept of each training task."""
    sac: SACConfig = field(default_factory=SACConfig)
    """Settings of the update."""

    def __post_init__(self) -> None:
        if self.sac.context > self.replay:
            raise ValueError(
                f"sac.context = {self.sac.context}; it must be at most replay = {self.replay}, the "
                "transitions that are kept of a task."
            )


@settings
class PlainSACConfig(SACConfig):
    """Settings of the update without a belief."""

    prior_share: Share = 0.0
    """Share of a gradient step's tasks that learn on a random z: none."""


@settings
class SACAgentConfig(PEARLConfig):
    """Our soft actor-critic without a belief, else with the settings of PEARL."""

    episodes: Count = 1
    """Episodes of every robot in an iteration, on one task."""
    num_envs: Count = 100
    """Robots that collect at once, each on a training task of its own."""
    encoder: Literal["none"] = "none"
    """It believes nothing."""
    latent: Count = 1
    """Size of the latent variable, which is always 0."""
    sac: PlainSACConfig = field(default_factory=PlainSACConfig)
    """Settings of the update."""
