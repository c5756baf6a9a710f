"""Interfaces of agents: what every agent implements, what a trained one adds, and the options."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from fastadapt.agents.spec import AgentSpec, Context

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fastadapt.agents.config import AgentConfig
    from fastadapt.envs import BatchedEnv, TaskSet
    from fastadapt.envs.arrays import Array, Ids, Keys, Mask


@dataclass(frozen=True)
class Transition:
    """One control step of N robots; every field is `(N, ...)`.

    Attributes:
        observation: before the step.
        action: as commanded.
        reward: of the step.
        next_observation: after the step; the true last one where the episode ended.
        terminated: where the robot failed.
        truncated: where time was up, or the simulation diverged.
    """

    observation: Array
    action: Array
    reward: Array
    next_observation: Array
    terminated: Mask
    truncated: Mask

    @property
    def done(self) -> Mask:
        """Where the episode has ended, for whatever reason, `(N,)`."""
        return self.terminated | self.truncated


@runtime_checkable
class AdaptiveAgent(Protocol):
    """An agent that adapts within trials, batched over N simultaneous tasks.

    Episodes of one batch may end at different times. A robot whose episode has ended stays in the
    batch, its flags set, until `end_episode`; its transitions in between are to be ignored.

    An agent may have more than these methods: see the protocols below.
    """

    def begin(self, num_tasks: int) -> None:
        """Begin trials on N unknown tasks; forget everything about earlier ones."""

    def act(self, observation: Array, explore: bool) -> Array:
        """Return actions `(N, actions)` for observations `(N, observations)`.

        `explore` is true in shots; in measured episodes it is false and actions are deterministic.
        """
        ...

    def observe(self, transition: Transition) -> None:
        """Process the transition that the last action led to."""

    def end_episode(self, done: Mask) -> None:
        """Process the end of episodes `(N,)`; here an agent adapts between episodes."""

    def snapshot(self) -> Any:
        """Return everything that the agent has learned since `begin`."""

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot; nothing that came after it leaves a trace."""


@runtime_checkable
class KeyedExploration(Protocol):
    """Optional: exploration that is a function of the trial's key."""

    def key_exploration(self, keys: Keys) -> None:
        """Seed the exploration of each trial by its 64-bit key `(N,)`.

        Called right after `begin`. The actions of a trial then depend on its key, and not on the
        tasks that are measured beside it.
        """


@runtime_checkable
class AdaptsByGradient(Protocol):
    """Optional: gradient steps as the means of adaptation, charged by the ledger."""

    adaptation_gradient_steps: int
    """Gradient steps for each task, taken in trials so far."""


@runtime_checkable
class SwappableContext(Protocol):
    """Optional: per-task state that can be swapped between the tasks of a batch."""

    def swap_context(self, order: Ids) -> None:
        """Continue trial i with what was inferred in trial `order[i]`, `(N,)`."""


@runtime_checkable
class HoldsBelief(Protocol):
    """Optional: a Gaussian belief about each task."""

    @property
    def belief(self) -> tuple[Array, Array]:
        """Mean and standard deviation of the belief, `(N, latent)` each."""
        ...


@runtime_checkable
class SettableContext(Protocol):
    """Optional: inferences about tasks that can be set, which enables the constant-context control.

    They are whatever tells the agent's behaviour on one task from that on another: a belief, a
    memory, or adapted weights.
    """

    def inferred(self) -> Array:
        """Return what was inferred about each task, `(N, C)`."""
        ...

    def hold(self, inferred: Array) -> None:
        """Act on this about each task, `(N, C)`, until something else is inferred."""


@runtime_checkable
class FollowsActions(Protocol):
    """Optional: learning from actions that another policy commanded, as in a recording."""

    def follow(self, observation: Array, action: Array) -> None:
        """Take the place of `act` in a shot in which `action` `(N, actions)` was commanded."""
        ...


@runtime_checkable
class EmptiesMemory(Protocol):
    """Optional: a memory of control steps that can be emptied, which enables `--ablate memory`."""

    def empty_memory(self, where: Mask) -> None:
        """Empty the memory of robots `(N,)`; the other inputs of the next step stay."""


@runtime_checkable
class InfersAnytime(Protocol):
    """Optional: inference within an episode, which enables `--infer-every` and `--window`."""

    def infer_now(self, window: int) -> None:
        """Infer the tasks from the last control steps; `window` 0 means all of the trial."""


@runtime_checkable
class SeesContext(Protocol):
    """Optional: a declaration of whether observations end with the task's context."""

    context: Context
    """`visible` for oracles, else `hidden`."""


@runtime_checkable
class Named(Protocol):
    """Optional: a name for tables and plots."""

    name: str


@runtime_checkable
class Seeded(Protocol):
    """Optional: the seed that the agent was trained with."""

    seed: int


def agent_name(agent: object) -> str:
    """Return the name of an agent for tables: its `name`, or that of its class if it has none."""
    return str(agent.name) if isinstance(agent, Named) else type(agent).__name__


def agent_seed(agent: object) -> int:
    """Return the seed that an agent was trained with, 0 if it declares none."""
    return int(agent.seed) if isinstance(agent, Seeded) else 0


def agent_context(agent: object) -> Context:
    """Return whether an agent sees the context of its task, `hidden` if it declares nothing."""
    return agent.context if isinstance(agent, SeesContext) else "hidden"


def gradient_steps(agent: object) -> int:
    """Return how many gradient steps an agent has taken in trials, for each task."""
    return int(agent.adaptation_gradient_steps) if isinstance(agent, AdaptsByGradient) else 0


def needs_shots(agent: object) -> bool:
    """Return whether shots can change how an agent is measured; true if it declares nothing."""
    return bool(getattr(agent, "needs_shots", True))


def begin_trials(agent: AdaptiveAgent, keys: Keys) -> None:
    """Begin one trial for each key `(N,)`; the key seeds the exploration, if the agent takes it."""
    agent.begin(len(keys))
    if isinstance(agent, KeyedExploration):
        agent.key_exploration(keys)


@dataclass
class AgentState:
    """Content of a checkpoint: arrays and plain values.

    Attributes:
        model: what acting needs (weights, normalisers), by name.
        optimizer: what only further training needs, by name.
        values: plain values for JSON.
        replay: collected transitions, by name; only further training needs them, and they may be
            big.
    """

    model: dict[str, NDArray]
    optimizer: dict[str, NDArray]
    values: dict[str, Any]
    replay: dict[str, NDArray] = field(default_factory=dict)


class MetaLearner(ABC):
    """An agent that fastadapt trains; the base class of all shipped ones.

    A subclass declares `name` and `config_class` and implements `act`, `meta_train`, `state` and
    `load_state`. The other methods of an agent do nothing by default, which is right for a policy
    without a memory.

    Args:
        spec: of the robots.
        seed: of the weights, of training and of exploration.
        config: an instance of `config_class`.
    """

    name: ClassVar[str]
    """Name in commands and tables."""
    config_class: ClassVar[type[AgentConfig]]
    """Frozen dataclass of the settings; its docstring describes the agent in lists."""
    context: Context = "hidden"
    """Whether observations end with the task's context (oracles only)."""
    num_envs: int = 1
    """Number of robots that training needs."""
    adaptation_gradient_steps: int = 0
    """Gradient steps for each task, taken in trials so far."""
    needs_shots: bool = True
    """Whether shots can change its measured episodes; false for policies without a memory."""

    def __init__(self, spec: AgentSpec, seed: int, config: Any) -> None:
        self.spec = spec
        self.seed = seed
        self.config = config

    def begin(self, num_tasks: int) -> None:  # noqa: B027
        """Begin trials on N unknown tasks (default: nothing to forget)."""

    @abstractmethod
    def act(self, observation: Array, explore: bool) -> Array:
        """Return actions `(N, actions)`; see `AdaptiveAgent`."""

    def observe(self, transition: Transition) -> None:  # noqa: B027
        """Process a transition (default: ignore it)."""

    def end_episode(self, done: Mask) -> None:  # noqa: B027
        """Process the end of episodes `(N,)` (default: nothing)."""

    def snapshot(self) -> Any:
        """Return everything learned since `begin` (default: nothing)."""
        return None

    def restore(self, snapshot: Any) -> None:  # noqa: B027
        """Return to a snapshot (default: nothing)."""

    @abstractmethod
    def meta_train(self, envs: BatchedEnv, task_set: TaskSet, iteration: int) -> dict[str, float]:
        """Run one iteration of meta-training and return named metrics.

        Everything random in it is a function of (seed, iteration), so that a resumed run continues
        bit for bit. `env_steps` and `return_mean` are always among the metrics, and
        `seconds_simulating` where the time is known.
        """

    @abstractmethod
    def state(self) -> AgentState:
        """Return the content of a checkpoint."""

    @abstractmethod
    def load_state(self, state: AgentState) -> None:
        """Return to what `state` gave.

        Raises:
            FastadaptError: the state is that of another agent.
        """
