"""Collection of whole trials on many tasks at once, for on-policy training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from fastadapt.agents.nn.actor_critic import ActorCritic, Output, log_prob
from fastadapt.agents.rollout.steps import action_limits, steps
from fastadapt.envs import BatchedEnv
from fastadapt.envs.arrays import Array, Mask


class InputEncoder(Protocol):
    """Makes the network's input of an observation and of the step before it."""

    def __call__(self, observation: Array, action: Array, reward: Array, start: Mask) -> Tensor:
        """Return `(N, inputs)`.

        Action and reward are those of the step before; `start` flags the first of an episode.
        """
        ...


@dataclass
class Trials:
    """N trials of T control steps; a trial shorter than T ends in steps that are not valid.

    Attributes:
        inputs: `(T, N, inputs)` to the network.
        hidden: `(T, N, hidden)` memory before each step.
        actions: `(T, N, actions)` as sampled, before clipping.
        log_probs: `(T, N)` under the policy that sampled them.
        values: `(T, N)` at the beginning of each step.
        next_values: `(T, N)` at its end; 0 after a failure that nothing follows.
        carry: `(T, N)`, 1 where the return runs on into the next step.
        rewards: `(T, N)`, raw.
        observations: `(T, N, observations)`, raw.
        starts: `(T, N)`, where episodes begin.
        valid: `(T, N)`, steps at which an episode was running.
        returns: `(N, episodes)`, raw return of each episode.
        diverged: number of episodes that ended because the simulation diverged.
        seconds: time spent in the simulation.
    """

    inputs: Tensor
    hidden: Tensor
    actions: Tensor
    log_probs: Tensor
    values: Tensor
    next_values: Tensor
    carry: Tensor
    rewards: Array
    observations: Array
    starts: Mask
    valid: Mask
    returns: Array
    diverged: int
    seconds: float

    def record(
        self,
        t: int,
        inputs: Tensor,
        hidden: Tensor,
        output: Output,
        log_std: Tensor,
        generator: torch.Generator,
    ) -> Tensor:
        """Sample the actions of step t and return them; record all that the update needs."""
        mean, value = output.mean[0], output.value[0]
        sampled = mean + log_std.exp() * torch.randn(mean.shape, generator=generator)
        self.inputs[t], self.hidden[t], self.actions[t] = inputs, hidden, sampled
        self.values[t], self.log_probs[t] = value, log_prob(mean, log_std, sampled)
        if t > 0:  # a return that runs on is bootstrapped from the value of this state
            runs_on = self.carry[t - 1] > 0
            self.next_values[t - 1] = torch.where(runs_on, value, self.next_values[t - 1])
        return sampled

    def end(self, t: int, ends: Mask, failed: Mask, final: Tensor) -> None:
        """End returns after step t, bootstrapped from `final`, or from 0 after a failure."""
        here = torch.from_numpy(ends)
        value = torch.where(torch.from_numpy(failed), torch.zeros_like(final), final)
        self.next_values[t] = torch.where(here, value, self.next_values[t])
        self.carry[t] = torch.where(here, 0.0, self.carry[t])


@torch.no_grad()
def collect(
    envs: BatchedEnv,
    network: ActorCritic,
    encode: InputEncoder,
    episodes: int,
    horizon: int,
    seeds: Sequence[int],
    generator: torch.Generator,
    across_episodes: bool,
) -> Trials:
    """Collect one trial of `episodes` episodes from every robot, one policy call per step.

    Args:
        envs: the robots, already on their tasks.
        network: policy and value function.
        encode: makes the network's inputs.
        episodes: episodes in a trial.
        horizon: control steps of an episode.
        seeds: of the robots, `(N,)`.
        generator: for sampling actions.
        across_episodes: whether the return runs on across the borders of episodes within a trial
            (so that early exploration is credited with what it brings later).
    """
    num, (low, high) = envs.num_envs, action_limits(envs)
    trials = _empty(episodes * horizon, num, network, len(low), episodes)
    action, reward = np.zeros((num, len(low))), np.zeros(num)
    start, finished = np.ones(num, bool), np.zeros(num, int)
    hidden, t = network.initial(num), 0

    def act(observation: Array) -> Array:
        nonlocal hidden
        inputs = encode(observation, action, reward, start)
        output = network(inputs[None], hidden)
        sampled = trials.record(t, inputs, hidden, output, network.log_std, generator)
        trials.observations[t], trials.starts[t] = observation, start
        hidden = output.hidden
        return np.clip(sampled.numpy().astype(np.float64), low, high)

    for step in steps(envs, act, seeds, episodes):
        made = step.transition
        action, reward = made.action, made.reward
        trials.rewards[t], trials.valid[t] = reward, step.valid
        trials.seconds += step.seconds
        robots = np.flatnonzero(step.valid)
        np.add.at(trials.returns, (robots, finished[robots]), reward[robots])
        start = np.zeros(num, bool)
        if step.ended.any():
            trials.diverged += int((step.diverged & step.ended).sum())
            inputs = encode(made.next_observation, action, reward, start)
            final = network(inputs[None], hidden).value[0]
            finished = finished + step.ended
            start = step.ended & (finished < episodes)
            # A diverged simulation has no successor: its last observation is not where it was.
            failed = made.terminated | step.diverged
            trials.end(t, step.ended & ~start if across_episodes else step.ended, failed, final)
        t += 1
    trials.carry[torch.from_numpy(~trials.valid)] = 0.0
    return trials


def _empty(steps: int, num: int, network: ActorCritic, actions: int, episodes: int) -> Trials:
    inputs = network.observations if network.gru is None else network.gru.input_size
    return Trials(
        inputs=torch.zeros(steps, num, inputs),
        hidden=torch.zeros(steps, num, network.hidden_size),
        actions=torch.zeros(steps, num, actions),
        log_probs=torch.zeros(steps, num),
        values=torch.zeros(steps, num),
        next_values=torch.zeros(steps, num),
        carry=torch.ones(steps, num),
        rewards=np.zeros((steps, num)),
        observations=np.zeros((steps, num, network.observations)),
        starts=np.zeros((steps, num), bool),
        valid=np.zeros((steps, num), bool),
        returns=np.zeros((num, episodes)),
        diverged=0,
        seconds=0.0,
    )
