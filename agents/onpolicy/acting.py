"""Acting by a policy over trials: what it sees, remembers and forgets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from fastadapt.agents.base import NetworkAgent
from fastadapt.agents.checkpoint_arrays import ModuleArrays, Part
from fastadapt.agents.graph import Graph
from fastadapt.agents.interface import Transition
from fastadapt.agents.onpolicy.export import graph_of
from fastadapt.agents.onpolicy.history import History
from fastadapt.agents.onpolicy.networks import Policy
from fastadapt.agents.onpolicy.scales import Scales
from fastadapt.agents.spec import AgentSpec
from fastadapt.envs import Task, TaskSet
from fastadapt.envs.arrays import Array, Ids, Mask
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


class PolicyAgent(NetworkAgent):
    """An agent that acts by a Gaussian policy, with or without a memory; subclasses train it.

    Args:
        spec: of the robots.
        seed: of the weights, of training and of exploration.
        config: its settings.
        width: of the policy.
        log_std: logarithm of its noise at the start.
        gamma: discount, for the scale of rewards.

    Attributes:
        policy: what acts.
        scales: make its inputs.
        observations: size of an observation.
        actions: size of an action.
        limits: smallest and largest action, `(actions,)` each.
    """

    recurrent: ClassVar[bool] = False
    """Whether the policy has a memory."""
    sees: tuple[str, ...] = ()
    """What of the history the policy sees, of `SIGHTS`."""

    def __init__(
        self, spec: AgentSpec, seed: int, config: Any, width: int, log_std: float, gamma: float
    ) -> None:
        super().__init__(spec, seed, config)
        self.num_envs = config.num_envs
        self.observations = spec.observation_size(self.context)
        self.actions = len(spec.actions)
        self.limits = self._low, self._high
        torch.manual_seed(key_of(seed, "weights") % 2**63)
        self.policy = Policy(self.inputs(), self.actions, width, self.recurrent, log_std)
        told = self.observations - len(spec.observations)
        self.scales = Scales(self.observations, gamma, told)
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

    def numbered_tasks(self, task_set: TaskSet, count: int, start: int) -> list[Task]:
        """Return the tasks `start` to `start + count` in the order in which robots face them."""
        return self.training_tasks(task_set, count, start)

    def begin(self, num_tasks: int) -> None:
        """Face N new tasks with an empty memory."""
        history = History.empty(num_tasks, self.observations, self.actions, self.window)
        ended = np.zeros(num_tasks, bool)
        self._memory = Memory(self.policy.initial(num_tasks), history, ended)
        self._noise.begin(num_tasks)

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
        return self._clipped(action)

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

    def graph(self) -> Graph:
        """Return acting on robot 0 as a graph, from its memory between two episodes."""
        memory = self._memory
        return graph_of(
            self.policy, self.scales, self.sees, memory.history, memory.hidden, self.limits
        )

    def snapshot(self) -> Any:
        """Return the memory of the trial so far, and the state of the exploration noise."""
        return self._memory.copy(), self._noise.snapshot()

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        memory, noise = snapshot
        self._memory = memory.copy()
        self._noise.restore(noise)

    def swap_context(self, order: Ids) -> None:
        """Give robot i the memory of robot `order[i]`."""
        memory = self._memory
        memory.hidden = memory.hidden[torch.from_numpy(order)]
        memory.history = memory.history.reordered(order)

    def empty_memory(self, where: Mask) -> None:
        """Empty memory and window of robots `(N,)`; last action, last reward and flag stay."""
        memory = self._memory
        empty = self.policy.initial(len(where))
        memory.hidden = torch.where(torch.from_numpy(where)[:, None], empty, memory.hidden)
        memory.history = memory.history.without_frames(where)

    def inferred(self) -> Array:
        """Return memory and window of each robot, `(N, memory + window)`."""
        hidden = self._memory.hidden.numpy().astype(np.float64)
        frames = self._memory.history.frames
        return np.concatenate([hidden, frames.reshape(len(frames), -1)], axis=1)

    def hold(self, inferred: Array) -> None:
        """Let the next control step begin with this memory and window, `(N, memory + window)`."""
        memory, history = self._memory, self._memory.history
        size = memory.hidden.shape[1]
        memory.hidden = torch.from_numpy(inferred[:, :size].astype(np.float32))
        frames = inferred[:, size:].reshape(history.frames.shape)
        memory.history = replace(history, frames=frames, filled=np.ones_like(history.filled))

    def _model_parts(self) -> dict[str, Part]:
        return {"policy": ModuleArrays(self.policy), "scale": self.scales}
