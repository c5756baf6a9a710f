"""The offline HTML page of a report."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import numpy as np

from fastadapt.adaptation.evaluation.columns import write_tables
from fastadapt.adaptation.evaluation.integrity import mujoco_note
from fastadapt.adaptation.evaluation.results import METHOD, Result
from fastadapt.adaptation.report.figures import plots
from fastadapt.adaptation.report.metrics import MetricRow, metrics_csv, metrics_table
from fastadapt.adaptation.report.tables import make_tables, pairs
from fastadapt.adaptation.report.template import find_template
from fastadapt.adaptation.report.verdicts import verdict
from fastadapt.adaptation.runs.files import write_text
from fastadapt.adaptation.statistics.bootstrap import LEVEL, REPS
from fastadapt.adaptation.text_table import Table
from fastadapt.errors import FastadaptError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curves = Mapping[str, Sequence[Mapping[str, Any]]]
_COMMANDS = ("training_command", "training_commands", "command", "commands")
_APART = ("tasks", "parts", "damage_kinds", "weight", *_COMMANDS)  # of meta: not listed as facts


class Plot(NamedTuple):
    """A figure, the name of its files, and its description in words."""

    name: str
    figure: Figure
    words: str


Section = tuple[str, str, list[Plot]]
"""Title, note and plots."""


def write_report(
    out_dir: str | Path,
    title: str,
    results: Result,
    curves: Curves,
    replays: Sequence[tuple[str, str]],
    meta: Mapping[str, Any],
    more: Sequence[Section] = (),
    more_tables: Sequence[Table] = (),
    metric_rows: Sequence[MetricRow] = (),
    normalised: bool = False,
    words: str | None = None,
) -> Path:
    """Write `index.html`, `table.md`, CSV files and `plots/`; return the path of the page.

    The page loads nothing from a network; plots are inline SVG, replays are files beside it.

    Args:
        out_dir: folder, made if missing.
        title: of the page.
        results: source of every number in the report.
        curves: rows of `metrics.jsonl` by agent, with `env_steps` and `return_mean`.
        replays: caption and file name relative to `out_dir` of pages by `write_replay`.
        meta: added to `results.meta`. `tasks` (changed parameters by task id) and `damage_kinds`
            (names of perturbations) give the bars; `command`, `commands`, `training_command` and
            `training_commands` are shown as commands; other entries are listed.
        more: further sections.
        more_tables: further tables.
        metric_rows: adaptation metrics, for the last table and `metrics.csv`.
        normalised: whether the metrics are those of normalised scores.
        words: the verdict, with which the page begins (default: that of the results).

    Raises:
        FastadaptError: a replay is not a file in `out_dir`, or a result cannot be summarised.
    """
    out_dir = Path(out_dir)
    frames = [_replay(out_dir, caption, name) for caption, name in replays]
    facts = {**results.meta, **meta}
    tables = [*make_tables(results), *more_tables]
    if metric_rows:
        tables.append(metrics_table(metric_rows, normalised))
    sections = _distinct([*_sections(results, curves, facts), *more])
    out_dir.mkdir(parents=True, exist_ok=True)
    for _, _, drawn in sections:
        for plot in drawn:
            plots.save(plot.figure, out_dir / "plots", plot.name)
    words = verdict(results) if words is None else words
    texts = [f"{words}\n", *(f"## {t.title}\n\n{t.note}\n\n{t.markdown()}" for t in tables)]
    write_text(out_dir / "table.md", "\n".join(texts))
    write_tables(results.table, out_dir)
    if metric_rows:
        write_text(out_dir / "metrics.csv", metrics_csv(metric_rows))
    page = _render(title, words, results, tables, frames, sections, facts)
    write_text(out_dir / "index.html", page)
    return out_dir / "index.html"


def _sections(results: Result, curves: Curves, facts: Mapping[str, Any]) -> list[Section]:
    """Return the sections that have plots."""
    tasks, kinds = facts.get("tasks", {}), facts.get("damage_kinds", [])
    bars = [
        Plot(f"damage-{slug(split)}", figure, f"Bars of return by kind of damage on {split}.")
        for split in results.splits
        if (figure := plots.damage_bars(results, split, tasks, kinds))
    ]
    adaptation = [
        Plot(
            f"adaptation-{slug(split)}",
            plots.adaptation_curves(results, split),
            f"Return against shots on {split}. {_words(results, split)}",
        )
        for split in results.splits
    ]
    training = plots.learning_curves(curves, results.agents)
    words = f"Return of training episodes against environment steps: {', '.join(curves)}."
    band = f"Bands are {LEVEL:.0%} intervals over tasks."
    sections = [
        ("Adaptation", f"Mean return against shots, one plot for each split. {band}", adaptation),
        (
            "By kind of damage",
            f"Mean return after the most shots, with {LEVEL:.0%} intervals over the n tasks of "
            "each kind; the diamond is the mean before any shot.",
            bars,
        ),
        (
            "Training",
            "Mean return of the episodes of each iteration, one line for each run.",
            [Plot("learning-curves", training, words)] if training else [],
        ),
    ]
    return [section for section in sections if section[2]]


def _distinct(sections: Sequence[Section]) -> list[Section]:
    """Return the sections with unique names of plots: similar agent names may collide."""
    seen: dict[str, int] = {}
    found: list[Section] = []
    for title, note, drawn in sections:
        named: list[Plot] = []
        for plot in drawn:
            key = plot.name.lower()
            seen[key] = seen.get(key, 0) + 1
            name = plot.name if seen[key] == 1 else f"{plot.name}.{seen[key]}"
            named.append(plot._replace(name=name))
        found.append((title, note, named))
    return found


def _words(results: Result, split: str) -> str:
    texts: list[str] = []
    for on, agent in pairs(results):
        if on == split:
            shots = results.shots(agent, split)
            found = [f"{results.interval(agent, split, k)} after {k}" for k in shots]
            texts.append(f"{agent}: {', '.join(found)}")
    return "; ".join(texts) + "."


def slug(name: str) -> str:
    """Return a name that can be one of a file."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name)


def _replay(out_dir: Path, caption: str, name: str) -> dict[str, str]:
    path = Path(name)
    inside = not path.is_absolute() and ".." not in path.parts
    if not inside or not (out_dir / path).is_file():
        raise FastadaptError(
            f"The replay '{name}' is not a file in {out_dir}: write it there with `write_replay` "
            "first, and give its name relative to that folder."
        )
    return {"caption": caption, "address": quote(path.as_posix())}


def _render(
    title: str,
    words: str,
    results: Result,
    tables: Sequence[Table],
    replays: Sequence[Mapping[str, str]],
    sections: Sequence[tuple[str, str, list[Plot]]],
    facts: Mapping[str, Any],
) -> str:
    from markupsafe import Markup

    table_page = find_template("table.html")
    drawn = [
        {
            "title": name,
            "note": note,
            "plots": [
                {"name": p.name, "svg": Markup(plots.inline_svg(p.figure, p.name, p.words))}
                for p in shown
            ],
        }
        for name, note, shown in sections
    ]
    return find_template("report.html").render(
        title=title,
        verdict=words,
        lead=_lead(results),
        tables=tables,
        show=lambda table: Markup(table_page.render(table=table, groups=_by_split(table))),
        replays=replays,
        sections=drawn,
        method=f"{LEVEL:.0%} intervals, {REPS} resamples, seed 0: {METHOD}.",
        commands=_commands(facts),
        facts=list(_facts(facts)),
    )


def _by_split(table: Table) -> list[tuple[str, list[list[str]]]]:
    return [(split, list(rows)) for split, rows in groupby(table.rows, key=lambda row: row[0])]


def _lead(results: Result) -> str:
    seeds = len(np.unique(results.table["seed"]))
    tasks = len(np.unique(results.table[["split", "task_id"]]))
    agents, splits = len(results.agents), len(results.splits)
    note = mujoco_note(results.meta)
    return (
        f"Task set {results.task_set}: {agents} agent{'s' * (agents > 1)}, "
        f"{seeds} seed{'s' * (seeds > 1)}, {tasks} tasks in {splits} split{'s' * (splits > 1)}, "
        f"{len(results.table)} measured episodes.{' ' * bool(note)}{note}"
    )


def _commands(facts: Mapping[str, Any]) -> list[str]:
    """Return every command once, those of training first."""
    commands: list[str] = []
    for name in _COMMANDS:
        for part in (facts, *facts.get("parts", [])):
            value = part.get(name, [])
            commands += [value] if isinstance(value, str) else value
    return list(dict.fromkeys(commands))


def _facts(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield names and values of the provenance list, nested ones with dotted names."""
    values: dict[str, list[str]] = {}
    for part in (facts, *facts.get("parts", [])):
        for name, value in part.items():
            if name not in _APART:
                for key, text in _flat(name, value):
                    values.setdefault(key, []).append(text)
    seconds = [float(text) for text in values.pop("wall_seconds", [])]
    for name, texts in values.items():
        yield name.replace("_", " "), "; ".join(dict.fromkeys(texts))
    if seconds:
        yield "wall seconds", f"{sum(seconds):.0f} for {len(seconds)} evaluation(s)"


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(f"{name}.{key}", inner)
    elif isinstance(value, list | tuple) and not any(isinstance(v, Mapping) for v in value):
        yield name, ", ".join(map(str, value))
    else:
        yield name, value if isinstance(value, str) else json.dumps(value, default=str)
