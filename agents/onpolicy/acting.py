"""Acting by a policy over trials: what it sees, remembers and forgets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fastadapt.agents.interface import Transition
from fastadapt.agents.onpolicy.history import History
from fastadapt.agents.onpolicy.networks import Policy
from fastadapt.agents.onpolicy.scales import Scales
from fastadapt.agents.rollout.exploration import ExplorationNoise
from fastadapt.envs import FastadaptError, Task, TaskSet
from fastadapt.envs.arrays import Array, Mask
from fastadapt.envs.rng import key_of


@dataclass
class Memory:
    """State of N robots within their trials, in use.

    Attributes:
        hidden: the policy's memory, `(N, memory)`.
        history: seen beside the observation.
        ended: whose episode has ended, `(N,)`.
    """

    hidden: Tensor
    history: History
    ended: Mask

    def copy(self) -> Memory:
        """Return a copy; no array is changed in place."""
        return replace(self, history=self.history.copy())


class PolicyAgent:
    """An agent that acts by a Gaussian policy, with or without a memory; subclasses train it.

    Attributes:
        policy: what acts.
        scales: make its inputs.
        limits: smallest and largest action, `(actions,)` each.
    """

    context: Literal["hidden", "visible"] = "hidden"
    recurrent: ClassVar[bool] = False
    """Whether the policy has a memory."""
    sees: ClassVar[tuple[str, ...]] = ()
    """What of the history the policy sees, of `SIGHTS`."""

    def __init__(
        self, task_set: TaskSet, seed: int, width: int, log_std: float, gamma: float
    ) -> None:
        self.seed = seed
        self.adaptation_gradient_steps = 0  # it adapts by remembering alone
        cls = task_set.environment
        self.parameters = len(task_set.names)
        self.observations = len(cls.observations) + self.parameters * (self.context == "visible")
        limits = np.array([(action.low, action.high) for action in cls.actions()])
        self.limits = limits.T[0], limits.T[1]
        self.actions = len(limits)
        torch.manual_seed(key_of(seed, "weights") % 2**63)
        self.policy = Policy(self.inputs(), self.actions, width, self.recurrent, log_std)
        self.scales = Scales(self.observations, gamma)
        self._noise = ExplorationNoise(seed, self.actions)
        self.begin(1)

    @property
    def window(self) -> int:
        """How many control steps of the past the policy sees at once."""
        return 0

    def inputs(self) -> int:
        """Return the size of the policy's input."""
        sizes = {"action": self.actions, "reward": 1, "start": 1}
        sizes["frames"] = self.window * (self.observations + self.actions + 1)
        return self.observations + sum(sizes[name] for name in self.sees)

    def training_tasks(self, task_set: TaskSet, count: int, start: int) -> list[Task]:
        """Return the training tasks `start` to `start + count`."""
        return task_set.sample("train", count, self.seed, start=start)

    def begin(self, num_tasks: int) -> None:
        """Face N new tasks with an empty memory."""
        history = History.empty(num_tasks, self.observations, self.actions, self.window)
        ended = np.zeros(num_tasks, bool)
        self._memory = Memory(self.policy.initial(num_tasks), history, ended)
        self._noise.begin(num_tasks)

    def key_exploration(self, keys: NDArray[np.uint64]) -> None:
        """Make the exploration noise of each trial a function of its key `(N,)`."""
        self._noise.key(keys)

    @torch.no_grad()
    def act(self, observation: Array, explore: bool) -> Array:
        """Return the mean action, or a sample of the policy to explore."""
        memory = self._memory
        inputs = self.scales.inputs(observation, memory.history, self.sees)
        output = self.policy(inputs[None], memory.hidden)
        ended = torch.from_numpy(memory.ended)[:, None]
        memory.hidden = torch.where(ended, memory.hidden, output.hidden)
        action = output.mean[0].numpy().astype(np.float64)
        if explore:
            action = action + self.policy.log_std.detach().exp().numpy() * self._noise.draw()
        return np.clip(action, *self.limits)

    def observe(self, transition: Transition) -> None:
        """Remember a control step of every robot whose episode still ran."""
        memory, lived = self._memory, ~self._memory.ended
        memory.history.add(transition.observation, transition.action, transition.reward, lived)
        self._noise.advance(lived)
        memory.ended = memory.ended | transition.terminated | transition.truncated

    def end_episode(self, done: Mask) -> None:
        """Flag the next step as the first of an episode; the memory carries on."""
        self._memory.history.begin_episode(done)
        self._memory.ended = self._memory.ended & ~done

    def snapshot(self) -> Any:
        """Return the memory of the trial so far, and the state of the exploration noise."""
        return self._memory.copy(), self._noise.snapshot()

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        memory, noise = snapshot
        self._memory = memory.copy()
        self._noise.restore(noise)

    def exchange(self, order: NDArray[np.int64]) -> None:
        """Give robot i the memory of robot `order[i]`."""
        memory = self._memory
        memory.hidden = memory.hidden[torch.from_numpy(order)]
        memory.history = memory.history.reordered(order)


def weights_of(modules: dict[str, nn.Module]) -> dict[str, NDArray]:
    """Return the weights of several modules by name."""
    return {
        f"{part}.{name}": value.numpy().copy()
        for part, module in modules.items()
        for name, value in module.state_dict().items()
    }


def load_weights(modules: dict[str, nn.Module], arrays: dict[str, NDArray]) -> None:
    """Give several modules what `weights_of` gave.

    Raises:
        FastadaptError: the weights are those of other networks.
    """
    try:
        for part, module in modules.items():
            weights = under(f"{part}.", arrays)
            module.load_state_dict({k: torch.from_numpy(v) for k, v in weights.items()})
    except RuntimeError:
        raise FastadaptError(
            "The checkpoint's weights do not fit this agent: its task set, its width or the "
            "version of fastadapt that wrote it is another one."
        ) from None


def under(prefix: str, arrays: dict[str, NDArray]) -> dict[str, NDArray]:
    """Return copies of the arrays whose names begin with `prefix`, by the rest of their names."""
    return {k.removeprefix(prefix): v.copy() for k, v in arrays.items() if k.startswith(prefix)}
