"""Meta-learners and the baselines that they are compared with; nothing here imports MuJoCo.

Names are imported on first use, so that the command line starts without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastadapt.agents.config import AgentConfig
    from fastadapt.agents.interface import (
        AdaptiveAgent,
        AgentState,
        MetaLearner,
        Transition,
    )
    from fastadapt.agents.registry import (
        find_agent,
        list_agents,
        make_agent,
        make_config,
    )
    from fastadapt.agents.spec import AgentSpec

_MODULES = {
    "AdaptiveAgent": "interface",
    "AgentConfig": "config",
    "AgentSpec": "spec",
    "AgentState": "interface",
    "MetaLearner": "interface",
    "Transition": "interface",
    "find_agent": "registry",
    "list_agents": "registry",
    "make_agent": "registry",
    "make_config": "registry",
}

__all__ = [
    "AdaptiveAgent",
    "AgentConfig",
    "AgentSpec",
    "AgentState",
    "MetaLearner",
    "Transition",
    "find_agent",
    "list_agents",
    "make_agent",
    "make_config",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'fastadapt.agents' has no attribute '{name}'")
    return getattr(importlib.import_module(f"fastadapt.agents.{_MODULES[name]}"), name)
