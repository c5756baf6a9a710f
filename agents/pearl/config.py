"""Settings of PEARL; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from fastadapt.agents.config import AgentConfig, check_numbers


@dataclass(frozen=True)
class SACConfig:
    """Settings of the update."""

    gradient_steps: int = 500
    """Gradient steps in an iteration, each of encoder, critics, policy and temperature."""
    tasks: int = 16
    """Tasks in a gradient step."""
    batch: int = 32
    """Transitions of each of them for the critics and the policy."""
    context: int = 64
    """Transitions of each of them for the encoder, from the task's latest trial."""
    learning_rate: float = 1e-3
    """Step size of Adam."""
    gamma: float = 0.95
    """Discount per control step."""
    tau: float = 0.01
    """How far the target critics go towards the critics in each gradient step."""
    kl_weight: float = 0.001
    """Weight of the belief's divergence from the prior, summed over the latent and averaged over
    tasks, against the critics' squared error, summed over the two and averaged over transitions."""
    prior_share: float = 0.125
    """Share of a gradient step's tasks that learn on a z of the prior, not of their belief: so that
    first shots act on what critics and policy know."""
    entropy: float = -1.0
    """Entropy of the policy that the temperature aims at, for each action."""

    def __post_init__(self) -> None:
        check_numbers(self)
        for name in ("gradient_steps", "tasks", "batch", "context", "learning_rate", "tau"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} = {getattr(self, name)}; it must be positive.")
        if not 0 < self.gamma < 1:
            raise ValueError(f"gamma = {self.gamma}; it must be in (0, 1).")
        if not 0 <= self.prior_share < 1:
            raise ValueError(f"prior_share = {self.prior_share}; it must be in [0, 1).")
        if self.tau > 1:
            raise ValueError(f"tau = {self.tau}; it must be at most 1.")
        if self.kl_weight < 0:
            raise ValueError(f"kl_weight = {self.kl_weight}; it must be at least 0.")


@dataclass(frozen=True)
class PEARLConfig(AgentConfig):
    """Settings of PEARL."""

    scheduled: ClassVar[bool] = False

    num_envs: int = 50
    """Robots that collect at once, each on a training task of its own."""
    num_tasks: int = 0
    """Training tasks, drawn by the seed (0: the frozen training tasks of the task set)."""
    episodes: int = 2
    """Episodes of a collected trial: the first on the prior, the others on what it believes."""
    latent: int = 8
    """Size of the latent variable."""
    encoder: Literal["product", "mean", "none"] = "product"
    """How transitions make a belief: a product of Gaussians, a mean of features, or not at all
    (multi-task SAC without adaptation, for comparison)."""
    explore: Literal["sample", "mean"] = "sample"
    """What shots act on: a sample of the belief for each episode, or its mean."""
    width: int = 128
    """Width of the hidden layers of policy and critics."""
    layers: int = 2
    """Their number."""
    encoder_width: int = 64
    """Width of the hidden layers of the encoder."""
    encoder_layers: int = 2
    """Their number."""
    replay: int = 20_000
    """Transitions kept of each training task."""
    sac: SACConfig = field(default_factory=SACConfig)
    """Settings of the update."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_least(
            num_envs=1, num_tasks=0, episodes=1, latent=1, width=1, layers=1,
            encoder_width=1, encoder_layers=1, replay=1,
        )  # fmt: skip
        for name, allowed in {
            "encoder": ("product", "mean", "none"),
            "explore": ("sample", "mean"),
        }.items():
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"{name} = {getattr(self, name)!r}; it must be one of {', '.join(allowed)}."
                )
        if self.sac.context > self.replay:
            raise ValueError(
                f"sac.context = {self.sac.context}; it must be at most replay = {self.replay}, the "
                "transitions that are kept of a task."
            )


@dataclass(frozen=True)
class PlainSACConfig(SACConfig):
    """Settings of the update where nothing is believed."""

    prior_share: float = 0.0
    """Share of a gradient step's tasks that learn on a random z: none."""


@dataclass(frozen=True)
class SACAgentConfig(PEARLConfig):
    """Settings of soft actor-critic without a belief, else PEARL's own."""

    episodes: int = 1
    """Episodes of every robot in an iteration, on one task."""
    num_envs: int = 100
    """Robots that collect at once, each on a training task of its own."""
    encoder: Literal["none"] = "none"
    """It believes nothing."""
    latent: int = 1
    """Size of the latent variable, which is always 0."""
    sac: PlainSACConfig = field(default_factory=PlainSACConfig)
    """Settings of the update."""
