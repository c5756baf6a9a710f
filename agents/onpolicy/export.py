"""Exported acting of policies on continuing rollouts: with a memory, with a window, without."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from fastadapt.agents.graph import (
    ACTION,
    OBSERVATION,
    RECALLS,
    REWARD,
    START,
    Graph,
    Memory,
    blocks_of,
)
from fastadapt.agents.nn.exported import Limits, Recurrent, Reflex, Scaling
from fastadapt.agents.nn.normaliser import Entries
from fastadapt.agents.onpolicy.history import History
from fastadapt.agents.onpolicy.networks import Policy
from fastadapt.agents.onpolicy.scales import Scales
from fastadapt.envs.arrays import Array

_BLOCKS = {"action": ACTION, "reward": REWARD, "start": START}
LOOKS_BACK = "A window of the past tells one robot from another, across episodes too."


class _Looking(nn.Module):
    """Acting on a window of the past, which is the memory.

    The memory is `(window, N, observations + actions + 1)`, oldest control step first: what was
    observed, what was commanded, and 1 if there was such a step.
    """

    def __init__(self, scaling: Scaling, seen: Scaling, head: nn.Module, limits: Limits) -> None:
        super().__init__()
        self.scaling, self.seen, self.head, self.limits = scaling, seen, head, limits
        self.observations, self.actions = len(seen.mean), len(limits.low)

    def forward(self, obs: Tensor, h_in: Tensor) -> tuple[Tensor, Tensor]:
        """Return actions `(N, actions)` and the window."""
        frames, commands, there = h_in.split([self.observations, self.actions, 1], -1)
        known = torch.cat([self.seen(frames) * there, commands * there, there], -1)
        flat = known.transpose(0, 1).flatten(1)
        actions = self.limits(self.head(torch.cat([self.scaling(obs), flat], -1)))
        now = obs[:, : self.observations]
        frame = torch.cat([now, actions, torch.ones_like(now[:, :1])], -1)
        return actions, torch.cat([h_in[1:], frame[None]])


def graph_of(
    policy: Policy,
    scales: Scales,
    sees: tuple[str, ...],
    history: History,
    hidden: Tensor,
    limits: tuple[Array, Array],
) -> Graph:
    """Return acting as one graph.

    Args:
        policy: with or without a memory.
        scales: of its inputs.
        sees: what of the history it sees, in the order of its inputs.
        history: of the robots; that of the first counts.
        hidden: memories of the robots, `(N, memory)`.
        limits: smallest and largest action, `(actions,)` each.
    """
    entries, actions = scales.entries(), len(limits[0])
    parts = {OBSERVATION: entries["observation"]}
    known = {"action": Entries.plain(actions), "reward": entries["reward"]}
    for name in ("action", "reward", "start"):
        if name in sees:
            parts[_BLOCKS[name]] = known.get(name, Entries.plain(1))
    initial = {ACTION: history.action[0], REWARD: history.reward[:1], START: np.ones(1)}
    sizes = [(name, len(part.mean)) for name, part in parts.items()]
    blocks = blocks_of(sizes, **initial)
    scaling, last = Scaling(Entries.joined(parts.values())), Limits(*limits)
    samples = scales.observations.count
    if policy.gru is not None:
        memory = Memory("h", hidden[0].numpy().reshape(1, 1, -1))
        return Graph(Recurrent(scaling, policy, last), blocks, (memory,), RECALLS, samples)
    if "frames" in sees:
        module = _Looking(scaling, Scaling(entries["observation"]), policy.head, last)
        window = np.concatenate([history.frames[0], history.filled[0][:, None]], 1)
        memory = Memory("h", window[:, None].astype(np.float32))
        return Graph(module, blocks, (memory,), LOOKS_BACK, samples)
    return Graph(Reflex(scaling, policy.head, last), blocks, samples=samples)
