"""RL²: a recurrent policy whose memory is its learning algorithm."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import torch

from fastadapt.agents.config import AgentConfig
from fastadapt.agents.ppo.agent import PPOAgent
from fastadapt.agents.ppo.config import RL2Config
from fastadapt.envs.arrays import Array, Ids, Mask


class RL2(PPOAgent):
    """A recurrent policy whose memory is its learning algorithm (Duan et al. 2016, section 2).

    A GRU reads (observation, previous action, previous reward, first-step flag). Its state
    carries over the episodes of a trial and is empty at the start of each trial. Training maximises
    the discounted return of the whole trial: the borders of episodes do not cut it, the discount
    does (0.95 reaches some 60 control steps).
    """

    name: ClassVar = "rl2"
    config_class: ClassVar[type[AgentConfig]] = RL2Config
    memory: ClassVar = True
    config: RL2Config

    @property
    def sees_reward(self) -> bool:
        """Whether the policy sees the previous reward."""
        return self.config.reward_input

    def swap_context(self, order: Ids) -> None:
        """Give robot i the memory of robot `order[i]`: GRU state, last action and last reward."""
        memory = self._memory
        memory.hidden = memory.hidden[torch.from_numpy(order)]
        memory.action, memory.reward = memory.action[order], memory.reward[order]

    def empty_memory(self, where: Mask) -> None:
        """Empty the GRU of robots `(N,)`; last action, last reward and flag stay."""
        memory = self._memory
        empty = self.network.initial(len(where))
        memory.hidden = torch.where(torch.from_numpy(where)[:, None], empty, memory.hidden)

    def inferred(self) -> Array:
        """Return the state of the GRU of each robot, `(N, width)`."""
        return self._memory.hidden.numpy().astype(np.float64)

    def hold(self, inferred: Array) -> None:
        """Let the next control step begin from this state of the GRU, `(N, width)`."""
        self._memory.hidden = torch.from_numpy(inferred.astype(np.float32))
