"""Rollouts of a fixed number of control steps, by robots that live on afterwards."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastadapt.agents.nn.actor_critic import log_prob
from fastadapt.agents.onpolicy.history import History
from fastadapt.agents.onpolicy.networks import Critic, Policy
from fastadapt.agents.onpolicy.scales import Scales
from fastadapt.agents.onpolicy.stream import Step, Stream
from fastadapt.envs.arrays import Array, Mask


@dataclass
class Carried:
    """Memory of N robots between two rollouts.

    The control steps before the border let another iteration bring the memory up to date.

    Attributes:
        hidden: the memory, `(N, memory)`.
        inputs: of the last control steps, `(B, N, inputs)`.
        fresh: where trials begin among them, `(B, N)`.
        before: the memory before the first of them, `(N, memory)`.
    """

    hidden: Tensor
    inputs: Tensor
    fresh: Tensor
    before: Tensor

    @staticmethod
    def empty(policy: Policy, robots: int, inputs: int) -> Carried:
        """Return the memory of robots that have not lived yet."""
        none = policy.initial(robots)
        nothing = torch.zeros(0, robots, inputs)
        return Carried(none, nothing, torch.zeros(0, robots, dtype=torch.bool), none)

    @torch.no_grad()
    def refreshed(self, policy: Policy, robots: Tensor) -> Tensor:
        """Return the memory `(n, memory)` of some robots as the policy now makes it."""
        if not len(self.inputs):
            return self.hidden[robots]
        before = self.before[robots]
        return policy.run(self.inputs[:, robots], before, self.fresh[:, robots]).hidden

    def state(self) -> dict[str, NDArray]:
        """Return the arrays by name."""
        return {field.name: getattr(self, field.name).numpy().copy() for field in fields(self)}

    def load_state(self, state: dict[str, NDArray]) -> None:
        """Return to what `state` gave."""
        for field in fields(self):
            setattr(self, field.name, torch.from_numpy(state[field.name].copy()))


@dataclass
class Rollout:
    """T control steps of N robots; every tensor is `(T, N, ...)`.

    Attributes:
        inputs: of the policy.
        fresh: where trials begin.
        known: observations and parameters that a critic may see.
        context: scaled parameters of the tasks.
        actions: as sampled, before they are clipped.
        log_probs: under the policy that sampled them.
        values: of the state in which each step began.
        next_values: of the state in which it ended; 0 where nothing follows.
        carry: 1 where the return runs on into the next step.
        rewards: raw.
        observations: raw.
        ended: where episodes ended.
        start: the memory before.
        end: the memory after.
    """

    inputs: Tensor
    fresh: Tensor
    known: Tensor
    context: Tensor
    actions: Tensor
    log_probs: Tensor
    values: Tensor
    next_values: Tensor
    carry: Tensor
    rewards: Array
    observations: Array
    ended: Mask
    start: Carried
    end: Carried


@dataclass(frozen=True)
class Borders:
    """Choice of the borders that end a return; the border of a trial always does.

    Attributes:
        through: whether the return runs through the borders of episodes within a trial.
        falls: whether a fall ends it all the same.
    """

    through: bool
    falls: bool

    def ends(self, step: Step) -> Mask:
        """Return where `(N,)` returns end with a control step."""
        if not self.through:
            return step.ended
        return step.over | (step.ended & step.lost & self.falls)


class Collector:
    """Lives through control steps with the robots of a stream and keeps what learning needs.

    Args:
        policy: samples the actions.
        critic: judges states.
        scales: makes inputs; unchanged by collecting.
        sees: what of the history the policy sees.
        limits: smallest and largest action, `(actions,)` each.
        borders: which of them end a return.
    """

    def __init__(
        self,
        policy: Policy,
        critic: Critic,
        scales: Scales,
        sees: tuple[str, ...],
        limits: tuple[Array, Array],
        borders: Borders,
    ) -> None:
        self._policy, self._critic, self._scales = policy, critic, scales
        self._sees, self._limits, self._borders = sees, limits, borders

    @torch.no_grad()
    def collect(
        self, stream: Stream, start: Carried, steps: int, burn_in: int, generator: torch.Generator
    ) -> Rollout:
        """Return a rollout of `steps` control steps, one policy call each.

        Args:
            stream: the robots.
            start: their memory.
            steps: T.
            burn_in: how many of the last steps to carry over.
            generator: for sampling.
        """
        policy, robots = self._policy, len(stream.fresh)
        hidden, before = start.hidden, start.hidden
        kept: list[tuple[Tensor, ...]] = []
        lived: list[tuple[Array, Array, Mask]] = []
        nexts, carry = torch.zeros(steps, robots), torch.ones(steps, robots)
        for t in range(steps):
            if t == steps - burn_in:
                before = hidden
            observation, context = stream.observation, _tensor(stream.context)
            fresh = torch.from_numpy(stream.fresh.copy())
            inputs = self._scales.inputs(observation, stream.history, self._sees)
            known = self._scales.known(observation, stream.context)
            output = policy.run(inputs[None], hidden, fresh[None])
            hidden, mean, value = output.hidden, output.mean[0], self._value(known, output.states)
            sampled = mean + policy.log_std.exp() * torch.randn(mean.shape, generator=generator)
            chance = log_prob(mean, policy.log_std, sampled)
            kept.append((inputs, fresh, known, context, sampled, chance, value))
            if t > 0:
                nexts[t - 1] = torch.where(carry[t - 1] > 0, value, nexts[t - 1])
            step = stream.advance(np.clip(sampled.numpy(), *self._limits))
            lived.append((step.reward, observation, step.ended))
            self._end(step, hidden, nexts[t], carry[t])
        rows = np.arange(robots)
        last = self._worth(rows, stream.observation, stream.history, stream.context, hidden)
        nexts[-1] = torch.where(carry[-1] > 0, last, nexts[-1])
        columns = [torch.stack(column) for column in zip(*kept, strict=True)]
        rewards, observations, ended = (np.stack(column) for column in zip(*lived, strict=True))
        inputs, fresh, known, context, actions, chances, values = columns
        cut = steps - burn_in
        end = Carried(hidden, inputs[cut:].clone(), fresh[cut:].clone(), before)
        return Rollout(
            inputs, fresh, known, context, actions, chances, values, nexts, carry,
            rewards, observations, ended, start, end,
        )  # fmt: skip

    def _end(self, step: Step, hidden: Tensor, nexts: Tensor, carry: Tensor) -> None:
        """End returns with a control step: what follows is judged, or nothing follows."""
        ends = self._borders.ends(step)
        if not ends.any():
            return
        carry[torch.from_numpy(ends)] = 0.0
        rows = np.flatnonzero(ends & ~step.lost)
        if len(rows):
            worth = self._worth(rows, step.observation, step.history, step.context, hidden)
            nexts[torch.from_numpy(rows)] = worth

    def _worth(
        self, rows: NDArray[np.intp], observation: Array, history: History, context: Array,
        hidden: Tensor,
    ) -> Tensor:  # fmt: skip
        """Return the values of the states in which some robots are, `(n,)`."""
        known = self._scales.known(observation[rows], context[rows])
        states = hidden.new_zeros(1, len(rows), 0)
        if not self._critic.informed and self._policy.memory:
            inputs = self._scales.inputs(observation[rows], history.of(rows), self._sees)
            states = self._policy(inputs[None], hidden[torch.from_numpy(rows)]).states
        return self._value(known, states)

    def _value(self, known: Tensor, states: Tensor) -> Tensor:
        return self._critic(known, states[0])


def _tensor(values: Array) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))
