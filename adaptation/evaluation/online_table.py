"""The table of online trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastadapt.adaptation.evaluation.online_results import OnlineResult
from fastadapt.adaptation.statistics.bootstrap import LEVEL, Interval
from fastadapt.adaptation.text_table import Table
from fastadapt.adaptation.trials.online_recovery import MOMENTS

ONLINE = "Recovery within one episode"
"""Title of the table of online trials."""
_LEVELS = {
    "before": "before", "lost": "lost", "struck_end": "end", "healthy_end": "healthy",
    "settled_end": "settled", "end_minus_settled": "end - settled", "floor_end": "floor",
    "best_end": "best",
}  # fmt: skip
_COUNTS = ("nothing lost", "nothing to regain", "twin broke down", "not struck")


def online_table(results: Sequence[OnlineResult]) -> Table:
    """Return the table of online trials: levels, regained shares, times, and what was left out."""
    moments = [f"{moment:g} s" for moment in MOMENTS]
    head = ["split", "agent", *_LEVELS.values(), *(f"share {at}" for at in [*moments, "end"]),
            "seconds to recover", "recovered", "fell", *_COUNTS, "n"]  # fmt: skip
    return Table(ONLINE, _note(results), head, [_cells(result) for result in results])


def _cells(result: OnlineResult) -> list[str]:
    found = result.summary()
    values = [
        *(found[name] for name in _LEVELS),
        *found["share"].values(),
        *(found[name] for name in ("recovery_s", "recovered", "fell")),
    ]
    counts = [str(found["counts"][name]) for name in _COUNTS]
    return [result.split, result.agent, *map(_text, values), *counts, str(len(result.rows))]


def _text(interval: dict[str, Any] | None) -> str:
    return str(Interval.from_json(interval)) if interval else "-"


def _note(results: Sequence[OnlineResult]) -> str:
    meta = results[0].meta
    rivals = {
        role: " or ".join(dict.fromkeys(str(r.meta[role]) for r in results))
        for role in ("floor", "best")
    }
    return (
        f"Damage ({', '.join(meta['strikes'])}) begins within the episode, and the agent is not "
        f"informed. Means with their {LEVEL:.0%} interval over tasks; levels are rewards per "
        "control step. Lost: healthy robot minus struck one over the first 2 s. End, healthy, "
        "settled, floor, best: levels over the last 5 s; settled is the same agent with the "
        "damage from the start. Share: (struck - floor) / (best - floor) at times since the "
        f"onset; floor: {rivals['floor']}; best: {rivals['best']}; '-' where the gap is not above "
        "0 beyond its interval. Seconds to recover: until a share of 0.9 is regained for good, "
        f"restricted mean up to {results[0].horizon():g} s, right-censored, over the robots with "
        "something to regain. Last columns: numbers of tasks; broken twins are left out."
    )
