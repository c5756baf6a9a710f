"""Fine-tuning of a domain-randomised policy on each task by ordinary policy gradient."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from fastadapt.agents.config import AgentConfig
from fastadapt.agents.graph import Graph, adapted
from fastadapt.agents.interface import Transition
from fastadapt.agents.nn.actor_critic import log_prob
from fastadapt.agents.ppo.config import FineTuneConfig
from fastadapt.agents.ppo.export import memoryless_graph, with_weights
from fastadapt.agents.ppo.memoryless import DomainRandomised
from fastadapt.agents.ppo.tuning import (
    Shot,
    Weights,
    call,
    copies,
    merged,
    tune,
)
from fastadapt.envs.arrays import Array, Mask


class FineTune(DomainRandomised):
    """A domain-randomised policy, fine-tuned by PPO on the shots of its task (Mandi et al. 2022).

    It trains as `domain-randomised` does, or takes over the weights of such a run. Each task has
    weights of its own from its first shot on, policy and critic. Gradient steps are taken at the
    end of a shot, on all shots of the trial so far, and are charged to the ledger.
    """

    name: ClassVar = "fine-tune"
    config_class: ClassVar[type[AgentConfig]] = FineTuneConfig
    needs_shots: bool = True
    config: FineTuneConfig

    def begin(self, num_tasks: int) -> None:
        """Begin trials on N unknown tasks with the trained weights."""
        super().begin(num_tasks)
        self._weights: Weights | None = None
        self._sampled: tuple[Tensor, Tensor, Tensor] | None = None
        self._steps: list[Shot] = []
        self._shots: list[Shot] = []

    @torch.no_grad()
    def act(self, observation: Array, explore: bool) -> Array:
        """Return the mean action of each task's own policy, or a sample of it to explore."""
        self._sampled = None
        inputs = self._see(observation)
        mean, log_std = self._gaussian(inputs)
        action = mean.numpy().astype(np.float64)
        if explore:
            action = action + log_std.exp().numpy() * self._noise.draw()
            sampled = torch.from_numpy(action).float()
            self._sampled = inputs, sampled, log_prob(mean, log_std, sampled)
        return self._clipped(action)

    @torch.no_grad()
    def follow(self, observation: Array, action: Array) -> None:
        """Take a commanded action `(N, actions)` for a sample of each task's own policy."""
        inputs, sampled = self._see(observation), torch.from_numpy(action).float()
        self._sampled = inputs, sampled, log_prob(*self._gaussian(inputs), sampled)

    def _gaussian(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean `(N, actions)` and logarithm of the standard deviation of the actions."""
        if self._weights is None:
            mean = self.network(inputs[None], self._memory.hidden).mean[0]
            return mean, self.network.log_std
        mean = call(self.network, self._weights, inputs[None]).mean[0]
        return mean, self._weights["log_std"]

    def observe(self, transition: Transition) -> None:
        """Store a transition of a shot until the end of the shot."""
        if self._sampled is not None:
            running = ~self._memory.ended
            rewards = self._reward_scale(transition.reward).astype(np.float32)
            failed, over = transition.terminated, transition.terminated | transition.truncated
            following = self._see(transition.next_observation)
            flags = (torch.from_numpy(flag.copy()) for flag in (failed, over, running))
            self._steps.append(Shot(*self._sampled, torch.from_numpy(rewards), following, *flags))
        super().observe(transition)

    def end_episode(self, done: Mask) -> None:
        """Fine-tune on the shots of the robots whose episodes have ended."""
        ended = torch.from_numpy(done)
        if any((step.used & ended).any() for step in self._steps):
            self._learn(ended)
        super().end_episode(done)

    def _learn(self, ended: Tensor) -> None:
        """Take gradient steps where `(N,)` shots ended."""
        shot = merged(self._steps, torch.stack)
        counts = shot.used & ended
        left = shot.used & ~ended
        self._shots = [*self._shots, replace(shot, used=counts)]
        steps = zip(self._steps, left, strict=True)
        self._steps = [replace(step, used=used) for step, used in steps if used.any()]
        old = self._weights or copies(self.network, len(ended))
        new = tune(self.network, old, self._shots, self.config.ppo, self.config.tuning)
        learned = counts.any(0)
        self._weights = {
            name: torch.where(learned.view(-1, *[1] * (value.ndim - 1)), value, old[name])
            for name, value in new.items()
        }
        self.adaptation_gradient_steps += self.config.tuning.gradient_steps

    def inferred(self) -> Array:
        """Return the weights of each task, `(N, weights)`."""
        weights = self._weights or copies(self.network, len(self._memory.ended))
        flat = torch.cat([value.flatten(1) for value in weights.values()], dim=1)
        return flat.detach().numpy().astype(np.float64)

    def hold(self, inferred: Array) -> None:
        """Act with these weights of each task, `(N, weights)`, until the end of a shot."""
        shapes = {name: value.shape for name, value in self.network.named_parameters()}
        flat = torch.from_numpy(inferred.astype(np.float32))
        parts = flat.split([shape.numel() for shape in shapes.values()], dim=1)
        self._weights = {
            name: part.reshape(len(flat), *shape)
            for (name, shape), part in zip(shapes.items(), parts, strict=True)
        }

    def graph(self) -> Graph:
        """Return acting on robot 0 as a graph, with its weights after the shots so far."""
        weights = self._weights or copies(self.network, 1)
        network = with_weights(self.network, weights, 0)
        graph = memoryless_graph(network, self._observation_scale, (self._low, self._high))
        steps = len(self._shots) * self.config.tuning.gradient_steps
        return replace(graph, adapts=adapted(steps, "gradient step"))

    def snapshot(self) -> Any:
        """Return weights and shots of the trials so far; nothing in them is changed in place."""
        return self._weights, self._sampled, self._steps, self._shots, super().snapshot()

    def restore(self, snapshot: Any) -> None:
        """Return to a snapshot."""
        self._weights, self._sampled, steps, self._shots, rest = snapshot
        self._steps = list(steps)
        super().restore(rest)

    def _see(self, observation: Array) -> Tensor:
        memory = self._memory
        return self._encode(observation, memory.action, memory.reward, memory.start)
