"""Ceilings that are some: an oracle that a measured agent beats is no reference."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from fastadapt.adaptation.evaluation.controls import is_control
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.references.scores import References
from fastadapt.adaptation.statistics.bootstrap import Interval
from fastadapt.adaptation.statistics.paired import paired_difference
from fastadapt.errors import FastadaptError


class Excess(NamedTuple):
    """An agent whose return is above that of the oracle beyond the interval of the difference."""

    agent: str
    split: str
    shot: int
    difference: Interval


def above_ceiling(references: References, result: Result) -> list[Excess]:
    """Return where agents are above the oracle, the largest excess first.

    Both are paired by task; tasks and training seeds of both are resampled.

    Args:
        references: with an oracle.
        result: of any agents on the same task set; splits without an oracle are left out.

    Raises:
        FastadaptError: the results belong to another version of the task set.
    """
    references.check(result)
    found: list[Excess] = []
    for agent in result.agents:
        on = np.unique(result.table["split"][result.table["agent"] == agent]).tolist()
        for split in [split for split in on if split in references.splits]:
            for shot in result.shots(agent, split):
                tasks, scores = result.scores(agent, split, shot)
                if len(tasks) < 2:
                    continue
                oracle = references.of_seeds("oracle", split, tasks)
                difference = paired_difference(scores, oracle)
                if difference.low > 0:
                    found.append(Excess(agent, split, shot, difference))
    return sorted(found, key=lambda excess: -excess.difference.point)


def check_ceiling(references: References, results: Sequence[Result]) -> None:
    """Refuse references whose oracle an agent beats.

    Raises:
        FastadaptError: it does; the sentence names the agent, the split and the excess.
    """
    found = [excess for result in results for excess in above_ceiling(references, result)]
    if not found:
        return
    worst = max(found, key=lambda excess: excess.difference.point)
    splits = list(dict.fromkeys(excess.split for excess in found))
    raise FastadaptError(
        f"The oracle of '{references.task_set}' is no ceiling: {worst.agent} is above it on "
        f"{worst.split} after {worst.shot} shots, by {worst.difference}"
        f"{f' (splits in all: {len(splits)})' if len(splits) > 1 else ''}. Train the oracle longer "
        "or with another algorithm (--iterations.oracle, --algorithm), or give a better one with "
        "--oracle RUN. Nothing was written."
    )


def said_above_one(references: References, result: Result) -> str:
    """Return a sentence about agents above the oracle; empty where there is none."""
    found = [e for e in above_ceiling(references, result) if not is_control(e.agent)]
    where = list(dict.fromkeys(f"{excess.agent} on {excess.split}" for excess in found))
    if not where:
        return ""
    return (
        "The oracle of the references is no ceiling: these are above it beyond their intervals, "
        f"and normalised scores count from too low a top: {', '.join(where)}."
    )
