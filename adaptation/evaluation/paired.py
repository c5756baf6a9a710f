"""Paired comparisons of two results on the same tasks."""

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


class Comparison(NamedTuple):
    """Return of one agent minus another's, task by task, and how likely the first is better."""

    mean: Interval
    iqm: Interval
    probability: Interval


def compare(
    a: Result, b: Result, split: str, shot: int, agents: tuple[str, str] | None = None
) -> Comparison:
    """Compare an agent of `a` with one of `b` task by task, on the same tasks after as many shots.

    `agents` names them, and may be left out where each result has one; `b` may be `a`.

    Raises:
        FastadaptError: the tasks differ, or a name is missing or unknown.
    """
    if agents is None and max(len(a.agents), len(b.agents)) > 1:
        names = ", ".join(dict.fromkeys(a.agents + b.agents))
        raise FastadaptError(f"Say which agents to compare: {names}.")
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
        lone = (Interval(value, math.nan, math.nan, 1) for value in (difference, difference, won))
        return Comparison(*lone)
    way: Resample = "tasks" if max(len(x), len(y)) == 1 else "both"
    return Comparison(
        paired_difference(x, y, mean),
        paired_difference(x, y, iqm),
        probability_of_improvement(x, y, resample=way),
    )
