"""The agents by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from fastadapt.agents.config import PPOAgentConfig
from fastadapt.agents.memoryless import DomainRandomised, Oracle
from fastadapt.agents.ppo_agent import PPOAgent
from fastadapt.agents.rl2 import RL2
from fastadapt.envs import FastadaptError, TaskSet
from fastadapt.envs.errors import unknown_name

AGENTS: Mapping[str, type[PPOAgent]] = {cls.name: cls for cls in (RL2, DomainRandomised, Oracle)}


def list_agents() -> list[str]:
    """Return the names of the agents that fastadapt can train."""
    return sorted(AGENTS)


def find_agent(name: str) -> type[PPOAgent]:
    """Return the class of an agent.

    Raises:
        FastadaptError: there is none of that name.
    """
    if name not in AGENTS:
        raise unknown_name("agent", name, AGENTS)
    return AGENTS[name]


def make_config(options: Mapping[str, Any]) -> PPOAgentConfig:
    """Return the defaults with some settings replaced, `ppo` being a mapping of its own.

    Raises:
        FastadaptError: a setting does not exist or is not possible.
    """
    return _replaced(PPOAgentConfig(), options)


def _replaced(config: Any, options: Mapping[str, Any]) -> Any:
    known = {f.name for f in fields(config)}
    changes: dict[str, Any] = {}
    for name, value in options.items():
        if name not in known:
            raise unknown_name("setting", name, known)
        current = getattr(config, name)
        nested = is_dataclass(current) and isinstance(value, Mapping)
        changes[name] = _replaced(current, value) if nested else value
    try:
        return replace(config, **changes)
    except ValueError as error:
        raise FastadaptError(str(error)) from None


def make_agent(name: str, task_set: TaskSet, seed: int = 0, **options: Any) -> PPOAgent:
    """Return a new, untrained agent for the robots of a task set.

    Args:
        name: one of `list_agents()`.
        task_set: gives the sizes of observations and actions.
        seed: of its weights, its training and its exploration.
        options: settings that differ from the defaults, e.g. `width=64, ppo={"epochs": 2}`.

    Raises:
        FastadaptError: no such agent or setting.
    """
    return find_agent(name)(task_set, seed, make_config(options))
