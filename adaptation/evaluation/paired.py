"""Paired comparison of two agents in results on the same tasks."""

from __future__ import annotations

import math
from typing import NamedTuple

from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.statistics.bootstrap import (
    Interval,
    Resample,
    iqm,
    mean,
)
from fastadapt.adaptation.statistics.paired import (
    paired_difference,
    probability_of_improvement,
    wins,
)
from fastadapt.errors import FastadaptError


class PairedComparison(NamedTuple):
    """Paired differences in return, and the probability that the first agent is better."""

    mean: Interval
    iqm: Interval
    probability: Interval


def compare_agents(
    a: Result, b: Result, split: str, shot: int, agents: tuple[str, str] | None = None
) -> PairedComparison:
    """Compare an agent of `a` with one of `b`, paired by task, after the same number of shots.

    Args:
        a: results with the first agent.
        b: results with the second; may be `a`.
        split: of the tasks.
        shot: number of shots.
        agents: names of both; may be left out where each result has one agent.

    Raises:
        FastadaptError: the tasks differ, or a name is missing or unknown.
    """
    if agents is None and max(len(a.agents), len(b.agents)) > 1:
        names = ", ".join(dict.fromkeys(a.agents + b.agents))
        raise FastadaptError(f"The results hold several agents: {names}. Name the two to compare.")
    first, second = agents or (a.agents[0], b.agents[0])
    x_tasks, x = a.scores(first, split, shot)
    y_tasks, y = b.scores(second, split, shot)
    if x_tasks != y_tasks:
        common = len(set(x_tasks) & set(y_tasks))
        raise FastadaptError(
            f"'{first}' and '{second}' were evaluated on different tasks of '{split}' ({common} in "
            f"common of {len(x_tasks)} and {len(y_tasks)}): evaluate both on the same ones."
        )
    if len(x_tasks) == 1:
        difference, won = float(x.mean() - y.mean()), float(wins(x, y).mean())
        lone = (
            Interval(value, math.nan, math.nan, 1, min(len(x), len(y)))
            for value in (difference, difference, won)
        )
        return PairedComparison(*lone)
    way: Resample = "tasks" if max(len(x), len(y)) == 1 else "both"
    return PairedComparison(
        paired_difference(x, y, mean),
        paired_difference(x, y, iqm),
        probability_of_improvement(x, y, resample=way),
    )
