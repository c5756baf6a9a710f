"""RL²: a recurrent policy whose memory is its learning algorithm."""

from __future__ import annotations

from typing import ClassVar

import torch

from fastadapt.agents.config import AgentConfig
from fastadapt.agents.ppo.agent import PPOAgent
from fastadapt.agents.ppo.config import RL2Config
from fastadapt.envs.arrays import Array, Ids


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

    @classmethod
    def without_memory(cls) -> type[RL2]:
        """Return the control whose memory is wiped at every step."""
        return RL2WithoutMemory

    def swap_context(self, order: Ids) -> None:
        """Give robot i the memory of robot `order[i]`: GRU state, last action and last reward."""
        memory = self._memory
        memory.hidden = memory.hidden[torch.from_numpy(order)]
        memory.action, memory.reward = memory.action[order], memory.reward[order]


class RL2WithoutMemory(RL2):
    """A trained RL² whose memory is wiped before every control step: a purely reactive policy.

    The difference to RL² itself is the contribution of memory.
    """

    name: ClassVar = "rl2-without-memory"

    def act(self, observation: Array, explore: bool) -> Array:
        """Forget all there is: every step is the first of a trial, as training knows it."""
        noise = self._noise.snapshot()
        self.begin(len(observation))
        self._noise.restore(noise)
        return super().act(observation, explore)
