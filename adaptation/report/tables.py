"""The tables of a report: returns, gains, differences, distance and energy, failures and cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from fastadapt.adaptation.evaluation.paired import compare
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.statistics.bootstrap import (
    LEVEL,
    Interval,
    Statistic,
    iqm,
    mean,
    median,
    over_tasks,
)
from fastadapt.adaptation.statistics.metrics import cost_of_transport
from fastadapt.adaptation.text_table import Table, shots_name

DIFFERENCES = "Differences between agents"
"""Title of the table that pairs agents task by task."""
OVER = f"{LEVEL:.0%} interval over the n tasks (and the seeds, where there are several)"
"""How every number is given."""
_NOWHERE = 1e12
"""Stands for an infinite cost of transport: finite, so that its median can be resampled."""


def make_tables(results: Result) -> list[Table]:
    """Return the tables of a report that any result has."""
    tables = [
        Table(
            "Return after adaptation",
            f"Mean return with its {OVER}, after a number of shots: adaptation episodes that the "
            "agent lived through before it was measured.",
            *_returns(results, mean),
        ),
        Table(
            "What adaptation adds",
            f"Return after shots minus return after none, paired by task: mean and {OVER}. An "
            "interval above 0 is an improvement.",
            *_gains(results),
            folded=True,
        ),
        Table(
            "Interquartile mean of the return",
            f"The mean of the middle half of the scores with its {OVER}.",
            *_returns(results, iqm),
            folded=True,
        ),
        _physical(results),
        Table(
            "Cost of adaptation",
            "What the most shots cost on one task, all together: median over tasks with its "
            f"{OVER}. Seconds are of the machine below, simulation included.",
            *_costs(results),
            folded=True,
        ),
    ]
    if len(results.agents) > 1:
        note = (
            f"Return of '{results.agents[0]}' minus that of the other on the same tasks, after the "
            "most shots that both had: mean and interquartile mean of the differences, and the "
            f"probability of the higher return on a task, each with its {OVER}. A difference "
            "above 0 is in its favour."
        )
        tables.insert(2, Table(DIFFERENCES, note, *_differences(results), folded=True))
    return tables


def pairs(results: Result) -> Iterator[tuple[str, str]]:
    """Yield split and agent, agents of one split together."""
    for split in results.splits:
        on = set(results.table["agent"][results.table["split"] == split].tolist())
        yield from ((split, agent) for agent in results.agents if agent in on)


def with_n(cells: Sequence[Interval | None]) -> list[str]:
    """Return the cells as text, each with its own n where they differ, and n."""
    counts = sorted({cell.n for cell in cells if cell})
    if len(counts) == 1:
        return [*(str(cell or "-") for cell in cells), str(counts[0])]
    texts = [f"{cell} (n = {cell.n})" if cell else "-" for cell in cells]
    return [*texts, f"{counts[0]} to {counts[-1]}"]


def _all_shots(results: Result) -> list[int]:
    return np.unique(results.table["shot"]).tolist()


def _seeds(results: Result, agent: str, split: str) -> str:
    return str(len(results.scores(agent, split, results.shots(agent, split)[0])[1]))


def _returns(results: Result, statistic: Statistic) -> tuple[list[str], list[list[str]]]:
    shots = _all_shots(results)
    rows: list[list[str]] = []
    for split, agent in pairs(results):
        own = results.shots(agent, split)
        cells = [results.interval(agent, split, k, statistic) if k in own else None for k in shots]
        rows.append([split, agent, *with_n(cells), _seeds(results, agent, split)])
    return ["split", "agent", *map(shots_name, shots), "n", "seeds"], rows


def _gains(results: Result) -> tuple[list[str], list[list[str]]]:
    shots = [shot for shot in _all_shots(results) if shot > 0]
    rows: list[list[str]] = []
    for split, agent in pairs(results):
        own = results.shots(agent, split)
        paired = [k in own and 0 in own for k in shots]
        cells = [
            results.gain(agent, split, k) if p else None for k, p in zip(shots, paired, strict=True)
        ]
        if any(cells):
            rows.append([split, agent, *with_n(cells), _seeds(results, agent, split)])
    return ["split", "agent", *map(shots_name, shots), "n", "seeds"], rows


def _differences(results: Result) -> tuple[list[str], list[list[str]]]:
    rows: list[list[str]] = []
    first = results.agents[0]
    for split, agent in pairs(results):
        if agent == first or (split, first) not in pairs(results):
            continue
        common = set(results.shots(first, split)) & set(results.shots(agent, split))
        if common:
            shot = max(common)
            found = compare(results, results, split, shot, (first, agent))
            rows.append([split, agent, str(shot), *map(str, found), str(found.mean.n)])
    head = [
        "split",
        "compared with",
        "shots",
        "mean difference",
        "IQM difference",
        "P(better)",
        "n",
    ]
    return head, rows


def _physical(results: Result) -> Table:
    weight = results.meta.get("weight")
    head = ["split", "agent", "shots", "distance", "energy [J]"]
    note = (
        f"After the most shots, mean with its {OVER}. Distance: "
        f"{results.meta.get('distance', 'in metres')}. Energy: work of the actuators in an "
        "episode, braking counted as driving. Fell, broke: share of episodes that ended by a fall "
        "or in a broken simulation."
    )
    if weight:
        head.append("cost of transport")
        note += (
            f" Cost of transport: energy / (weight x distance), weight {weight:.0f} N, median over "
            "tasks; inf for who gets nowhere."
        )
    rows: list[list[str]] = []
    for split, agent in pairs(results):
        at = (agent, split, results.shots(agent, split)[-1])
        cells = [results.interval(*at, column=name) for name in ("distance", "energy")]
        if weight:
            cells.append(_transport(results, *at, weight))
        cells += [results.interval(*at, column=name) for name in ("fell", "diverged")]
        rows.append([split, agent, str(at[2]), *with_n(cells)])
    return Table(
        "Distance, energy and failures", note, [*head, "fell", "broke", "n"], rows, folded=True
    )


def _transport(results: Result, agent: str, split: str, shot: int, weight: float) -> Interval:
    energy, distance = (
        results.scores(agent, split, shot, name)[1] for name in ("energy", "distance")
    )
    cost = np.minimum(cost_of_transport(energy, weight, distance), _NOWHERE)
    found = over_tasks(cost, median)
    point, low, high = (
        math.inf if x > _NOWHERE / 2 else x for x in (found.point, found.low, found.high)
    )
    return Interval(point, low, high, found.n)


def _costs(results: Result) -> tuple[list[str], list[list[str]]]:
    names = ("env_steps", "gradient_steps", "seconds")
    rows: list[list[str]] = []
    for split, agent in pairs(results):
        at = (agent, split, results.shots(agent, split)[-1])
        cells = [results.interval(*at, median, f"adaptation_{name}") for name in names]
        rows.append([split, agent, str(at[2]), *with_n(cells)])
    return ["split", "agent", "shots", "env steps", "gradient steps", "seconds", "n"], rows
