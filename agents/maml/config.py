"""Settings of MAML; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fastadapt.agents.config import AgentConfig, check_numbers


@dataclass(frozen=True)
class InnerConfig:
    """How the policy adapts to one task."""

    steps: int = 1
    """Inner steps in training, each on fresh episodes (1 to 5)."""
    learning_rate: float = 1.0
    """Size of an inner step (where they are learned: at the start)."""
    learned_rates: bool = True
    """Learn the step size of every parameter (Meta-SGD, Li et al. 2017)."""
    rate_speed: float = 1.0
    """How much faster than parameters the step sizes are learned, in units of `learning_rate`;
    fast ones wander off into noise before there is anything to learn from them."""
    lam: float = 0.95
    """Trace decay of the advantages that an inner step goes by."""
    signal: Literal["advantages", "learned"] = "learned"
    """Go by advantages alone, or add what is learned to add to them (NoRML, Yang et al. 2019)."""
    unit: Literal["noise", "parameters"] = "noise"
    """noise: gradients are multiplied by the policy's variance (averaged over actions), so that a
    step changes what the policy does by the same share of its noise, however quiet it has become.
    parameters: they are taken as they are; a quiet policy's are as much greater."""
    objective: Literal["likelihood-ratio", "log-likelihood"] = "likelihood-ratio"
    """The ratio's curvature credits the sampling before the step (Rothfuss et al. 2019)."""
    order: Literal["first", "second"] = "second"
    """Whether the meta-gradient goes through the inner gradient."""

    def __post_init__(self) -> None:
        check_numbers(self)
        if not 1 <= self.steps <= 5:
            raise ValueError(
                f"steps = {self.steps}; inner steps must be 1 to 5. An agent that never adapts is "
                "'domain-randomised'."
            )
        for name in ("learning_rate", "rate_speed"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} = {getattr(self, name)}; it must be positive.")
        if not 0 <= self.lam <= 1:
            raise ValueError(f"lam = {self.lam}; it must be in [0, 1].")
        check_choice("objective", self.objective, ("likelihood-ratio", "log-likelihood"))
        check_choice("unit", self.unit, ("noise", "parameters"))
        check_choice("signal", self.signal, ("advantages", "learned"))
        check_choice("order", self.order, ("first", "second"))


@dataclass(frozen=True)
class OuterConfig:
    """How the meta-parameters are improved."""

    method: Literal["ppo", "trpo"] = "ppo"
    """ppo: clipped ratios and Adam (ProMP, Rothfuss et al. 2019). trpo: as Finn et al. 2017."""
    stages: Literal["all", "adapted", "last"] = "all"
    """Whose return is raised: the policies' before and after every inner step (so that 0 shots are
    worth what they can be, and a gain means that the step found something out about the task),
    after every step, or after the last one alone (Finn et al. 2017)."""
    learning_rate: float = 3e-3
    """ppo: step size of Adam at the start."""
    final_learning_rate: float = 3e-4
    """ppo: step size at the last planned iteration (linear in between)."""
    epochs: int = 4
    """ppo: passes over the tasks of an iteration."""
    minibatches: int = 4
    """ppo: gradient steps in a pass."""
    clip: float = 0.2
    """ppo: limit of the likelihood ratio's departure from 1."""
    inner_kl: float = 5e-4
    """ppo: weight of the divergence of the policies that sampled the inner steps' episodes."""
    gradient_limit: float = 0.5
    """ppo: largest norm of a gradient."""
    kl_stop: float = 0.3
    """ppo: divergence of the counted policies beyond which an iteration's passes end early."""
    kl_limit: float = 0.01
    """trpo: limit of the divergence of the adapted policies."""
    conjugate_steps: int = 10
    """trpo: Fisher-vector products for a direction."""
    fisher_stride: int = 5
    """trpo: every how many states one is used for the Fisher-vector product."""

    def __post_init__(self) -> None:
        check_numbers(self)
        check_choice("method", self.method, ("ppo", "trpo"))
        check_choice("stages", self.stages, ("all", "adapted", "last"))
        for name in (
            *("learning_rate", "final_learning_rate", "epochs", "minibatches", "clip"),
            *("gradient_limit", "kl_stop", "kl_limit", "conjugate_steps", "fisher_stride"),
        ):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} = {getattr(self, name)}; it must be positive.")
        if self.inner_kl < 0:
            raise ValueError(f"inner_kl = {self.inner_kl}; it must be at least 0.")


@dataclass(frozen=True)
class MAMLConfig(AgentConfig):
    """Settings of MAML; the defaults are what worked on the shipped task sets."""

    tasks: int = 32
    """Tasks of an iteration."""
    episodes: int = 5
    """Episodes on each task for one inner step (Finn et al. 2017: 20); in a trial every shot, one
    episode, is worth that share of a step."""
    width: int = 64
    """Width of the two hidden layers."""
    log_std: float = -0.5
    """Logarithm of the exploration noise at the start, in units of the policy's output."""
    least_log_std: float = -1.25
    """Its least value: a shot without noise tells little, and steps in units of it lead nowhere."""
    action_scale: float = 1.0
    """Share of the actuators' range that one unit of the policy's output stands for."""
    gamma: float = 0.95
    """Discount per control step."""
    lam: float = 0.95
    """Trace decay of the advantage estimates."""
    baseline_trust: float = 20.0
    """How many steps of a task's own data the baseline of all tasks outweighs."""
    inner: InnerConfig = field(default_factory=InnerConfig)
    """How the policy adapts to one task."""
    outer: OuterConfig = field(default_factory=OuterConfig)
    """How the meta-parameters are improved."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_least(tasks=1, episodes=1, width=1)
        if self.outer.method == "ppo" and self.tasks < self.outer.minibatches:
            raise ValueError(
                f"tasks = {self.tasks} is too small a batch: it must be at least "
                f"outer.minibatches = {self.outer.minibatches}."
            )
        if self.outer.method == "trpo" and self.inner.signal == "learned":
            raise ValueError(
                'outer.method = "trpo" improves no learned signal; it must be inner.signal = '
                '"advantages", or outer.method = "ppo".'
            )
        for name in ("gamma", "lam"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} = {getattr(self, name)}; it must be in (0, 1].")
        if not -3 <= self.least_log_std <= self.log_std:
            raise ValueError(
                f"least_log_std = {self.least_log_std}; it must be at least -3 and at most log_std "
                f"= {self.log_std}."
            )
        if self.action_scale <= 0 or self.baseline_trust < 0:
            raise ValueError("action_scale must be positive, baseline_trust must be at least 0.")


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse what is not among the choices.

    Raises:
        ValueError: it is not.
    """
    if value not in choices:
        raise ValueError(f"{name} = {value!r}; it must be one of {', '.join(choices)}.")
