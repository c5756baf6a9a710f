"""Success beside the return, and whether adapting harms a healthy robot."""

from __future__ import annotations

import numpy as np

from fastadapt.adaptation.evaluation.columns import is_recorded
from fastadapt.adaptation.evaluation.controls import is_control
from fastadapt.adaptation.evaluation.measured_tasks import HEALTHY
from fastadapt.adaptation.evaluation.paired import compare_agents
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.statistics.bootstrap import LEVEL, Interval, over_tasks
from fastadapt.adaptation.text_table import Table, shots_name


def success_table(results: Result) -> Table | None:
    """Return the shares of episodes that were a success; None where none was recorded."""
    if not is_recorded(results.table["success"]).any():
        return None
    shots = np.unique(results.table["shot"]).tolist()
    rows: list[list[str]] = []
    for split in results.splits:
        for agent in _on(results, split):
            own = results.shots(agent, split)
            cells = [
                str(results.interval(agent, split, k, column="success"))
                if k in own and results.recorded(agent, split, k, "success")
                else "-"
                for k in shots
            ]
            rows.append([split, agent, *cells])
    rule = results.meta.get("success")
    note = f"Share of episodes that were a success{f': {rule}' if rule else ''}."
    return Table("Success", note, ["split", "agent", *map(shots_name, shots)], rows)


def harm_table(results: Result) -> Table | None:
    """Return what adapting does to a healthy robot; None where it was not measured.

    Differences are paired by the start of the episode: below 0, adapting harms.
    """
    rows: list[list[str]] = []
    for agent in _on(results, HEALTHY):
        shots = results.shots(agent, HEALTHY)
        if is_control(agent) or len(shots) < 2:
            continue
        last, first = shots[-1], shots[0]
        gain = compare_shots(results, agent, first, last)
        control = f"{agent}-constant-context"
        over = None
        if control in _on(results, HEALTHY) and last in results.shots(control, HEALTHY):
            over = compare_agents(results, results, HEALTHY, last, (agent, control)).mean
        before, after = (str(results.interval(agent, HEALTHY, k)) for k in (first, last))
        rows.append([
            f"{agent}, {shots_name(last)}", agent, before, after, str(gain),
            "-" if over is None else str(over), _answer(over or gain),
        ])  # fmt: skip
    if not rows:
        return None
    note = (
        "Return of the unperturbed robot from several starts (n), with its "
        f"{LEVEL:.0%} interval, and differences paired by start. Harm: the difference to the "
        "constant context, or without one to the fewest shots, lies below 0."
    )
    head = ["healthy", "agent", "fewest shots", "most shots", "difference",
            "over constant context", "harm"]  # fmt: skip
    return Table("Does adaptation harm a healthy robot?", note, head, rows)


def compare_shots(results: Result, agent: str, first: int, last: int) -> Interval:
    """Return the healthy return after `last` shots minus that after `first`, paired by start."""
    before, after = (results.scores(agent, HEALTHY, k)[1] for k in (first, last))
    return over_tasks(after - before)


def _answer(difference: Interval) -> str:
    if difference.high < 0:
        return "yes"
    return "no" if difference.low >= 0 else "not seen"


def _on(results: Result, split: str) -> list[str]:
    """Return the agents that were measured on a split."""
    on = set(results.table["agent"][results.table["split"] == split].tolist())
    return [agent for agent in results.agents if agent in on]
