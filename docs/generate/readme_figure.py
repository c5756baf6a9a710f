"""The figure of the README: return over shots of evaluated runs, beside the references.

`python docs/generate/readme_figure.py RUN RUN ... --out docs/images/reacher-shots.svg`
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import tyro
from markdown_blocks import ROOT

from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.statistics.bootstrap import over_tasks


@dataclass(frozen=True)
class Figure:
    """Plot the mean return over shots of every agent, one panel for each split."""

    evaluations: tyro.conf.Positional[tuple[Path, ...]]
    """Folders with results.csv of one task set."""
    references: Path = ROOT / "assets/references/reacher-damage-v1.json"
    """Returns of the baselines and of the oracle on the same task set."""
    out: Path = Path("reacher-shots.svg")
    """SVG to write."""


BASELINES = {"floor": "nominal", "domain-randomised": "domain-randomised", "oracle": "oracle"}
"""Keys of the reference file, and the names of the agents."""


def make_figure(args: Figure) -> None:
    """Write the figure."""
    results = Result.concatenate([Result.load(folder) for folder in args.evaluations])
    references = json.loads(args.references.read_text(encoding="utf-8"))["returns"]
    mpl.rcParams["svg.hashsalt"] = "fastadapt"  # the same figure twice is the same file
    fig, axes = plt.subplots(1, len(results.splits), figsize=(8.4, 3), sharey=True, squeeze=False)
    for axis, split in zip(axes[0], results.splits, strict=True):
        _panel(axis, results, references, split)
    axes[0][0].set_ylabel("return")
    axes[0][-1].legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    fig.tight_layout()
    fig.savefig(args.out, metadata={"Date": None})


def _panel(axis: Any, results: Result, references: Any, split: str) -> None:
    for agent in results.agents:
        shots = results.shots(agent, split)
        means = [over_tasks(results.scores(agent, split, shot)[1]) for shot in shots]
        points = [mean.point for mean in means]
        label = agent.replace("-exchanged", ", swapped context")
        label = label.replace("-constant-context", ", constant context")
        spread = [
            [mean.point - mean.low for mean in means],
            [mean.high - mean.point for mean in means],
        ]
        axis.errorbar(shots, points, spread, marker="o", markersize=4, capsize=2, label=label)
    for (key, name), style in zip(BASELINES.items(), (":", "--", "-"), strict=True):
        level = sum(references[key][split].values()) / len(references[key][split])
        axis.axhline(level, color="0.5", linestyle=style, linewidth=1, label=name)
    axis.set_title(split, fontsize=9)
    axis.set_xlabel("shots")
    axis.set_xticks(results.shots(results.agents[0], split))


if __name__ == "__main__":
    make_figure(tyro.cli(Figure))
