"""Agents without a memory: what adaptation has to beat, and what it may hope for."""

from __future__ import annotations

from typing import ClassVar, Literal

from fastadapt.agents.ppo_agent import PPOAgent


class DomainRandomised(PPOAgent):
    """PPO on the same tasks without any memory: one policy for all of them (Tobin et al. 2017).

    It sees the observation alone, so that it can only be robust, never adapt.
    """

    name: ClassVar = "domain-randomised"
    memory: ClassVar = False


class Oracle(PPOAgent):
    """PPO that sees the parameters of the task: the ceiling for agents that have to find out."""

    name: ClassVar = "oracle"
    memory: ClassVar = False
    context: Literal["hidden", "visible"] = "visible"
