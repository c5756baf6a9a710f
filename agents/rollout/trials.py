"""Collecting whole trials of many tasks at once, for training on them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from gymnasium.spaces import Box
from torch import Tensor

from fastadapt.agents.nn.actor_critic import ActorCritic, Output, log_prob
from fastadapt.envs import BatchedEnv
from fastadapt.envs.arrays import Array, Mask


class InputEncoder(Protocol):
    """Turns what a robot lived through into the network's input."""

    def __call__(self, observation: Array, action: Array, reward: Array, start: Mask) -> Tensor:
        """Return `(N, inputs)` from the observation, the action and reward before, and the flag."""
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
        valid: `(T, N)`, which steps were lived.
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
        """Sample the actions of step t, keep all that the update needs, and return them."""
        mean, value = output.mean[0], output.value[0]
        sampled = mean + log_std.exp() * torch.randn(mean.shape, generator=generator)
        self.inputs[t], self.hidden[t], self.actions[t] = inputs, hidden, sampled
        self.values[t], self.log_probs[t] = value, log_prob(mean, log_std, sampled)
        if t > 0:  # a return that runs on is followed by what this state is worth
            runs_on = self.carry[t - 1] > 0
            self.next_values[t - 1] = torch.where(runs_on, value, self.next_values[t - 1])
        return sampled

    def end(self, t: int, ends: Mask, failed: Mask, final: Tensor) -> None:
        """End returns after step t: what follows is worth `final`, or nothing after a failure."""
        here = torch.from_numpy(ends)
        worth = torch.where(torch.from_numpy(failed), torch.zeros_like(final), final)
        self.next_values[t] = torch.where(here, worth, self.next_values[t])
        self.carry[t] = torch.where(here, 0.0, self.carry[t])


@torch.no_grad()
def collect(
    envs: BatchedEnv,
    network: ActorCritic,
    encode: InputEncoder,
    episodes: int,
    seeds: Sequence[int],
    generator: torch.Generator,
    through: bool,
) -> Trials:
    """Live through one trial of `episodes` episodes with every robot, one policy call per step.

    Args:
        envs: the robots, already on their tasks.
        network: policy and value function.
        encode: makes the network's inputs.
        episodes: episodes in a trial.
        seeds: of the robots, `(N,)`.
        generator: for sampling actions.
        through: whether the return runs through the borders of episodes within a trial (so that
            exploring early is credited with what it brings later).
    """
    num, steps = envs.num_envs, episodes * envs.environment.horizon
    low, high = limits(envs)
    observation, _ = envs.reset(seed=seeds)
    action, reward = np.zeros((num, len(low))), np.zeros(num)
    start, alive = np.ones(num, bool), np.ones(num, bool)
    finished = np.zeros(num, int)
    hidden = network.initial(num)
    trials = _empty(steps, num, network, len(low), observation.shape[1], episodes)
    for t in range(steps):
        inputs = encode(observation, action, reward, start)
        output = network(inputs[None], hidden)
        sampled = trials.record(t, inputs, hidden, output, network.log_std, generator)
        trials.observations[t], trials.starts[t], trials.valid[t] = observation, start, alive
        hidden = output.hidden
        action = np.clip(sampled.numpy().astype(np.float64), low, high)
        before = time.perf_counter()
        observation, reward, terminated, truncated, info = envs.step(action)
        trials.seconds += time.perf_counter() - before
        trials.rewards[t] = reward
        np.add.at(trials.returns, (np.flatnonzero(alive), finished[alive]), reward[alive])
        start = np.zeros(num, bool)
        done = (terminated | truncated) & alive
        if done.any():
            trials.diverged += int((info["diverged"] & done).sum())
            final = network(encode(observation, action, reward, start)[None], hidden).value[0]
            finished[done] += 1
            over = done & (finished == episodes)
            # A broken simulation is worth nothing: its last observation is not where it was.
            trials.end(t, over if through else done, terminated | info["diverged"], final)
            alive &= ~over
            start = done & ~over
            if start.any():
                observation, _ = envs.reset(options={"reset_mask": start})
        if not alive.any():
            break
    trials.carry[torch.from_numpy(~trials.valid)] = 0.0
    return trials


def limits(envs: BatchedEnv) -> tuple[Array, Array]:
    """Return the smallest and the largest action, `(actions,)` each."""
    space = envs.single_action_space
    assert isinstance(space, Box)
    return space.low.astype(np.float64), space.high.astype(np.float64)


def _empty(
    steps: int, num: int, network: ActorCritic, actions: int, observations: int, episodes: int
) -> Trials:
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
        observations=np.zeros((steps, num, observations)),
        starts=np.zeros((steps, num), bool),
        valid=np.zeros((steps, num), bool),
        returns=np.zeros((num, episodes)),
        diverged=0,
        seconds=0.0,
    )
