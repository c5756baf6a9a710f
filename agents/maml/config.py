"""Settings of MAML; imports nothing heavy."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Literal

from pydantic import Field

from fastadapt.agents.config import (
    AgentConfig,
    Count,
    Discount,
    LogStd,
    NonNegativeFloat,
    PositiveFloat,
    settings,
)


@settings
class InnerConfig:
    """Settings of the inner loop: adaptation to one task."""

    steps: Annotated[int, Field(ge=1, le=5)] = 1
    """Inner steps in training, each on fresh episodes (1 to 5)."""
    learning_rate: PositiveFloat = 1.0
    """Size of an inner step (where they are learned: at the start)."""
    learned_rates: bool = True
    """Learn the step size of every parameter (Meta-SGD, Li et al. 2017)."""
    rate_speed: PositiveFloat = 1.0
    """Learning speed of the step sizes relative to that of the parameters, in units of
    `learning_rate`; fast ones drift before their gradient carries any signal."""
    lam: Annotated[float, Field(ge=0, le=1)] = 0.95
    """Trace decay of the advantages of an inner step."""
    signal: Literal["advantages", "learned"] = "learned"
    """Use advantages alone, or add a learned advantage to them (NoRML, Yang et al. 2019)."""
    unit: Literal["noise", "parameters"] = "noise"
    """noise: gradients are multiplied by the policy's variance (averaged over actions), so that a
    step changes what the policy does by the same share of its noise, however quiet it has become.
    parameters: they are taken as they are; a quiet policy's are as much greater."""
    objective: Literal["likelihood-ratio", "log-likelihood"] = "likelihood-ratio"
    """The ratio's curvature credits the sampling before the step (Rothfuss et al. 2019)."""
    order: Literal["first", "second"] = "second"
    """Order of the meta-gradient: `second` differentiates through the inner gradient."""


@settings
class OuterConfig:
    """Settings of the outer loop: meta-training."""

    method: Literal["ppo", "trpo"] = "ppo"
    """ppo: clipped ratios and Adam (ProMP, Rothfuss et al. 2019). trpo: as Finn et al. 2017."""
    stages: Literal["all", "adapted", "last"] = "all"
    """Policies whose return is maximised: the policies' before and after every inner step (so that
    the 0-shot return is as high as it can be, and a gain means adaptation to the task),
    after every step, or after the last one alone (Finn et al. 2017)."""
    learning_rate: PositiveFloat = 3e-3
    """ppo: step size of Adam at the start."""
    final_learning_rate: PositiveFloat = 3e-4
    """ppo: step size at the last planned iteration (linear in between)."""
    epochs: Count = 4
    """ppo: passes over the tasks of an iteration."""
    minibatches: Count = 4
    """ppo: gradient steps in a pass."""
    clip: PositiveFloat = 0.2
    """ppo: limit of the likelihood ratio's departure from 1."""
    inner_kl: NonNegativeFloat = 5e-4
    """ppo: weight of the KL divergence of the policies that sampled the inner steps' episodes."""
    gradient_limit: PositiveFloat = 0.5
    """ppo: largest norm of a gradient."""
    kl_stop: PositiveFloat = 0.3
    """ppo: KL divergence of the counted policies beyond which an iteration's passes end early."""
    kl_limit: PositiveFloat = 0.01
    """trpo: limit of the KL divergence of the adapted policies."""
    conjugate_steps: Count = 10
    """trpo: Fisher-vector products for a direction."""
    fisher_stride: Count = 5
    """trpo: every how many states one is used for the Fisher-vector product."""


@settings
class MAMLConfig(AgentConfig):
    """A policy that takes a policy-gradient step after each shot (Finn et al. 2017)."""

    tasks: Count = 32
    """Tasks of an iteration."""
    episodes: Count = 5
    """Episodes on each task for one inner step (Finn et al. 2017: 20); in a trial every shot, one
    episode, counts as that share of a step."""
    width: Count = 64
    """Width of the two hidden layers."""
    log_std: LogStd = -0.5
    """Logarithm of the exploration noise at the start, in units of the policy's output."""
    least_log_std: Annotated[float, Field(ge=-3)] = -1.25
    """Its lower limit: a shot without noise carries little information about the task."""
    action_scale: PositiveFloat = 1.0
    """Share of the actuators' range that one unit of the policy's output commands."""
    gamma: Discount = 0.95
    """Discount per control step."""
    lam: Discount = 0.95
    """Trace decay of the advantage estimates."""
    baseline_trust: NonNegativeFloat = 20.0
    """Weight of the baseline of all tasks, in steps of a task's own data."""
    inner: InnerConfig = field(default_factory=InnerConfig)
    """Settings of the inner loop: adaptation to one task."""
    outer: OuterConfig = field(default_factory=OuterConfig)
    """Settings of the outer loop: meta-training."""

    def __post_init__(self) -> None:
        if self.outer.method == "ppo" and self.tasks < self.outer.minibatches:
            raise ValueError(
                f"tasks = {self.tasks} is too small a batch: it must be at least "
                f"outer.minibatches = {self.outer.minibatches}."
            )
        if self.outer.method == "trpo" and self.inner.signal == "learned":
            raise ValueError(
                'outer.method = "trpo" cannot train a learned advantage; it must be inner.signal = '
                '"advantages", or outer.method = "ppo".'
            )
        if self.least_log_std > self.log_std:
            raise ValueError(
                f"least_log_std = {self.least_log_std}; it must be at least -3 and at most log_std "
                f"= {self.log_std}."
            )
