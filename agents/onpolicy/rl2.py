"""RL²: a recurrent policy whose memory is its learning algorithm."""

from __future__ import annotations

from typing import ClassVar

from fastadapt.agents.config import AgentConfig
from fastadapt.agents.onpolicy.agent import OnPolicyAgent
from fastadapt.agents.onpolicy.config import ContinuingRL2Config
from fastadapt.agents.spec import AgentSpec


class ContinuingRL2(OnPolicyAgent):
    """A recurrent policy whose memory is its learning algorithm (Duan et al. 2016, section 2).

    A GRU reads (observation, previous action, previous reward, first-step flag). Its state goes on
    over the episodes of a trial and is empty at the start of each.
    """

    name: ClassVar[str] = "rl2-continuing"
    config_class: ClassVar[type[AgentConfig]] = ContinuingRL2Config
    recurrent: ClassVar[bool] = True

    def __init__(self, spec: AgentSpec, seed: int, config: ContinuingRL2Config) -> None:
        self.sees = ("action", "reward", "start") if config.reward_input else ("action", "start")
        super().__init__(spec, seed, config)
