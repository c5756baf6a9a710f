"""Collecting whole trials of many tasks at once, for training on them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fastadapt.agents.networks import ActorCritic, log_prob
from fastadapt.envs import BatchedEnv

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]


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
    num, horizon = envs.num_envs, envs.environment.horizon
    steps = episodes * horizon
    space = envs.single_action_space
    low, high = np.asarray(space.low, np.float64), np.asarray(space.high, np.float64)  # type: ignore[attr-defined]  # a Box
    observation, _ = envs.reset(seed=seeds)
    action, reward = np.zeros((num, len(low))), np.zeros(num)
    start, alive = np.ones(num, bool), np.ones(num, bool)
    finished = np.zeros(num, int)
    hidden = network.initial(num)
    std = network.log_std.exp()
    trials = _empty(steps, num, network, len(low), observation.shape[1], episodes)
    for t in range(steps):
        inputs = encode(observation, action, reward, start)
        output = network(inputs[None], hidden)
        mean, value = output.mean[0], output.value[0]
        sampled = mean + std * torch.randn(mean.shape, generator=generator)
        trials.inputs[t], trials.hidden[t], trials.actions[t] = inputs, hidden, sampled
        trials.values[t], trials.log_probs[t] = value, log_prob(mean, network.log_std, sampled)
        trials.observations[t], trials.starts[t], trials.valid[t] = observation, start, alive
        hidden = output.hidden
        action = np.clip(sampled.numpy().astype(np.float64), low, high)
        before = time.perf_counter()
        observation, reward, terminated, truncated, info = envs.step(action)
        trials.seconds += time.perf_counter() - before
        trials.rewards[t] = reward
        np.add.at(trials.returns, (np.flatnonzero(alive), finished[alive]), reward[alive])
        if t > 0:
            trials.next_values[t - 1] = torch.where(
                trials.carry[t - 1] > 0, value, trials.next_values[t - 1]
            )
        start = np.zeros(num, bool)
        done = (terminated | truncated) & alive
        if done.any():
            trials.diverged += int((info["diverged"] & done).sum())
            final = network(encode(observation, action, reward, start)[None], hidden).value[0]
            finished[done] += 1
            over = done & (finished == episodes)
            ends = torch.from_numpy(over if through else done)
            failed = torch.from_numpy(terminated)
            trials.next_values[t] = torch.where(ends & ~failed, final, torch.zeros(num))
            trials.carry[t] = torch.where(ends, 0.0, trials.carry[t])
            alive &= ~over
            start = done & ~over
            if start.any():
                observation, _ = envs.reset(options={"reset_mask": start})
        if not alive.any():
            break
    trials.carry[torch.from_numpy(~trials.valid)] = 0.0
    return trials


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
