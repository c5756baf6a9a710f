"""Public checkers for extensions: run them in the tests of a plugin, as Gymnasium's `check_env`.

Each raises a `FastadaptError` that says what is wrong, and returns nothing where all is well. The
names below are imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastadapt.adaptation.trials.agent_check import check_agent
    from fastadapt.envs.sanity.check_perturbation import check_perturbation

_MODULES = {
    "check_agent": "fastadapt.adaptation.trials.agent_check",
    "check_perturbation": "fastadapt.envs.sanity.check_perturbation",
}

__all__ = ["check_agent", "check_perturbation"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'fastadapt.testing' has no attribute '{name}'")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
