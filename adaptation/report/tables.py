"""The tables of a report: returns, gains, differences, distance and energy, failures, cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from fastadapt.adaptation.evaluation.paired import compare_agents
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.report.harm import harm_table, success_table
from fastadapt.adaptation.report.verdicts import gain_over_constant, verdict
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

CONSTANT = "Gain over a constant context"
"""Title of the table of what adaptation adds."""
DIFFERENCES = "Differences between agents"
"""Title of the table of paired differences."""
OVER = f"{LEVEL:.0%} interval over the n tasks (and the seeds, where there are several)"
"""Description of every interval."""
_NOWHERE = 1e12
"""Finite substitute for an infinite cost of transport, so that its median can be resampled."""


def make_tables(results: Result) -> list[Table]:
    """Return the tables that every report has."""
    tables = [
        Table(
            "Return after adaptation",
            f"Mean return with its {OVER}, by the number of shots: adaptation episodes before the "
            "measurement.",
            *_returns(results, mean),
        ),
        Table(
            "Gain from adaptation",
            f"Return after the shots minus return before any, paired by task: mean and {OVER}. An "
            "interval above 0 is an improvement.",
            *_gains(results),
            folded=True,
        ),
        Table(
            "Interquartile mean of the return",
            f"Mean of the middle half of the scores with its {OVER}.",
            *_returns(results, iqm),
            folded=True,
        ),
        _physical(results),
        Table(
            "Cost of adaptation",
            "Total cost of the most shots on one task: median over tasks with its "
            f"{OVER}. Seconds are wall time on the machine below, simulation included.",
            *_costs(results),
            folded=True,
        ),
    ]
    beside = (success_table(results), over_constant(results), harm_table(results))
    tables[1:1] = [table for table in beside if table is not None]
    if len(results.agents) > 1:
        note = (
            f"Return of '{results.agents[0]}' minus that of the other on the same tasks, after "
            "the largest number of shots of both: mean and interquartile mean of the differences, "
            f"and the probability of a higher return on a task, each with its {OVER}. Above 0, "
            f"'{results.agents[0]}' is better."
        )
        tables.insert(-3, Table(DIFFERENCES, note, *_differences(results), folded=True))
    return tables


def over_constant(results: Result) -> Table | None:
    """Return the gains over constant contexts; None where no control was measured."""
    head, rows = _over_constant(results)
    if not rows:
        return None
    note = (
        "Return after the shots minus that of the same agent with one inference about all tasks, "
        f"the mean over training tasks, paired by task: mean and {OVER}. This is what adaptation "
        "adds; the gain over 0 shots is not, as training may never visit the state before a shot."
    )
    return Table(CONSTANT, note, head, rows)


def summary_text(results: Result) -> str:
    """Return the verdict on an evaluation and its main tables, as Markdown."""
    beside = (success_table(results), over_constant(results), harm_table(results))
    more = [f"\n{table.title}\n\n{table.markdown()}" for table in beside if table is not None]
    return f"{verdict(results)}\n\n{results.markdown()}{''.join(more)}"


def pairs(results: Result) -> Iterator[tuple[str, str]]:
    """Yield split and agent, grouped by split."""
    for split in results.splits:
        on = set(results.table["agent"][results.table["split"] == split].tolist())
        yield from ((split, agent) for agent in results.agents if agent in on)


def with_n(cells: Sequence[Interval | None]) -> list[str]:
    """Return the cells as text, with n in each cell where they differ, followed by n."""
    counts = sorted({cell.n for cell in cells if cell}) or [0]
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


def _over_constant(results: Result) -> tuple[list[str], list[list[str]]]:
    """Return gains over the constant-context control, of the agents that were measured with it."""
    shots = _all_shots(results)
    rows: list[list[str]] = []
    for split, agent in pairs(results):
        cells = [gain_over_constant(results, agent, split, k) for k in shots]
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
            found = compare_agents(results, results, split, shot, (first, agent))
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
        "episode, positive and negative alike. Fell, diverged: share of episodes that ended in a "
        "fall or a diverged simulation."
    )
    if weight:
        head.append("cost of transport")
        note += (
            f" Cost of transport: energy / (weight x distance), weight {weight:.0f} N, median over "
            "tasks; inf without progress."
        )
    rows: list[list[str]] = []
    for split, agent in pairs(results):
        at = (agent, split, results.shots(agent, split)[-1])
        cells = [_recorded(results, *at, name) for name in ("distance", "energy")]
        if weight:
            cells.append(_transport(results, *at, weight) if all(cells) else None)
        cells += [_recorded(results, *at, name) for name in ("fell", "diverged")]
        rows.append([split, agent, str(at[2]), *with_n(cells)])
    return Table(
        "Distance, energy and failures", note, [*head, "fell", "diverged", "n"], rows, folded=True
    )


def _recorded(
    results: Result, agent: str, split: str, shot: int, column: str, statistic: Statistic = mean
) -> Interval | None:
    """Return the statistic of a column, or None where an earlier version did not record it."""
    if not results.recorded(agent, split, shot, column):
        return None
    return results.interval(agent, split, shot, statistic, column)


def _transport(results: Result, agent: str, split: str, shot: int, weight: float) -> Interval:
    energy, distance = (
        results.scores(agent, split, shot, name)[1] for name in ("energy", "distance")
    )
    cost = np.minimum(cost_of_transport(energy, weight, distance), _NOWHERE)
    found = over_tasks(cost, median)
    point, low, high = (
        math.inf if x > _NOWHERE / 2 else x for x in (found.point, found.low, found.high)
    )
    return Interval(point, low, high, found.n, found.runs)


def _costs(results: Result) -> tuple[list[str], list[list[str]]]:
    names = ("env_steps", "gradient_steps", "seconds")
    rows: list[list[str]] = []
    for split, agent in pairs(results):
        at = (agent, split, results.shots(agent, split)[-1])
        cells = [_recorded(results, *at, f"adaptation_{name}", median) for name in names]
        rows.append([split, agent, str(at[2]), *with_n(cells)])
    return ["split", "agent", "shots", "env steps", "gradient steps", "seconds", "n"], rows
