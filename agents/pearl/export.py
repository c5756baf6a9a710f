"""Exported acting of PEARL: its belief as state, or inference and acting as two graphs."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from fastadapt.agents.graph import (
    ACTION,
    LAST,
    OBSERVATION,
    REWARD,
    START,
    BeliefGraphs,
    Graph,
    Memory,
    blocks_of,
)
from fastadapt.agents.nn.context_encoder import ContextEncoder
from fastadapt.agents.nn.exported import FromUnit, Scaling
from fastadapt.agents.nn.normaliser import Entries
from fastadapt.agents.nn.squashed_policy import SquashedPolicy
from fastadapt.agents.rollout.transitions import TransitionScale
from fastadapt.envs.arrays import Array

INFERS = (
    "It keeps a Gaussian belief about the robot, the running product of one factor for each "
    "transition, and infers it anew at the first control step of each episode; its actions follow "
    "the belief's mean."
)


class _Weighing(nn.Module):
    """Evidence of raw transitions `(n, columns)` about the task, `(n, evidence)`."""

    def __init__(
        self, encoder: ContextEncoder, scale: TransitionScale, limits: tuple[Array, Array]
    ) -> None:
        super().__init__()
        low, high = limits
        action = Entries.of((high + low) / 2, (high - low) / 2)
        self.encoder = encoder
        parts = [scale.entries(OBSERVATION), action]
        self.size = len(parts[0].mean)
        self.before = Scaling(Entries.joined(parts))
        self.reward = Scaling(scale.entries("reward")) if scale.reward else None
        self.change = Scaling(scale.entries("change"))

    def forward(self, before: Tensor, action: Tensor, reward: Tensor, after: Tensor) -> Tensor:
        """Return evidence; `reward` has no columns where the encoder does not see it."""
        parts = [self.before(torch.cat([before, action], -1))]
        if self.reward is not None:
            parts.append(self.reward(reward))
        parts.append(self.change(after - before))
        return self.encoder.weigh(torch.cat(parts, -1))


class _Acting(nn.Module):
    """Actions at a value of z."""

    def __init__(
        self, policy: SquashedPolicy, scale: TransitionScale, limits: tuple[Array, Array]
    ) -> None:
        super().__init__()
        self.scaling, self.policy = Scaling(scale.entries(OBSERVATION)), policy
        self.limits = FromUnit(*limits)

    def forward(self, obs: Tensor, z: Tensor) -> Tensor:
        """Return actions `(N, actions)`."""
        return self.limits(self.policy(self.scaling(obs), z)[0])


class _Plain(nn.Module):
    """Actions of a policy that believes nothing: z is 0."""

    def __init__(self, acting: _Acting, latent: int) -> None:
        super().__init__()
        self.acting, self.latent = acting, latent

    def forward(self, obs: Tensor) -> Tensor:
        """Return actions `(N, actions)`."""
        return self.acting(obs, torch.zeros_like(obs[:, : self.latent]))


class _Believing(nn.Module):
    """Acting on a belief whose evidence is its memory.

    The memory holds the evidence that the belief rests on, the evidence of the present episode, the
    last observation it acted on, and 1 if there was one. The present episode's evidence joins the
    belief's where the next episode starts.
    """

    def __init__(self, acting: _Acting, weighing: _Weighing, sizes: list[int]) -> None:
        super().__init__()
        self.acting, self.weighing, self.sizes = acting, weighing, sizes
        count, evidence = weighing.size, weighing.encoder.evidence_size
        self.kept = [evidence, evidence, count, 1]

    def forward(self, obs: Tensor, h_in: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions `(N, actions)` and the memory."""
        now, after, action, reward, start = obs.split(self.sizes, -1)
        known, gathered, before, lived = h_in[0].split(self.kept, -1)
        gathered = gathered + lived * self.weighing(before, action, reward, after)
        known = known + start * gathered
        gathered = (1.0 - start) * gathered
        actions = self.acting(now, self.weighing.encoder.believe(known).mean)
        memory = torch.cat([known, gathered, now, torch.ones_like(start)], -1)
        return actions, memory[None]


class _Inferring(nn.Module):
    """A belief from all transitions of a trial."""

    def __init__(self, weighing: _Weighing, sizes: list[int]) -> None:
        super().__init__()
        self.weighing, self.sizes = weighing, sizes

    def forward(self, context: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation `(1, latent)` given transitions `(n, columns)`."""
        before, action, reward, after = context.split(self.sizes, -1)
        evidence = self.weighing(before, action, reward, after).sum(0, keepdim=True)
        belief = self.weighing.encoder.believe(evidence)
        return belief.mean, belief.variance.sqrt()


def belief_graph(
    encoder: ContextEncoder,
    policy: SquashedPolicy,
    scale: TransitionScale,
    limits: tuple[Array, Array],
    evidence: Tensor,
) -> Graph:
    """Return acting on a belief as one graph.

    Args:
        encoder: of transitions.
        policy: acts on an observation and z.
        scale: of transitions.
        limits: smallest and largest action, `(actions,)` each.
        evidence: that the belief rests on at first, `(evidence,)`.
    """
    weighing, acting = _Weighing(encoder, scale, limits), _Acting(policy, scale, limits)
    count, actions, seen = weighing.size, len(limits[0]), 1 if scale.reward else 0
    sizes = [count, count, actions, seen, 1]
    names = (OBSERVATION, LAST, ACTION, REWARD, START)
    module = _Believing(acting, weighing, sizes)
    initial = np.zeros((1, 1, sum(module.kept)), np.float32)
    initial[0, 0, : len(evidence)] = evidence.numpy()
    blocks = blocks_of(zip(names, sizes, strict=True), **{START: np.ones(1)})
    return Graph(module, blocks, (Memory("h", initial),), INFERS, scale.count)


def plain_graph(
    policy: SquashedPolicy, scale: TransitionScale, limits: tuple[Array, Array], latent: int
) -> Graph:
    """Return acting of a policy that believes nothing."""
    module = _Plain(_Acting(policy, scale, limits), latent)
    size = len(scale.entries(OBSERVATION).mean)
    return Graph(module, blocks_of([(OBSERVATION, size)]), samples=scale.count)


def two_graphs(
    encoder: ContextEncoder,
    policy: SquashedPolicy,
    scale: TransitionScale,
    limits: tuple[Array, Array],
) -> BeliefGraphs:
    """Return inference and acting apart."""
    weighing = _Weighing(encoder, scale, limits)
    count, actions, seen = weighing.size, len(limits[0]), 1 if scale.reward else 0
    sizes = [count, actions, seen, count]
    names = ("observation", "action", "reward", "next_observation")
    columns = tuple((n, s) for n, s in zip(names, sizes, strict=True) if s)
    acting = _Acting(policy, scale, limits)
    return BeliefGraphs(_Inferring(weighing, sizes), columns, acting, encoder.latent)
