"""One offline HTML page that says how fast which agent recovers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import numpy as np

from fastadapt.adaptation import plots
from fastadapt.adaptation.checkpoint import write_text
from fastadapt.adaptation.results import Result, compare, markdown_table, shots_name
from fastadapt.adaptation.statistics import LEVEL, REPS, Interval, Statistic, iqm, mean
from fastadapt.adaptation.tables_out import write_tables
from fastadapt.envs.errors import FastadaptError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curves = Mapping[str, Sequence[Mapping[str, Any]]]
_COMMANDS = ("training_command", "training_commands", "command", "commands")
_APART = ("tasks", "parts", "damage_kinds", *_COMMANDS)  # of meta: not listed as facts


class Table(NamedTuple):
    """Text of a table; the first two columns are names. A folded one opens with a click."""

    title: str
    note: str
    head: list[str]
    rows: list[list[str]]
    folded: bool = False


class Plot(NamedTuple):
    """A figure, the name of its files, and what it says in words."""

    name: str
    figure: Figure
    words: str


Section = tuple[str, str, list[Plot]]
"""Title, note and plots."""
DIFFERENCES = "Differences between agents"
"""Title of the table that pairs agents task by task."""


def write_report(
    out_dir: str | Path,
    title: str,
    results: Result,
    curves: Curves,
    replays: Sequence[tuple[str, str]],
    meta: Mapping[str, Any],
    more: Sequence[Section] = (),
    more_tables: Sequence[Table] = (),
) -> Path:
    """Write `index.html`, `table.md`, `results.csv` and `plots/`; return the path of the page.

    The page loads nothing from a network; plots are drawn in it, replays are frames beside it.

    Args:
        out_dir: folder, made if missing.
        title: of the page.
        results: every number in the report comes from here.
        curves: rows of `metrics.jsonl` by agent, with `env_steps` and `return_mean`.
        replays: caption and file name relative to `out_dir` of pages by `write_replay`.
        meta: added to `results.meta`. `tasks` (changed parameters by task id) and `damage_kinds`
            (names of perturbations) give the bars; `command`, `commands`, `training_command` and
            `training_commands` are shown as commands; everything else is listed.
        more: sections that only some agents have, after the others.
        more_tables: the same of tables.

    Raises:
        FastadaptError: a replay is not a file in `out_dir`, or a result cannot be summarised.
    """
    out_dir = Path(out_dir)
    frames = [_replay(out_dir, caption, name) for caption, name in replays]
    facts = {**results.meta, **meta}
    tables = [*make_tables(results), *more_tables]
    sections = [*_sections(results, curves, facts), *more]
    out_dir.mkdir(parents=True, exist_ok=True)
    for _, _, drawn in sections:
        for plot in drawn:
            plots.save(plot.figure, out_dir / "plots", plot.name)
    texts = [f"## {t.title}\n\n{t.note}\n\n{markdown_table(t.head, t.rows)}" for t in tables]
    write_text(out_dir / "table.md", "\n".join(texts))
    write_tables(results, out_dir)
    page = _render(title, results, tables, frames, sections, facts)
    write_text(out_dir / "index.html", page)
    return out_dir / "index.html"


def make_tables(results: Result) -> list[Table]:
    """Return the tables of a report: returns, gains, differences, distance, failures and cost."""
    interval = f"{LEVEL:.0%} interval over the n tasks"
    tables = [
        Table(
            "Return after adaptation",
            f"Mean return with its {interval}, after a number of shots: adaptation episodes that "
            "the agent lived through before it was measured.",
            *_returns(results, mean),
        ),
        Table(
            "What adaptation adds",
            f"Return after shots minus return after none, paired by task: mean and {interval}. An "
            "interval above 0 is an improvement.",
            *_gains(results),
            folded=True,
        ),
        Table(
            "Interquartile mean of the return",
            f"The mean of the middle half of the tasks with its {interval}.",
            *_returns(results, iqm),
            folded=True,
        ),
        Table(
            "Distance, failures and cost",
            f"After the most shots. Distance: {results.meta.get('distance', 'in metres')}, mean "
            f"with its {interval}. Falls and broken simulations: of all measured episodes. Cost of "
            "all shots together: median over tasks.",
            *_costs(results),
            folded=True,
        ),
    ]
    if len(results.agents) > 1:
        note = (
            f"Return of '{results.agents[0]}' minus that of the other on the same tasks, after the "
            "most shots that both had: mean and interquartile mean of the differences, and the "
            f"probability of the higher return on a task, each with its {interval}. A difference "
            "above 0 is in its favour."
        )
        rows = _differences(results)
        tables.insert(2, Table(DIFFERENCES, note, *rows, folded=True))
    return tables


def _pairs(results: Result) -> Iterator[tuple[str, str]]:
    """Yield split and agent, agents of one split together."""
    for split in results.splits:
        on = set(results.table["agent"][results.table["split"] == split].tolist())
        yield from ((split, agent) for agent in results.agents if agent in on)


def _all_shots(results: Result) -> list[int]:
    return np.unique(results.table["shot"]).tolist()


def _returns(results: Result, statistic: Statistic) -> tuple[list[str], list[list[str]]]:
    shots = _all_shots(results)
    rows: list[list[str]] = []
    for split, agent in _pairs(results):
        own = results.shots(agent, split)
        cells = [results.interval(agent, split, k, statistic) if k in own else None for k in shots]
        seeds = len(results.scores(agent, split, own[0])[1])
        rows.append([split, agent, *_with_n(cells), str(seeds)])
    return ["split", "agent", *map(shots_name, shots), "n", "seeds"], rows


def _gains(results: Result) -> tuple[list[str], list[list[str]]]:
    shots = [shot for shot in _all_shots(results) if shot > 0]
    rows: list[list[str]] = []
    for split, agent in _pairs(results):
        own = results.shots(agent, split)
        paired = [k in own and 0 in own for k in shots]
        cells = [
            results.gain(agent, split, k) if p else None for k, p in zip(shots, paired, strict=True)
        ]
        if any(cells):
            rows.append([split, agent, *_with_n(cells)])
    return ["split", "agent", *map(shots_name, shots), "n"], rows


def _differences(results: Result) -> tuple[list[str], list[list[str]]]:
    rows: list[list[str]] = []
    first = results.agents[0]
    for split, agent in _pairs(results):
        if agent == first or (split, first) not in _pairs(results):
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


def _costs(results: Result) -> tuple[list[str], list[list[str]]]:
    rows: list[list[str]] = []
    for split, agent in _pairs(results):
        at = (agent, split, results.shots(agent, split)[-1])
        episodes, distance = results.rows(*at), results.interval(*at, column="distance")
        names = ("env_steps", "gradient_steps", "seconds")
        costs = [np.median(results.task_means(*at, f"adaptation_{name}")[1]) for name in names]
        counts = [f"{episodes[name].sum()} of {len(episodes)}" for name in ("fell", "diverged")]
        spent = [f"{cost:.4g}" for cost in costs]
        rows.append([split, agent, str(at[2]), str(distance), str(distance.n), *counts, *spent])
    spent = ["env steps", "gradient steps", "seconds"]
    return ["split", "agent", "shots", "distance", "n", "fell", "broke", *spent], rows


def _with_n(cells: Sequence[Interval | None]) -> list[str]:
    """Return the cells as text, each with its own n where they differ, and n."""
    counts = sorted({cell.n for cell in cells if cell})
    if len(counts) == 1:
        return [*(str(cell or "-") for cell in cells), str(counts[0])]
    texts = [f"{cell} (n = {cell.n})" if cell else "-" for cell in cells]
    return [*texts, f"{counts[0]} to {counts[-1]}"]


def _sections(results: Result, curves: Curves, facts: Mapping[str, Any]) -> list[Section]:
    """Return title, note and plots of each section that has any."""
    tasks, kinds = facts.get("tasks", {}), facts.get("damage_kinds", [])
    bars = [
        Plot(f"damage-{_slug(split)}", figure, f"Bars of return by kind of damage on {split}.")
        for split in results.splits
        if (figure := plots.damage_bars(results, split, tasks, kinds))
    ]
    adaptation = [
        Plot(
            f"adaptation-{_slug(split)}",
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
            "each kind; the diamond is the mean after none.",
            bars,
        ),
        (
            "Training",
            "Mean return of the episodes of each iteration, one run for each line.",
            [Plot("learning-curves", training, words)] if training else [],
        ),
    ]
    return [section for section in sections if section[2]]


def _words(results: Result, split: str) -> str:
    texts: list[str] = []
    for on, agent in _pairs(results):
        if on == split:
            shots = results.shots(agent, split)
            found = [f"{results.interval(agent, split, k)} after {k}" for k in shots]
            texts.append(f"{agent}: {', '.join(found)}")
    return "; ".join(texts) + "."


def _slug(name: str) -> str:
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
    results: Result,
    tables: Sequence[Table],
    replays: Sequence[Mapping[str, str]],
    sections: Sequence[tuple[str, str, list[Plot]]],
    facts: Mapping[str, Any],
) -> str:
    import jinja2
    from markupsafe import Markup

    folder = files("fastadapt.adaptation").joinpath("templates")
    loader = jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8"))
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    table_page = environment.get_template("table.html")
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
    return environment.get_template("report.html").render(
        title=title,
        lead=_lead(results),
        tables=tables,
        show=lambda table: Markup(table_page.render(table=table, groups=_by_split(table))),
        replays=replays,
        sections=drawn,
        method=(
            f"Intervals: percentile bootstrap, {REPS} resamples of the tasks, seed 0; a task's "
            "score is averaged over its measured episodes and over seeds first."
        ),
        commands=_commands(facts),
        facts=list(_facts(facts)),
    )


def _by_split(table: Table) -> list[tuple[str, list[list[str]]]]:
    return [(split, list(rows)) for split, rows in groupby(table.rows, key=lambda row: row[0])]


def _lead(results: Result) -> str:
    seeds = len(np.unique(results.table["seed"]))
    tasks = len(np.unique(results.table[["split", "task_id"]]))
    agents, splits = len(results.agents), len(results.splits)
    return (
        f"Task set {results.task_set}: {agents} agent{'s' * (agents > 1)}, "
        f"{seeds} seed{'s' * (seeds > 1)}, {tasks} tasks in {splits} split{'s' * (splits > 1)}, "
        f"{len(results.table)} measured episodes."
    )


def _commands(facts: Mapping[str, Any]) -> list[str]:
    """Return every command once, those that trained first."""
    commands: list[str] = []
    for name in _COMMANDS:
        for part in (facts, *facts.get("parts", [])):
            value = part.get(name, [])
            commands += [value] if isinstance(value, str) else value
    return list(dict.fromkeys(commands))


def _facts(facts: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield names and values to list; nested ones with dotted names."""
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
