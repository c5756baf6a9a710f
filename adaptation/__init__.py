"""Meta-training, evaluation, references, statistics, reports and the command line.

Names are imported on first use, so that the command line starts fast.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastadapt.adaptation.evaluation.evaluate import evaluate
    from fastadapt.adaptation.evaluation.evaluate_run import evaluate_run, evaluate_run_online
    from fastadapt.adaptation.evaluation.results import Result
    from fastadapt.adaptation.references.make import make_references
    from fastadapt.adaptation.report.compare import compare
    from fastadapt.adaptation.runs.open_run import open_run
    from fastadapt.adaptation.runs.run import Run, load_run
    from fastadapt.adaptation.training import train

__all__ = [
    "Result",
    "Run",
    "compare",
    "evaluate",
    "evaluate_run",
    "evaluate_run_online",
    "load_run",
    "make_references",
    "open_run",
    "train",
]

_HOMES = {
    "Result": "evaluation.results",
    "Run": "runs.run",
    "compare": "report.compare",
    "evaluate": "evaluation.evaluate",
    "evaluate_run": "evaluation.evaluate_run",
    "evaluate_run_online": "evaluation.evaluate_run",
    "load_run": "runs.run",
    "make_references": "references.make",
    "open_run": "runs.open_run",
    "train": "training",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fastadapt.adaptation' has no attribute '{name}'")
    return getattr(importlib.import_module(f"fastadapt.adaptation.{_HOMES[name]}"), name)
