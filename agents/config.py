"""Settings shared by the agents; light to import, for the command line."""

from __future__ import annotations

import functools
from dataclasses import field
from typing import Annotated, Any, ClassVar, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from fastadapt.errors import FastadaptError

T = TypeVar("T")

Count = Annotated[int, Field(ge=1, le=1_000_000)]
"""A size or a number of repetitions; larger ones are slips, refused before memory is taken."""
PositiveFloat = Annotated[float, Field(gt=0, le=1e9)]
NonNegativeInt = Annotated[int, Field(ge=0, le=10**9)]
NonNegativeFloat = Annotated[float, Field(ge=0, le=1e9)]
Number = Annotated[float, Field(ge=-1e9, le=1e9)]
"""A number of a size that a 32-bit network can hold and multiply."""
LogStd = Annotated[float, Field(ge=-20, le=10)]
"""Logarithm of a standard deviation."""
Discount = Annotated[float, Field(gt=0, le=1)]
"""Discount or trace decay, in (0, 1]."""
OpenDiscount = Annotated[float, Field(gt=0, lt=1)]
"""Discount of an off-policy critic, in (0, 1)."""


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def settings(cls: type[T]) -> type[T]:
    """Make a frozen dataclass that checks types and bounds of its values, and that all are finite.

    An impossible value raises a `FastadaptError` of one sentence. No type is converted to another.
    """
    strict = ConfigDict(strict=True, allow_inf_nan=False)
    checked: Any = dataclass(frozen=True, config=strict)(cls)
    validate = checked.__init__

    @functools.wraps(validate)
    def initialise(self: T, *args: Any, **values: Any) -> None:
        try:
            validate(self, *args, **values)
        except ValidationError as error:
            raise FastadaptError(_refusal(error)) from None

    checked.__init__ = initialise
    return checked


def _refusal(error: ValidationError) -> str:
    """Return the sentence about the first impossible value."""
    first = error.errors()[0]
    if first["type"] == "value_error":  # raised by a `__post_init__`
        return str(first.get("ctx", {})["error"])
    name = ".".join(str(part) for part in first["loc"])
    wanted = first["msg"].replace("Input should be", "it must be")
    if first["type"] == "dataclass_exact_type":
        wanted = "it must be a table of settings"
    return f"{name} = {first['input']!r}; {wanted}."


@settings
class PPOConfig:
    """Settings of the update; the defaults are what worked on the shipped task sets."""

    learning_rate: PositiveFloat = 2e-3
    """Step size of Adam at the start."""
    final_learning_rate: PositiveFloat = 2e-4
    """Step size at the last planned iteration (linear in between)."""
    gamma: Discount = 0.95
    """Discount per control step."""
    lam: Discount = 0.95
    """Trace decay of the advantage estimates."""
    clip: PositiveFloat = 0.2
    """Limit of the likelihood ratio's departure from 1."""
    epochs: Count = 4
    """Passes over the trials of an iteration."""
    minibatches: Count = 4
    """Gradient steps in a pass."""
    sequence: Count = 100
    """Length of truncated back-propagation through time [control steps]; a longer trial is cut into
    pieces, each of which starts from the memory that it had in the rollout."""
    entropy_bonus: Number = 0.0
    """Weight of the policy's entropy."""
    value_weight: Number = 0.5
    """Weight of the critic's loss."""
    gradient_limit: PositiveFloat = 0.5
    """Largest norm of a gradient."""


@settings
class AgentConfig:
    """Base class of the settings of every agent; runs fill it in."""

    scheduled: ClassVar[bool] = True
    """Training depends on the planned number of iterations."""

    planned_iterations: NonNegativeInt = 0
    """Iteration at which schedules end (0: at the end of the run)."""

    def value_at(self, first: float, last: float, iteration: int) -> float:
        """Return a value that goes from `first` to `last`, linearly, over the planned iterations.

        Outside of a run there is no end in sight, and the value stays what it is at first.
        """
        if not self.planned_iterations:
            return first
        return first + min(iteration / self.planned_iterations, 1.0) * (last - first)


@settings
class PPOAgentConfig(AgentConfig):
    """Settings of an agent that PPO trains on trials."""

    num_envs: Count = 128
    """Robots trained on at once, each on a task of its own."""
    episodes: Count = 2
    """Episodes in a trial."""
    width: Count = 128
    """Width of the hidden layers, and of the memory."""
    log_std: LogStd = -0.5
    """Logarithm of the exploration noise at the start."""
    ppo: PPOConfig = field(default_factory=PPOConfig)
    """Settings of the update."""

    def learning_rate_at(self, iteration: int) -> float:
        """Return the step size of an iteration."""
        return self.value_at(self.ppo.learning_rate, self.ppo.final_learning_rate, iteration)
