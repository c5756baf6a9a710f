"""List the trained agents that are part of the package, usable as zoo:NAME."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import tyro


@dataclass(frozen=True)
class Zoo:
    """List the trained agents that are part of the package.

    Each is a run: `fastadapt evaluate zoo:NAME` copies it to runs/NAME and saves its evaluations
    there.
    """


def run(arguments: list[str]) -> None:
    """Parse and list."""
    tyro.cli(Zoo, args=arguments, prog="fastadapt zoo")
    from fastadapt.adaptation.runs.zoo import PREFIX, zoo_runs

    for name, path in zoo_runs().items():
        config: dict[str, Any] = json.loads((path / "config.json").read_text(encoding="utf-8"))
        what = f"{config['agent']} on {config['task_set']}, seed {config['seed']}"
        print(f"{PREFIX}{name:<52}{what}")
