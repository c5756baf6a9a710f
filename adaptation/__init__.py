"""Trials, meta-training, evaluation, statistics, report, runs, command line.

Names are imported when first used, so that the command line starts fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastadapt.adaptation.evaluation.evaluate import evaluate
    from fastadapt.adaptation.evaluation.results import Result
    from fastadapt.adaptation.runs.run import Run, load_run
    from fastadapt.adaptation.training import train

__all__ = ["Result", "Run", "evaluate", "load_run", "train"]


_HOMES = {
    "Result": "evaluation.results",
    "Run": "runs.run",
    "evaluate": "evaluation.evaluate",
    "load_run": "runs.run",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fastadapt.adaptation' has no attribute '{name}'")
    return getattr(importlib.import_module(f"fastadapt.adaptation.{_HOMES[name]}"), name)
