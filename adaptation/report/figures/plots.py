"""Plots of a report: learning curves, adaptation curves, bars by kind of damage.

Every function returns a matplotlib figure; `inline_svg` and `save` write it.
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.statistics.bootstrap import Interval, over_tasks

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from fastadapt.adaptation.report.beliefs import BeliefMap

P = ParamSpec("P")
T = TypeVar("T")
INK, GRID = "#1b1c1d", "#d8d9da"  # a page's own colours take their place in `inline_svg`
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7f7f7f")
"""Okabe and Ito 2008: distinct for the colour blind, legible on white and on black."""
MARKERS = "osD^vPX*"
_SIZE = (4.4, 3.3)  # inches: full size on a phone, two or three side by side on a desk
_POINTS = 300  # of a learning curve
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # names are data: a dollar sign is a dollar sign
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}


def styled(plot: Callable[P, T]) -> Callable[P, T]:
    """Decorate a plot so that it uses the style of the report, not that of the process."""

    @functools.wraps(plot)
    def styled(*args: P.args, **kwargs: P.kwargs) -> T:
        import matplotlib as mpl

        with mpl.rc_context(_STYLE):
            return plot(*args, **kwargs)

    return styled


@styled
def learning_curves(
    curves: Mapping[str, Sequence[Mapping[str, Any]]], agents: Sequence[str] = ()
) -> Figure | None:
    """Plot the return of training episodes against environment steps, one line per run.

    Args:
        curves: rows of `metrics.jsonl` by agent; rows without a finite `return_mean` are left out.
        agents: names in the order of the other plots, for the same colours.

    Returns:
        The figure, or None if there is nothing to plot.
    """
    from matplotlib.ticker import EngFormatter

    figure, axes = new_figure("Training", "environment steps", "return per training episode")
    order = list(dict.fromkeys([*agents, *curves]))  # runs of one agent share its colour
    for agent, rows in curves.items():
        kin = [name for name in agents if agent.startswith(f"{name}, seed ")]
        number = order.index(kin[0] if kin else agent)
        values = [(row.get("env_steps"), row.get("return_mean")) for row in rows]
        points = np.array([pair for pair in values if None not in pair], float).reshape(-1, 2)
        points = points[np.isfinite(points).all(axis=1)]
        if len(points):
            blocks = np.array_split(points, min(len(points), _POINTS))
            x, y = np.array([block.mean(axis=0) for block in blocks]).T
            single = MARKERS[number % 8] if len(x) == 1 else ""
            axes.plot(x, y, color=colour_of(number), lw=1.3, marker=single, label=short_name(agent))
    if not axes.lines:
        return None
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    return with_legend(figure, axes)


@styled
def adaptation_curves(result: Result, split: str) -> Figure:
    """Plot mean return against shots on a split, with 95 % intervals over tasks as bands."""
    figure, axes = new_figure(split, "shots (adaptation episodes)", "return")
    ticks: set[int] = set()
    for number, agent in _agents(result, split):
        shots = result.shots(agent, split)
        intervals = [result.interval(agent, split, shot) for shot in shots]
        colour, marker = colour_of(number), MARKERS[number % 8]
        low, high = [i.low for i in intervals], [i.high for i in intervals]
        if len(shots) == 1:
            axes.errorbar(shots, [intervals[0].point], yerr=_whiskers(intervals), color=colour)
        axes.fill_between(shots, low, high, color=colour, alpha=0.16, lw=0)
        points = [i.point for i in intervals]
        axes.plot(shots, points, color=colour, lw=1.5, marker=marker, ms=4, label=short_name(agent))
        ticks |= set(shots)
    axes.set_xticks(sorted(ticks))
    return with_legend(figure, axes)


@styled
def damage_bars(
    result: Result,
    split: str,
    tasks: Mapping[str, Mapping[str, float]],
    kinds: Sequence[str],
) -> Figure | None:
    """Plot mean return by kind of damage after the most shots; a diamond marks zero shots.

    Args:
        result: of the agents.
        split: of the tasks.
        tasks: changed parameters by task id, `{"weak.strength[bshin]": 0.4}`.
        kinds: names of the damage perturbations.

    Returns:
        The figure, or None if no task of the split is damaged.
    """
    groups = group_by_damage(result, split, tasks, kinds)
    if not set(groups) - {"none"}:
        return None
    agents = _agents(result, split)
    most = {agent: result.shots(agent, split)[-1] for _, agent in agents}
    shots = " or ".join(str(shot) for shot in sorted(set(most.values())))
    figure, axes = new_figure(split, None, f"return after {shots} shots")
    width = 0.8 / len(agents)
    for place, (number, agent) in enumerate(agents):
        x = np.arange(len(groups)) + (place - (len(agents) - 1) / 2) * width
        bars = [_of(result, agent, split, most[agent], ids) for ids in groups.values()]
        colour, heights = colour_of(number), [i.point for i in bars]
        axes.bar(x, heights, 0.9 * width, color=colour, alpha=0.75, label=short_name(agent))
        axes.errorbar(x, heights, yerr=_whiskers(bars), fmt="none", ecolor=INK, elinewidth=0.9)
        if 0 in result.shots(agent, split) and most[agent] > 0:
            before = [_of(result, agent, split, 0, ids).point for ids in groups.values()]
            label = None if "0 shots" in axes.get_legend_handles_labels()[1] else "0 shots"
            axes.plot(x, before, "D", ms=3.5, mfc="white", mec=INK, mew=0.8, label=label)
    labels = [f"{kind}\nn = {len(ids)}".replace(" + ", " +\n") for kind, ids in groups.items()]
    axes.set_xticks(range(len(groups)), labels)
    axes.tick_params(axis="x", length=0)
    return with_legend(figure, axes)


@styled
def belief_plots(found: BeliefMap, shown: int = 2) -> list[tuple[str, Figure]]:
    """Plot beliefs on two principal axes by damage, then the best explained parameters.

    Returns:
        Subject and figure of each plot.
    """
    drawn: list[tuple[str, Figure]] = []
    axis = f"principal axes of the belief's mean ({found.share:.0%} of its variance)"
    kinds = sorted(set(found.damage), key=lambda kind: (kind != "none", kind))
    if len(kinds) > 1:
        figure, axes = new_figure("damage", axis, "")
        for number, kind in enumerate(kinds):
            points = found.points[np.array(found.damage) == kind]
            axes.plot(*points.T, MARKERS[number % 8], color=colour_of(number), ms=5, label=kind)
        drawn.append(("damage", with_legend(figure, axes)))
    for probed in found.parameters[:shown]:
        title = f"{probed.name}: {max(probed.share, 0.0):.0%} explained"
        figure, axes = new_figure(title, "true value", "predicted from the belief")
        if probed.name in found.logarithmic:
            plain_logarithms(axes)
        ends = [probed.values.min(), probed.values.max()]
        axes.plot(ends, ends, color=INK, lw=0.8, ls=":")
        axes.plot(probed.values, probed.predicted, "o", color=colour_of(0), ms=4)
        drawn.append((probed.name, figure))
    return drawn


def plain_logarithms(axes: Axes, which: str = "xy") -> None:
    """Make axes logarithmic with plain numbers as labels: powers of ten would need mathtext."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for letter in which:
        getattr(axes, f"set_{letter}scale")("log")
        axis = axes.xaxis if letter == "x" else axes.yaxis
        axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())


def group_by_damage(
    result: Result, split: str, tasks: Mapping[str, Mapping[str, float]], kinds: Sequence[str]
) -> dict[str, list[str]]:
    """Return the ids of the tasks of a split by their kind of damage, `none` first."""
    groups: dict[str, list[str]] = {}
    ids = np.unique(result.table["task_id"][result.table["split"] == split]).tolist()
    for task_id in ids:
        changed = {name.split(".")[0] for name in tasks.get(task_id, {})}
        damage = [kind for kind in kinds if kind in changed]
        groups.setdefault(" + ".join(damage) or "none", []).append(task_id)
    return dict(sorted(groups.items(), key=lambda item: (item[0] != "none", item[0])))


def inline_svg(figure: Figure, name: str, label: str) -> str:
    """Return a figure as an SVG element for a page; its ink and grid are the page's colours.

    Args:
        figure: to draw.
        name: prefix of the ids, unique in the page.
        label: description of the plot for screen readers.
    """
    text = _svg(figure, name, transparent=True)
    text = text[text.index("<svg") :]
    head, body = text.split(">", 1)
    viewbox = re.search(r'viewBox="[^"]*"', head)
    body = re.sub(r'\bid="([^"]*)"', rf'id="{name}-\1"', body)
    body = re.sub(r'(url\(#|href="#)', rf"\1{name}-", body)
    body = body.replace("*{", f"#{name} *{{")
    body = body.replace(INK, "var(--ink)").replace(GRID, "var(--grid)")
    links = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    head = f'<svg id="{name}" {links} {viewbox.group() if viewbox else ""} role="img"'
    return f'{head} aria-label="{escape(label)}">{body}'


def save(figure: Figure, folder: Path, name: str) -> None:
    """Write a figure as `name.svg` and `name.png` on a white background."""
    from fastadapt.adaptation.runs.files import write_text

    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / f"{name}.svg", _svg(figure, name, transparent=False))
    temporary = folder / f".{name}.png.writing"
    figure.savefig(temporary, format="png", dpi=200, metadata={"Software": None})
    temporary.replace(folder / f"{name}.png")


@styled
def _svg(figure: Figure, name: str, transparent: bool) -> str:
    import matplotlib as mpl

    buffer = io.StringIO()
    metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=transparent, metadata=metadata)
    return buffer.getvalue()


def new_figure(title: str, xlabel: str | None, ylabel: str) -> tuple[Figure, Axes]:
    """Return an empty figure of the report's size, and its axes."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=xlabel or "", ylabel=ylabel)
    return figure, axes


def with_legend(figure: Figure, axes: Axes) -> Figure:
    """Put the legend below the axes and return the figure."""
    handles, labels = axes.get_legend_handles_labels()
    columns = 3 if max(map(len, labels)) < 15 else 2
    figure.legend(handles, labels, loc="outside lower center", ncols=min(columns, len(labels)))
    return figure


def _agents(result: Result, split: str) -> list[tuple[int, str]]:
    """Return the agents measured on a split with their number, which determines their colour."""
    on = set(result.table["agent"][result.table["split"] == split].tolist())
    return [(number, agent) for number, agent in enumerate(result.agents) if agent in on]


def _of(result: Result, agent: str, split: str, shot: int, ids: Sequence[str]) -> Interval:
    """Return the interval over those tasks of a split that are in `ids`."""
    task_ids, scores = result.scores(agent, split, shot)
    return over_tasks(scores[:, np.isin(task_ids, ids)])


def _whiskers(intervals: Sequence[Interval]) -> np.ndarray:
    return np.array([(i.point - i.low, i.high - i.point) for i in intervals]).T


def colour_of(number: int) -> str:
    """Return the colour of the agent with a number: the same in all plots of a page."""
    return _COLOURS[number % len(_COLOURS)]


def short_name(name: str) -> str:
    """Return a name shortened for a legend."""
    return name if len(name) <= 28 else f"{name[:27]}…"
