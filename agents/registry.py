"""The agents by name: what ships, what plugins add, and classes named as `module:Class`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastadapt.agents.config import AgentConfig
from fastadapt.errors import FastadaptError, unknown_name
from fastadapt.registry import Registry

if TYPE_CHECKING:
    from fastadapt.agents.interface import MetaLearner
    from fastadapt.envs import TaskSet

ARMS = ("nominal", "domain-randomised", "oracle")
"""Baselines that several algorithms train."""
ALGORITHMS = ("ppo", "continuing", "sac", "sb3-ppo", "sb3-sac")
"""Algorithms that train them: our own PPO, on trials and on continuing rollouts, our own SAC, and
those of Stable-Baselines3."""

AGENTS: Registry[type[MetaLearner]] = Registry(
    "agent",
    "fastadapt.agents",
    {
        "rl2": "fastadapt.agents.ppo.rl2:RL2",
        "rl2-continuing": "fastadapt.agents.onpolicy.rl2:ContinuingRL2",
        "window": "fastadapt.agents.onpolicy.window:Window",
        "rma": "fastadapt.agents.onpolicy.rma:RMA",
        "informed": "fastadapt.agents.onpolicy.arms:Informed",
        "maml": "fastadapt.agents.maml.agent:MAML",
        "pearl": "fastadapt.agents.pearl.agent:PEARL",
        "fine-tune": "fastadapt.agents.ppo.fine_tune:FineTune",
        "recurrent": "fastadapt.agents.sb3.recurrent:Recurrent",
        "nominal": "fastadapt.agents.ppo.memoryless:Nominal",
        "nominal-continuing": "fastadapt.agents.onpolicy.arms:Nominal",
        "nominal-sac": "fastadapt.agents.pearl.sac:NominalSAC",
        "nominal-sb3-ppo": "fastadapt.agents.sb3.ppo:NominalSB3PPO",
        "nominal-sb3-sac": "fastadapt.agents.sb3.sac:NominalSB3SAC",
        "domain-randomised": "fastadapt.agents.ppo.memoryless:DomainRandomised",
        "domain-randomised-continuing": "fastadapt.agents.onpolicy.arms:DomainRandomised",
        "domain-randomised-sac": "fastadapt.agents.pearl.sac:DomainRandomisedSAC",
        "domain-randomised-sb3-ppo": "fastadapt.agents.sb3.ppo:DomainRandomisedSB3PPO",
        "domain-randomised-sb3-sac": "fastadapt.agents.sb3.sac:DomainRandomisedSB3SAC",
        "oracle": "fastadapt.agents.ppo.memoryless:Oracle",
        "oracle-continuing": "fastadapt.agents.onpolicy.arms:Oracle",
        "oracle-sac": "fastadapt.agents.pearl.sac:OracleSAC",
        "oracle-sb3-ppo": "fastadapt.agents.sb3.ppo:OracleSB3PPO",
        "oracle-sb3-sac": "fastadapt.agents.sb3.sac:OracleSB3SAC",
    },
)
"""Classes of the agents; an agent is trained, resumed, loaded and compared by its name here."""

CONFIGS: Registry[type[AgentConfig]] = Registry(
    "settings of agent",
    "fastadapt.agent_configs",
    {
        "rl2": "fastadapt.agents.ppo.config:RL2Config",
        "rl2-continuing": "fastadapt.agents.onpolicy.config:ContinuingRL2Config",
        "window": "fastadapt.agents.onpolicy.config:WindowConfig",
        "rma": "fastadapt.agents.onpolicy.config:RMAConfig",
        "informed": "fastadapt.agents.onpolicy.config:InformedConfig",
        "maml": "fastadapt.agents.maml.config:MAMLConfig",
        "pearl": "fastadapt.agents.pearl.config:PEARLConfig",
        "fine-tune": "fastadapt.agents.ppo.config:FineTuneConfig",
        "recurrent": "fastadapt.agents.sb3.config:RecurrentConfig",
        "nominal": "fastadapt.agents.ppo.config:NominalConfig",
        "domain-randomised": "fastadapt.agents.ppo.config:DomainRandomisedConfig",
        "oracle": "fastadapt.agents.ppo.config:OracleConfig",
        **{f"{arm}-continuing": "fastadapt.agents.onpolicy.config:OnPolicyConfig" for arm in ARMS},
        **{f"{arm}-sac": "fastadapt.agents.pearl.config:SACAgentConfig" for arm in ARMS},
        **{f"{arm}-sb3-ppo": "fastadapt.agents.config:PPOAgentConfig" for arm in ARMS},
        **{f"{arm}-sb3-sac": "fastadapt.agents.sb3.config:SB3SACConfig" for arm in ARMS},
    },
)
"""Settings by the name of their agent, importable without torch; an agent that is absent here is
imported for its `config_class`."""


def list_agents() -> list[str]:
    """Return the names of the agents that fastadapt can train, without their algorithms."""
    variants = {f"{arm}-{algorithm}" for arm in ARMS for algorithm in ALGORITHMS}
    return sorted(name for name in AGENTS if name not in variants)


def algorithms_of(name: str) -> tuple[str, ...]:
    """Return the algorithms that `--algorithm` chooses from; none where an agent has only one."""
    return ALGORITHMS if name in ARMS else ()


def resolve(name: str, algorithm: str | None = None) -> str:
    """Return the registered name of an agent trained by an algorithm, e.g. `oracle-sac`.

    Args:
        name: an agent.
        algorithm: one of `algorithms_of(name)`; None for the agent's own.

    Raises:
        FastadaptError: there is no such agent, or it has no such choice.
    """
    if ":" not in name and name not in AGENTS:
        raise unknown_name("agent", name, list_agents())
    if algorithm is None:
        return name
    if name not in ARMS:
        raise FastadaptError(
            f"Agent '{name}' has no choice of algorithms; these have: {', '.join(ARMS)}. Leave out "
            f"the algorithm '{algorithm}'."
        )
    if algorithm not in ALGORITHMS:
        raise unknown_name("algorithm", algorithm, ALGORITHMS)
    return name if algorithm == ALGORITHMS[0] else f"{name}-{algorithm}"


def agent_summaries() -> dict[str, str]:
    """Return one line about each agent, by name: the first line of its settings' docstring."""
    return {name: _summary(name) for name in list_agents()}


def _summary(name: str) -> str:
    try:
        config = find_config(name)
    except FastadaptError as error:  # a plugin that is broken does not hide the others
        return str(error)
    line = (config.__doc__ or "").strip().partition("\n")[0]
    algorithms = algorithms_of(name)
    return f"{line} (--algorithm {', '.join(algorithms)})" if algorithms else line


def find_agent(name: str, algorithm: str | None = None) -> type[MetaLearner]:
    """Return the class of an agent.

    Args:
        name: a registered name, or `module:Class`; the module may be in the working directory.
        algorithm: see `resolve`.

    Raises:
        FastadaptError: there is none, or it is no `MetaLearner`.
    """
    from fastadapt.agents.interface import MetaLearner

    if ":" in name and str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    found = AGENTS.find(resolve(name, algorithm))
    if not (isinstance(found, type) and issubclass(found, MetaLearner)):
        raise FastadaptError(
            f"'{name}' cannot be trained: it is no subclass of fastadapt.agents.MetaLearner."
        )
    return found


def find_config(name: str, algorithm: str | None = None) -> type[AgentConfig]:
    """Return the frozen dataclass of an agent's settings; torch is imported for plugins only.

    Raises:
        FastadaptError: there is no such agent, or it declares no settings.
    """
    name = resolve(name, algorithm)
    found = CONFIGS.find(name) if name in CONFIGS else _declared_config(name)
    if not (isinstance(found, type) and issubclass(found, AgentConfig)):
        raise FastadaptError(
            f"The settings of agent '{name}' are no subclass of fastadapt.agents.AgentConfig."
        )
    return found


def _declared_config(name: str) -> Any:
    cls: Any = find_agent(name)
    try:
        return cls.config_class
    except AttributeError:
        raise FastadaptError(
            f"Agent '{name}' declares no settings: give {cls.__name__} a `config_class`, a "
            "subclass of fastadapt.agents.AgentConfig."
        ) from None


def make_config(name: str, options: Mapping[str, Any]) -> Any:
    """Return an agent's default settings with some replaced; nested ones are mappings.

    Raises:
        FastadaptError: the agent or a setting does not exist, or a setting is not possible.
    """
    return _replaced(find_config(name)(), options)


def make_agent(
    name: str, task_set: TaskSet, seed: int = 0, *, algorithm: str | None = None, **options: Any
) -> MetaLearner:
    """Return a new, untrained agent for the robots of a task set.

    Args:
        name: one of `list_agents()`, or `module:Class`.
        task_set: gives the sizes of observations and actions.
        seed: of its weights, its training and its exploration.
        algorithm: one of `algorithms_of(name)`, where there is a choice (default: ppo).
        options: settings that differ from the defaults, e.g. `width=64, ppo={"epochs": 2}`.

    Raises:
        FastadaptError: no such agent, algorithm or setting.
    """
    return build_agent(resolve(name, algorithm), task_set, seed, options)


def build_agent(name: str, task_set: TaskSet, seed: int, options: Mapping[str, Any]) -> MetaLearner:
    """Return a new, untrained agent.

    Raises:
        FastadaptError: no such agent or setting.
    """
    from fastadapt.agents.spec import AgentSpec

    config = make_config(name, options)
    return find_agent(name)(AgentSpec.of(task_set), seed, config)


def _replaced(config: Any, options: Mapping[str, Any]) -> Any:
    known = {f.name for f in fields(config)}
    changes: dict[str, Any] = {}
    for name, value in options.items():
        if name not in known:
            raise unknown_name("setting", name, known)
        current = getattr(config, name)
        nested = is_dataclass(current) and isinstance(value, Mapping)
        changes[name] = _replaced(current, value) if nested else value
    return replace(config, **changes)
