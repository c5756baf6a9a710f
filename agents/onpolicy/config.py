"""Settings of on-policy agents; imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastadapt.agents.config import AgentConfig, check_numbers

SCHEDULES = ("linear", "kl")
RETURNS = ("episode", "trial")


@dataclass(frozen=True)
class UpdateConfig:
    """Settings of the update; some 20 gradient steps for 4,096 control steps."""

    learning_rate: float = 1e-3
    """Step size of Adam at the start."""
    final_learning_rate: float = 1e-4
    """Step size at the last planned iteration (`schedule` "linear")."""
    schedule: str = "linear"
    """How the step size goes on: "linear", or "kl", which keeps the policy's change near `kl`."""
    kl: float = 0.01
    """Kullback-Leibler divergence that a gradient step may reach (`schedule` "kl") [nats]."""
    gamma: float = 0.99
    """Discount per control step."""
    lam: float = 0.95
    """Trace decay of the advantage estimates."""
    clip: float = 0.2
    """Limit of the likelihood ratio's departure from 1."""
    epochs: int = 5
    """Passes over the control steps of an iteration."""
    minibatches: int = 4
    """Gradient steps in a pass."""
    entropy_bonus: float = 0.0
    """Weight of the policy's entropy."""
    value_weight: float = 0.5
    """Weight of the critic's squared error."""
    context_weight: float = 0.0
    """Weight of the squared error of the task's parameters as read from the memory."""
    gradient_limit: float = 1.0
    """Largest norm of a gradient."""

    def __post_init__(self) -> None:
        check_numbers(self)
        if self.schedule not in SCHEDULES:
            raise ValueError(f"schedule = {self.schedule!r}; choose from {', '.join(SCHEDULES)}.")
        positive = ("learning_rate", "final_learning_rate", "kl", "clip", "epochs", "minibatches")
        for name in (*positive, "gradient_limit"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} = {getattr(self, name)}; it must be positive.")
        for name in ("gamma", "lam"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"{name} = {getattr(self, name)}; it must be in (0, 1].")


@dataclass(frozen=True)
class OnPolicyConfig(AgentConfig):
    """Settings of an agent that is trained by PPO on continuing rollouts."""

    num_envs: int = 64
    """Robots trained on at once, each on a task of its own."""
    steps: int = 64
    """Control steps of each robot in an iteration."""
    trial: float = 2.0
    """Length of a trial, in episodes that last to the time limit; it ends with the first episode
    that reaches it."""
    returns: str = "episode"
    """How far the return reaches: over the "episode", or over the episodes of the "trial"."""
    falls_end_returns: bool = True
    """Whether nothing follows a fall, within a trial too (`returns` "trial")."""
    informed_critic: bool = True
    """Whether the critic, and it alone, sees the parameters of the task (Pinto et al. 2018)."""
    burn_in: int = 0
    """Control steps before an iteration over which the memory is brought up to date with the
    weights [control steps]."""
    width: int = 128
    """Width of the hidden layers, and of the memory."""
    log_std: float = -0.7
    """Logarithm of the exploration noise at the start."""
    update: UpdateConfig = field(default_factory=UpdateConfig)
    """Settings of the update."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_least(num_envs=1, steps=1, burn_in=0, width=1)
        if self.burn_in > self.steps:
            raise ValueError(f"burn_in = {self.burn_in}; it must be at most steps = {self.steps}.")
        if self.trial <= 0:
            raise ValueError(f"trial = {self.trial}; it must be positive.")
        if self.returns not in RETURNS:
            raise ValueError(f"returns = {self.returns!r}; choose from {', '.join(RETURNS)}.")

    def scheduled_rate(self, iteration: int) -> float:
        """Return the step size of an iteration under the linear schedule."""
        first, last = self.update.learning_rate, self.update.final_learning_rate
        if not self.planned_iterations:
            return first
        return first + min(iteration / self.planned_iterations, 1.0) * (last - first)


@dataclass(frozen=True)
class WindowConfig(OnPolicyConfig):
    """Settings of a policy on a window of the past."""

    frames: int = 10
    """Control steps of the past that the policy sees."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_least(frames=1)


@dataclass(frozen=True)
class StudentConfig:
    """Settings of a student that learns to act as its teacher does."""

    steps: int = 128
    """Control steps of each robot in an iteration."""
    burn_in: int = 32
    """First control steps of a sequence that teach nothing: its memory was made by older weights
    [control steps]."""
    lessons: int = 8
    """Iterations whose control steps are kept and learned from."""
    gradient_steps: int = 40
    """Gradient steps in an iteration."""
    robots: int = 32
    """Sequences in a gradient step."""
    learning_rate: float = 1e-3
    """Step size of Adam at the start."""
    final_learning_rate: float = 1e-4
    """Step size at the last planned iteration (linear in between)."""
    noise: float = 0.1
    """Standard deviation of the exploration noise, in units of the actions."""
    led: float = 0.1
    """Share of the student's iterations in which the teacher leads some robots; fewer and fewer."""
    context_weight: float = 0.1
    """Weight of the squared error of the task's parameters as read from the memory."""

    def __post_init__(self) -> None:
        check_numbers(self)
        counts = ("steps", "lessons", "gradient_steps", "robots")
        for name in (*counts, "learning_rate", "final_learning_rate"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} = {getattr(self, name)}; it must be positive.")
        if not 0 <= self.burn_in < self.steps:
            raise ValueError(f"burn_in = {self.burn_in}; it must be in [0, {self.steps}).")


@dataclass(frozen=True)
class RMAConfig(AgentConfig):
    """Settings of a student and of the teacher that sees the parameters of the task."""

    num_envs: int = 64
    """Robots trained on at once, each on a task of its own."""
    teacher_share: float = 0.6
    """Share of the iterations in which the teacher is trained; the rest is the student's."""
    trial: float = 1.0
    """Length of the student's trials, in episodes that last to the time limit."""
    width: int = 128
    """Width of the student's layers and memory."""
    teacher: OnPolicyConfig = field(default_factory=OnPolicyConfig)
    """Settings of the teacher; it has as many robots as the student."""
    student: StudentConfig = field(default_factory=StudentConfig)
    """Settings of the student's learning."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_least(num_envs=1, width=1)
        if not 0 < self.teacher_share < 1:
            raise ValueError(f"teacher_share = {self.teacher_share}; it must be in (0, 1).")
        if self.trial <= 0:
            raise ValueError(f"trial = {self.trial}; it must be positive.")

    @property
    def teacher_iterations(self) -> int:
        """How many iterations the teacher is trained for."""
        return max(1, round(self.teacher_share * self.planned_iterations))
