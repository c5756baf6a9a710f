"""Plots of scores: performance profiles, maps over two parameters, recovery within one episode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastadapt.adaptation.evaluation.online_results import OnlineResult
from fastadapt.adaptation.report.figures.plots import (
    GRID,
    INK,
    colour_of,
    new_figure,
    plain_logarithms,
    short_name,
    styled,
    with_legend,
)
from fastadapt.adaptation.statistics.bootstrap import Resample, performance_profile
from fastadapt.adaptation.statistics.survival import survival_band
from fastadapt.envs.arrays import Array

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NORMALISED = "normalised score"
"""Unit of scores: 0 is the nominal baseline, 1 the oracle."""


@styled
def profiles(
    scores: Mapping[str, Array], split: str, numbers: Mapping[str, int], unit: str = NORMALISED
) -> Figure:
    """Plot performance profiles: the share of tasks above each threshold, with 95 % bands.

    A single task has no band.

    Args:
        scores: `(runs, tasks)` by agent.
        split: of the tasks.
        numbers: of the agents, which determine their colours.
        unit: of the scores.
    """
    figure, axes = new_figure(split, unit, "share of tasks above it")
    everything = np.concatenate([matrix.reshape(-1) for matrix in scores.values()])
    low, high = everything.min(), everything.max()
    if unit == NORMALISED:
        low, high = min(low, 0.0), max(high, 1.0)
    thresholds = np.linspace(low - 0.02 * (high - low), high, 101)
    for agent, matrix in scores.items():
        colour = colour_of(numbers[agent])
        if matrix.shape[1] > 1:
            way: Resample = "both" if len(matrix) > 1 else "tasks"
            profile = performance_profile(matrix, thresholds, resample=way, reps=500)
            axes.fill_between(thresholds, profile.low, profile.high, color=colour, alpha=0.16, lw=0)
        share = (matrix.reshape(-1) > thresholds[:, None]).mean(axis=1)
        axes.plot(thresholds, share, color=colour, lw=1.5, label=short_name(agent))
    for reference in (0.0, 1.0) if unit == NORMALISED else ():
        axes.axvline(reference, color=GRID, lw=1.0, zorder=0)
    axes.set_ylim(-0.02, 1.02)
    return with_legend(figure, axes)


def cell_means(
    points: Array,
    scores: Array,
    box: tuple[tuple[float, float], tuple[float, float]],
    logarithmic: tuple[bool, bool],
    bins: int = 7,
) -> tuple[list[Array], Array]:
    """Return the edges of the cells along both axes, and the mean score of each cell.

    Args:
        points: `(tasks, 2)` values of two parameters.
        scores: `(tasks,)`.
        box: smallest and largest value in training, of each parameter.
        logarithmic: whether each axis is.
        bins: cells along each axis; cells without a task are NaN.
    """
    edges: list[Array] = []
    for column, log in enumerate(logarithmic):
        ends = [*points[:, column], *box[column]]
        spaced = np.geomspace if log else np.linspace
        edges.append(spaced(min(ends), max(ends), bins + 1))
    counts = np.histogram2d(*points.T, bins=edges)[0]
    sums = np.histogram2d(*points.T, bins=edges, weights=scores)[0]
    with np.errstate(invalid="ignore", divide="ignore"):
        return edges, np.where(counts > 0, sums / counts, np.nan)


@styled
def score_map(
    title: str,
    names: tuple[str, str],
    points: Array,
    scores: Array,
    box: tuple[tuple[float, float], tuple[float, float]],
    logarithmic: tuple[bool, bool],
    label: str,
    scale: tuple[float, float] | None = None,
) -> Figure:
    """Plot mean scores over two parameters as a heat map with the range of training.

    Args:
        title: of the plot.
        names: of the two parameters.
        points: `(tasks, 2)` their values.
        scores: `(tasks,)`.
        box: smallest and largest value in training, of each parameter.
        logarithmic: whether each axis is.
        label: of the colour bar.
        scale: scores at the ends of the colour bar, so that maps can be compared (default: the
            map's own smallest and largest).
    """
    from matplotlib.patches import Rectangle

    figure, axes = new_figure(title, *names)
    edges, mean = cell_means(points, scores, box, logarithmic)
    low, high = scale or (np.nanmin(mean), np.nanmax(mean))
    drawn = axes.pcolormesh(*edges, mean.T, cmap="viridis", rasterized=False, vmin=low, vmax=high)
    plain_logarithms(axes, "".join(a for a, log in zip("xy", logarithmic, strict=True) if log))
    (left, right), (bottom, top) = box
    frame = Rectangle((left, bottom), right - left, top - bottom, fill=False, ec=INK, lw=1.6)
    axes.add_patch(frame)
    axes.plot(*points.T, "o", ms=2.2, mfc="white", mec=INK, mew=0.4)
    axes.grid(visible=False)
    figure.colorbar(drawn, ax=axes, label=label)
    return figure


@styled
def not_recovered(results: Sequence[OnlineResult], numbers: Mapping[str, int]) -> Figure:
    """Plot the share not recovered against time (Kaplan-Meier) with 95 % bands over tasks."""
    figure, axes = new_figure(
        results[0].split, "seconds since the onset of damage", "share not recovered yet"
    )
    for result in results:
        colour, times = colour_of(numbers[result.agent]), result.times()
        events = times.time[times.happened & (times.time < result.horizon())]
        band = survival_band(times, np.r_[0.0, np.unique(events), result.horizon()])
        axes.fill_between(band.time, band.low, band.high, step="post", color=colour, alpha=0.16,
                          lw=0)  # fmt: skip
        name = f"{short_name(result.agent)}, n = {len(times.time)}"
        axes.step(band.time, band.share, where="post", color=colour, lw=1.5, label=name)
    axes.set_ylim(-0.02, 1.04)
    axes.set_xlim(0, results[0].horizon())
    return with_legend(figure, axes)


@styled
def around_the_onset(result: OnlineResult, number: int) -> Figure:
    """Plot mean reward of the struck, settled and healthy robots, with 95 % bands over tasks."""
    title = f"{result.split}: {short_name(result.agent)}"
    figure, axes = new_figure(title, "seconds since the onset of damage", "reward per step")
    seconds = result.curve["seconds"]
    for name, colour in (
        ("healthy", INK),
        ("settled", colour_of(number + 1)),
        ("struck", colour_of(number)),
    ):
        low, high = result.curve[f"{name}_low"], result.curve[f"{name}_high"]
        axes.fill_between(seconds, low, high, color=colour, alpha=0.14, lw=0)
        axes.plot(seconds, result.curve[name], color=colour, lw=1.2, label=name)
    axes.axvline(0.0, color=INK, lw=0.8, ls=":")
    return with_legend(figure, axes)
