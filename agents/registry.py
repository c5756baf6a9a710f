"""The agents by name; what a name stands for is imported on use, its settings without torch."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from fastadapt.agents.interface import MetaLearner
    from fastadapt.envs import TaskSet


class _Home(NamedTuple):
    """Where an agent lives: modules of this room, and the names in them.

    `summary` is the first line of its class, kept here so that it can be told without torch;
    `needs` is the optional module without which it cannot be imported.
    """

    module: str
    agent: str
    summary: str
    config_module: str = "config"
    config: str = "PPOAgentConfig"
    needs: str | None = None


_HOMES = {
    "rl2": _Home(
        "ppo.rl2",
        "RL2",
        "A recurrent policy whose memory is its learning algorithm (Duan et al. 2016, section 2).",
    ),
    "maml": _Home(
        "maml.agent",
        "MAML",
        "A policy from which one policy-gradient step on a shot leads to a better one.",
        "maml.config",
        "MAMLConfig",
    ),
    "nominal": _Home(
        "ppo.memoryless",
        "Nominal",
        "PPO on the healthy robot only: the floor, a policy that has never seen any damage.",
    ),
    "domain-randomised": _Home(
        "ppo.memoryless",
        "DomainRandomised",
        "PPO on the same tasks without any memory: one policy for all of them (Tobin et al. 2017).",
    ),
    "oracle": _Home(
        "ppo.memoryless",
        "Oracle",
        "PPO that sees the parameters of the task: the ceiling for agents that have to find out.",
    ),
    "fine-tune": _Home(
        "ppo.fine_tune",
        "FineTune",
        "A robust policy that goes on learning by PPO, on the shots of its task "
        "(Mandi et al. 2022).",
        "ppo.fine_tune_config",
        "FineTuneConfig",
    ),
    "pearl": _Home(
        "pearl.agent",
        "PEARL",
        "Infers a latent variable z of its task from what it lived through (Rakelly et al. 2019).",
        "pearl.config",
        "PEARLConfig",
    ),
    "nominal-sac": _Home(
        "pearl.sac",
        "NominalSAC",
        "Our soft actor-critic on the healthy robot only: the floor.",
        "pearl.config",
        "SACAgentConfig",
    ),
    "domain-randomised-sac": _Home(
        "pearl.sac",
        "DomainRandomisedSAC",
        "Our soft actor-critic on the training tasks, without any memory: one policy for all.",
        "pearl.config",
        "SACAgentConfig",
    ),
    "oracle-sac": _Home(
        "pearl.sac",
        "OracleSAC",
        "Our soft actor-critic that sees the parameters of the task: the ceiling.",
        "pearl.config",
        "SACAgentConfig",
    ),
    "recurrent": _Home(
        "sb3.recurrent",
        "Recurrent",
        "RL² by another hand: an LSTM that sb3-contrib's `RecurrentPPO` trains on whole trials.",
        needs="sb3_contrib",
    ),
    "nominal-sb3-ppo": _Home(
        "sb3.ppo",
        "NominalSB3PPO",
        "PPO of Stable-Baselines3 on the healthy robot only: the floor.",
        needs="stable_baselines3",
    ),
    "domain-randomised-sb3-ppo": _Home(
        "sb3.ppo",
        "DomainRandomisedSB3PPO",
        "PPO of Stable-Baselines3 on the training tasks, without any memory.",
        needs="stable_baselines3",
    ),
    "oracle-sb3-ppo": _Home(
        "sb3.ppo",
        "OracleSB3PPO",
        "PPO of Stable-Baselines3 that sees the parameters of the task: the ceiling.",
        needs="stable_baselines3",
    ),
    "nominal-sb3-sac": _Home(
        "sb3.sac",
        "NominalSB3SAC",
        "Soft actor-critic of Stable-Baselines3 on the healthy robot only: the floor.",
        "sb3.config",
        "SB3SACConfig",
        needs="stable_baselines3",
    ),
    "domain-randomised-sb3-sac": _Home(
        "sb3.sac",
        "DomainRandomisedSB3SAC",
        "Soft actor-critic of Stable-Baselines3 on the training tasks, without any memory.",
        "sb3.config",
        "SB3SACConfig",
        needs="stable_baselines3",
    ),
    "oracle-sb3-sac": _Home(
        "sb3.sac",
        "OracleSB3SAC",
        "Soft actor-critic of Stable-Baselines3 that sees the parameters of the task: the ceiling.",
        "sb3.config",
        "SB3SACConfig",
        needs="stable_baselines3",
    ),
}
_ON_POLICY = ("onpolicy.config", "OnPolicyConfig")
_HOMES |= {
    "healthy": _Home(
        "onpolicy.arms",
        "Healthy",
        "A policy that has only ever seen the healthy robot: the floor.",
        *_ON_POLICY,
    ),
    "robust": _Home(
        "onpolicy.arms",
        "Robust",
        "One policy for all training tasks, without a memory (Tobin et al. 2017).",
        *_ON_POLICY,
    ),
    "informed": _Home(
        "onpolicy.arms",
        "Informed",
        "A policy that sees the parameters of its task, trained on the training tasks alone.",
        *_ON_POLICY,
    ),
    "ceiling": _Home(
        "onpolicy.arms",
        "Ceiling",
        "A policy that sees the parameters of its task, trained on the laws of all tests too.",
        *_ON_POLICY,
    ),
    "rl2-continuing": _Home(
        "onpolicy.rl2",
        "ContinuingRL2",
        "A recurrent policy whose memory is its learning algorithm (Duan et al. 2016, section 2).",
        *_ON_POLICY,
    ),
}
_HOMES |= {
    "window": _Home(
        "onpolicy.window",
        "Window",
        "A memoryless policy that sees the last observations and actions of its trial.",
        "onpolicy.config",
        "WindowConfig",
    ),
    "rma": _Home(
        "onpolicy.rma",
        "RMA",
        "A student that acts, from what it can see, as a teacher that sees the task.",
        "onpolicy.config",
        "RMAConfig",
    ),
}
_WITHOUT_MEMORY = {
    "rl2": ("ppo.rl2", "RL2WithoutMemory"),
    "pearl": ("pearl.agent", "PEARLWithoutMemory"),
}


class _Agents(Mapping[str, "type[MetaLearner]"]):
    """The classes of all agents by name, each imported when it is looked up."""

    def __getitem__(self, name: str) -> type[MetaLearner]:
        home = _HOMES[name]
        return _find(home.module, home.agent)

    def __contains__(self, name: object) -> bool:
        return name in _HOMES  # else looking a name up would import its class

    def __iter__(self) -> Iterator[str]:
        return iter(_HOMES)

    def __len__(self) -> int:
        return len(_HOMES)


AGENTS: Mapping[str, type[MetaLearner]] = _Agents()


def list_agents() -> list[str]:
    """Return the names of the agents that fastadapt can train."""
    return sorted(_HOMES)


def agent_summaries() -> dict[str, str]:
    """Return one line about each agent, by name; none of them is imported."""
    return {name: home.summary + _lack(home.needs) for name, home in _HOMES.items()}


def find_agent(name: str) -> type[MetaLearner]:
    """Return the class of an agent.

    Raises:
        FastadaptError: there is none of that name.
    """
    _check(name)
    return AGENTS[name]


def find_agent_without_memory(name: str) -> type[MetaLearner]:
    """Return the class of an agent that forgets what it learns of its task, to compare it with.

    Raises:
        FastadaptError: there is no such agent, or it has nothing to forget.
    """
    _check(name)
    if name not in _WITHOUT_MEMORY:
        from fastadapt.errors import FastadaptError

        raise FastadaptError(
            f"Agent '{name}' has no memory to wipe; these have: {', '.join(_WITHOUT_MEMORY)}."
        )
    return _find(*_WITHOUT_MEMORY[name])


def find_config(name: str) -> type[Any]:
    """Return the frozen dataclass of an agent's settings; imports nothing heavy.

    Raises:
        FastadaptError: there is no agent of that name.
    """
    _check(name)
    home = _HOMES[name]
    return _find(home.config_module, home.config)


def make_config(name: str, options: Mapping[str, Any]) -> Any:
    """Return an agent's default settings with some replaced; nested ones are mappings.

    Raises:
        FastadaptError: the agent or a setting does not exist, or a setting is not possible.
    """
    return _replaced(find_config(name)(), options)


def make_agent(name: str, task_set: TaskSet, seed: int = 0, **options: Any) -> MetaLearner:
    """Return a new, untrained agent for the robots of a task set.

    Args:
        name: one of `list_agents()`.
        task_set: gives the sizes of observations and actions.
        seed: of its weights, its training and its exploration.
        options: settings that differ from the defaults, e.g. `width=64, ppo={"epochs": 2}`.

    Raises:
        FastadaptError: no such agent or setting.
    """
    return find_agent(name)(task_set, seed, make_config(name, options))


def _check(name: str) -> None:
    if name not in _HOMES:
        from fastadapt.errors import unknown_name

        raise unknown_name("agent", name, _HOMES)


_OPTIONAL = {"stable_baselines3": "stable-baselines3", "sb3_contrib": "sb3-contrib"}


def _find(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(f"fastadapt.agents.{module}"), name)
    except ModuleNotFoundError as error:
        package = _OPTIONAL.get(str(error.name).partition(".")[0])
        if package is None:
            raise
        from fastadapt.errors import FastadaptError

        raise FastadaptError(f"This agent needs {_how_to_get(package)}") from None


def _lack(module: str | None) -> str:
    """Return what to install for an agent if its optional module is not there, else nothing."""
    if module is None or importlib.util.find_spec(module) is not None:
        return ""
    return f" It needs {_how_to_get(_OPTIONAL[module])}"


def _how_to_get(package: str) -> str:
    return f"{package}, which is not installed: pip install {package}."


def _replaced(config: Any, options: Mapping[str, Any]) -> Any:
    from fastadapt.errors import FastadaptError, unknown_name

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
