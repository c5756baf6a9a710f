"""Settings of on-policy agents; imports nothing heavy."""

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
    NonNegativeInt,
    Number,
    PositiveFloat,
    settings,
)

Share = Annotated[float, Field(gt=0, lt=1)]


@settings
class UpdateConfig:
    """Settings of the update; some 20 gradient steps for 4,096 control steps."""

    learning_rate: PositiveFloat = 1e-3
    """Step size of Adam at the start."""
    final_learning_rate: PositiveFloat = 1e-4
    """Step size at the last planned iteration (`schedule` "linear")."""
    schedule: Literal["linear", "kl"] = "linear"
    """How the step size goes on: "linear", or "kl", which keeps the policy's change near `kl`."""
    kl: PositiveFloat = 0.01
    """Kullback-Leibler divergence that a gradient step may reach (`schedule` "kl") [nats]."""
    gamma: Discount = 0.99
    """Discount per control step."""
    lam: Discount = 0.95
    """Trace decay of the advantage estimates."""
    clip: PositiveFloat = 0.2
    """Limit of the likelihood ratio's departure from 1."""
    epochs: Count = 5
    """Passes over the control steps of an iteration."""
    minibatches: Count = 4
    """Gradient steps in a pass."""
    entropy_bonus: Number = 0.0
    """Weight of the policy's entropy."""
    value_weight: NonNegativeFloat = 0.5
    """Weight of the critic's squared error."""
    context_weight: NonNegativeFloat = 0.0
    """Weight of the squared error of the task's parameters as read from the memory."""
    gradient_limit: PositiveFloat = 1.0
    """Largest norm of a gradient."""


@settings
class OnPolicyConfig(AgentConfig):
    """Settings of an agent that PPO trains on continuing rollouts."""

    num_envs: Count = 64
    """Robots trained on at once, each on a task of its own."""
    steps: Count = 64
    """Control steps of each robot in an iteration."""
    trial: PositiveFloat = 2.0
    """Length of a trial, in episodes that last to the time limit; it ends with the first episode
    that reaches it."""
    returns: Literal["episode", "trial"] = "episode"
    """How far the return reaches: over the "episode", or over the episodes of the "trial"."""
    falls_end_returns: bool = True
    """Whether nothing follows a fall, within a trial too (`returns` "trial")."""
    curriculum: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Share of the planned training over which robots are healthy at first and less and less often
    (0: all tasks follow the task set from the start)."""
    reward_floor: Number | None = None
    """Least reward of a control step that training counts (None: all count in full). Where living
    badly costs more than a fall, an untrained policy learns to fall early; with a floor of 0 it
    does not (`only_positive_rewards` in legged_gym, Rudin et al. 2022). Scores keep all rewards."""
    informed_critic: bool = True
    """Whether the critic, and it alone, sees the parameters of the task (Pinto et al. 2018)."""
    burn_in: NonNegativeInt = 0
    """Control steps before an iteration over which the memory is brought up to date with the
    weights [control steps]."""
    width: Count = 128
    """Width of the hidden layers, and of the memory."""
    log_std: LogStd = -0.7
    """Logarithm of the exploration noise at the start."""
    update: UpdateConfig = field(default_factory=UpdateConfig)
    """Settings of the update."""

    def __post_init__(self) -> None:
        if self.burn_in > self.steps:
            raise ValueError(f"burn_in = {self.burn_in}; it must be at most steps = {self.steps}.")

    def eased_tasks(self, horizon: int) -> float:
        """Return the number of tasks after which no robot is healthy by the curriculum.

        Args:
            horizon: control steps of an episode that lasts to the time limit.
        """
        steps = self.planned_iterations * self.steps * self.num_envs
        return self.curriculum * steps / (self.trial * horizon)

    def learning_rate_at(self, iteration: int) -> float:
        """Return the step size of an iteration under the linear schedule."""
        return self.value_at(self.update.learning_rate, self.update.final_learning_rate, iteration)


@settings
class ContinuingRL2Config(OnPolicyConfig):
    """RL² on continuing rollouts: a recurrent policy whose memory is its learning algorithm."""

    reward_input: bool = True
    """Whether it sees the previous reward; a robot outside of simulation has none."""


@settings
class InformedConfig(OnPolicyConfig):
    """A policy that sees the parameters of its task, trained on the training tasks alone."""


@settings
class WindowConfig(OnPolicyConfig):
    """A memoryless policy that sees the last observations and actions of its trial."""

    frames: Count = 10
    """Control steps of the past that the policy sees."""


@settings
class StudentConfig:
    """Settings of a student that learns to act as its teacher does."""

    steps: Count = 128
    """Control steps of each robot in an iteration."""
    burn_in: NonNegativeInt = 32
    """First control steps of a sequence that teach nothing: its memory was made by older weights
    [control steps]."""
    lessons: Count = 8
    """Iterations whose control steps are kept and learned from."""
    gradient_steps: Count = 40
    """Gradient steps in an iteration."""
    robots: Count = 32
    """Sequences in a gradient step."""
    learning_rate: PositiveFloat = 1e-3
    """Step size of Adam at the start."""
    final_learning_rate: PositiveFloat = 1e-4
    """Step size at the last planned iteration (linear in between)."""
    noise: NonNegativeFloat = 0.1
    """Standard deviation of the exploration noise, in units of the actions."""
    led: NonNegativeFloat = 0.1
    """Share of the student's iterations in which the teacher leads some robots; fewer and fewer."""
    context_weight: NonNegativeFloat = 0.1
    """Weight of the squared error of the task's parameters as read from the memory."""

    def __post_init__(self) -> None:
        if not 0 <= self.burn_in < self.steps:
            raise ValueError(f"burn_in = {self.burn_in}; it must be in [0, {self.steps}).")


@settings
class RMAConfig(AgentConfig):
    """A student that acts, from what it sees, as a teacher does that is told the task (RMA)."""

    num_envs: Count = 64
    """Robots trained on at once, each on a task of its own."""
    teacher_share: Share = 0.6
    """Share of the iterations in which the teacher is trained; the rest is the student's."""
    trial: PositiveFloat = 1.0
    """Length of the student's trials, in episodes that last to the time limit."""
    width: Count = 128
    """Width of the student's layers and memory."""
    teacher: OnPolicyConfig = field(default_factory=OnPolicyConfig)
    """Settings of the teacher; it has as many robots as the student."""
    student: StudentConfig = field(default_factory=StudentConfig)
    """Settings of the student's learning."""

    @property
    def teacher_iterations(self) -> int:
        """How many iterations the teacher is trained for."""
        return max(1, round(self.teacher_share * self.planned_iterations))
