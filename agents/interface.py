"""What every agent implements, so that one protocol can train, measure and watch them all."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

from numpy.typing import NDArray

from fastadapt.envs import BatchedEnv, TaskSet
from fastadapt.envs.arrays import Array, Mask


@dataclass(frozen=True)
class Transition:
    """One control step of N robots; every field is `(N, ...)`.

    Attributes:
        observation: what the agent saw.
        action: what it commanded.
        reward: what it got.
        next_observation: what it saw then; the true last one where the episode ended.
        terminated: where the robot failed.
        truncated: where time was up, or the simulation diverged.
    """

    observation: Array
    action: Array
    reward: Array
    next_observation: Array
    terminated: Mask
    truncated: Mask


@runtime_checkable
class AdaptiveAgent(Protocol):
    """An agent that lives through trials, batched over N simultaneous tasks.

    Episodes of one batch may end at different times. A robot whose episode has ended stays in the
    batch, its flags set, until `end_episode`; what is observed of it in between is to be ignored.

    An agent that takes gradient steps to adapt counts them (for each task) in an attribute
    `adaptation_gradient_steps`; the ledger charges those that its shots take.

    An agent that explores at random may have a method `key_exploration(keys)`. It is called right
    after `begin` with a 64-bit key `(N,)` for each robot's trial; what the agent tries in a trial
    should then be a function of its key, whichever tasks are measured beside it.
    """

    def begin(self, num_tasks: int) -> None:
        """Face N new, unknown tasks: forget everything about earlier ones."""

    def act(self, observation: Array, explore: bool) -> Array:
        """Return actions `(N, actions)` for observations `(N, observations)`.

        `explore` is true in shots; in measured episodes it is false and actions are deterministic.
        """
        ...

    def observe(self, transition: Transition) -> None:
        """Take note of what came of the last action."""

    def end_episode(self, done: Mask) -> None:
        """Note where `(N,)` episodes ended; this is where an agent adapts between episodes."""

    def snapshot(self) -> Any:
        """Return all that the agent has learned since `begin`."""

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot, so that what came after it leaves no trace."""


def agent_name(agent: Any) -> str:
    """Return what an agent is called in tables: its `name`, or that of its class if it has none."""
    return str(getattr(agent, "name", type(agent).__name__))


@dataclass
class AgentState:
    """All that a checkpoint holds of an agent, in arrays and plain values.

    Attributes:
        model: what acting needs (weights, normalisers), by name.
        optimizer: what only further training needs, by name.
        values: plain values for JSON.
        replay: what it lived through, by name; only further training needs it, and it may be big.
    """

    model: dict[str, NDArray]
    optimizer: dict[str, NDArray]
    values: dict[str, Any]
    replay: dict[str, NDArray] = field(default_factory=dict)


class MetaLearner(AdaptiveAgent, Protocol):
    """An agent that fastadapt trains."""

    name: ClassVar[str]
    """What it is called in commands and tables."""
    config_class: ClassVar[type[Any]]
    """Frozen dataclass of its settings."""
    context: Literal["hidden", "visible"]
    """Whether its observations end with the task's context (oracles only)."""
    num_envs: int
    """How many robots it trains on at once."""

    def __init__(self, task_set: TaskSet, seed: int, config: Any) -> None: ...

    def meta_train(self, envs: BatchedEnv, task_set: TaskSet, iteration: int) -> dict[str, float]:
        """Run one iteration of meta-training and return named metrics.

        Everything random in it is a function of (seed, iteration), so that a resumed run goes on
        bit for bit. `env_steps`, `return_mean` and `seconds_simulating` are always among the
        metrics.
        """
        ...

    def state(self) -> AgentState:
        """Return everything that a checkpoint has to hold."""
        ...

    def load_state(self, state: AgentState) -> None:
        """Return to what `state` gave."""
