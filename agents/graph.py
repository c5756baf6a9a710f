"""An agent's acting as one graph of tensors, which a controller runs in the agent's place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import nn

Floats = NDArray[np.float32]

OBSERVATION, LAST, ACTION, REWARD, START = (
    "observation",
    "last_observation",
    "previous_action",
    "previous_reward",
    "episode_start",
)
BLOCKS = {
    OBSERVATION: "what the robot's sensors say now",
    LAST: "what they said at the end of the last control step: the same as `observation`, but at "
    "the first step of an episode the last one before the reset (at the first step of all: zeros)",
    ACTION: "actions of the last control step, zeros at the first step of a trial; they stay over "
    "falls and resets",
    REWARD: "reward of the last control step, 0 at the first step of a trial; it stays over falls "
    "and resets",
    START: "1 at the first control step after a reset, also the very first; else 0",
}
"""Parts that the input `obs` of a graph can have, and what a controller writes into them."""


RECALLS = (
    "Its memory is its learning algorithm: it adapts within and across episodes, without a "
    "gradient step."
)
"""How recurrent agents adapt."""


@dataclass(frozen=True)
class Block:
    """A part of the input `obs`.

    Attributes:
        name: one of `BLOCKS`.
        size: how many numbers.
        initial: its content at the first control step, `(size,)`; of an observation: zeros.
    """

    name: str
    size: int
    initial: tuple[float, ...] = ()


@dataclass(frozen=True)
class Memory:
    """State that a controller hands back from one control step to the next.

    It enters as `NAME_in` and leaves as `NAME_out`.

    Attributes:
        name: `h`, `c`.
        initial: at the first control step, `(layers, 1, hidden)`; zeros where nothing is known of
            the robot.
    """

    name: str
    initial: Floats


@dataclass(frozen=True)
class Graph:
    """What an agent computes in a control step with deterministic actions, for one robot.

    Attributes:
        module: takes `obs` `(N, inputs)` and each memory `(layers, N, hidden)`, returns actions
            `(N, actions)` and each memory.
        blocks: parts of `obs`, in order.
        memories: in order.
        adapts: how its actions come to suit the robot, in a sentence.
        samples: control steps or transitions behind the normaliser's statistics.
        told: how many entries at the end of the observation are parameters of the task.
    """

    module: nn.Module
    blocks: tuple[Block, ...]
    memories: tuple[Memory, ...] = ()
    adapts: str = "It does not adapt."
    samples: float = 0.0
    told: int = 0

    @property
    def inputs(self) -> int:
        """Size of `obs`."""
        return sum(block.size for block in self.blocks)

    @property
    def needs_reward(self) -> bool:
        """Whether the controller has to know the reward."""
        return any(block.name == REWARD for block in self.blocks)


@dataclass(frozen=True)
class BeliefGraphs:
    """An agent's belief and acting as two graphs.

    Attributes:
        belief: takes transitions `(n, columns)` of a robot, returns mean and standard deviation of
            the belief, `(1, latent)` each.
        columns: parts of a transition, name and size, in order.
        policy: takes `obs` `(N, observations)` and `z` `(N, latent)`, returns actions.
        latent: size of the latent variable.
    """

    belief: nn.Module
    columns: tuple[tuple[str, int], ...]
    policy: nn.Module
    latent: int


@runtime_checkable
class HasGraph(Protocol):
    """Optional: an agent whose acting can be exported."""

    def graph(self) -> Graph:
        """Return acting on robot 0 as a graph, from what is known of it between two episodes."""
        ...


@runtime_checkable
class HasBeliefGraphs(Protocol):
    """Optional: an agent whose belief can be exported beside its policy."""

    def belief_graphs(self) -> BeliefGraphs:
        """Return inference and acting as two graphs."""
        ...


def blocks_of(sizes: Iterable[tuple[str, int]], **initial: NDArray) -> tuple[Block, ...]:
    """Return blocks by name and size, those named in `initial` with that content at first."""
    return tuple(
        Block(name, size, tuple(float(x) for x in initial[name]) if name in initial else ())
        for name, size in sizes
        if size
    )


def adapted(steps: int, kind: str) -> str:
    """Return the sentence about a policy that gradient steps have adapted, or not."""
    if not steps:
        return "It is the policy before adaptation, and adapts no further in the controller."
    many = f"{steps} {kind}s" if steps > 1 else f"1 {kind}"
    return f"It is adapted by {many}, and adapts no further in the controller."
