"""Heat maps of an envelope, on one scale of colours, with the training box and the border."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fastadapt.adaptation.envelope.border import HALF, interpolated
from fastadapt.adaptation.envelope.grid import Axis, Grid
from fastadapt.adaptation.envelope.verdict import Findings, Surface
from fastadapt.adaptation.report.figures.plots import INK, colour_of, plain_logarithms, styled
from fastadapt.adaptation.statistics.bootstrap import LEVEL
from fastadapt.envs.arrays import Array

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CELL = (2.6, 2.3)  # inches of one map


def envelope_figure(findings: Findings, agent: str) -> Figure:
    """Plot the success of an agent: a row for each damage, a column for each number of shots."""
    if len(findings.grid.axes) == 2:
        return heat_maps(findings.grid, findings.surfaces[agent])
    return curves(findings, agent)


@styled
def heat_maps(grid: Grid, surfaces: list[Surface]) -> Figure:
    """Plot success over two parameters, from 0 to 1 in every map.

    The line is the border at a half, the frame the box of training.
    """
    from matplotlib.figure import Figure

    rows, columns = len(grid.damages), len(surfaces)
    size = (_CELL[0] * columns + 1.2, _CELL[1] * rows + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    drawn = None
    for row, damage in enumerate(grid.damages):
        for column, surface in enumerate(surfaces):
            axes = panels[row, column]
            drawn = _map(axes, grid, surface.rates[0, row])
            axes.set_title(surface.condition if row == 0 else "")
            axes.set_ylabel(f"{damage}\n{grid.axes[1]}" if column == 0 else "")
            axes.set_xlabel(str(grid.axes[0]) if row == rows - 1 else "")
    assert drawn is not None
    figure.colorbar(drawn, ax=panels, label="share of robots that succeed", shrink=0.8)
    return figure


def _map(axes: Axes, grid: Grid, rates: Array):  # noqa: ANN202 matplotlib's mesh
    from matplotlib.patches import Rectangle
    from matplotlib.patheffects import withStroke

    x, y = grid.axes
    edges = [_edges(axis) for axis in grid.axes]
    drawn = axes.pcolormesh(*edges, rates.T, cmap="viridis", vmin=0.0, vmax=1.0, rasterized=False)
    plain_logarithms(axes, "".join(n for n, axis in zip("xy", grid.axes, strict=True) if axis.log))
    if rates.min() < HALF <= rates.max():
        (across, up), surface = interpolated(grid, rates)
        line = axes.contour(across, up, surface.T, levels=[HALF], colors="white", linewidths=1.6)
        line.set(path_effects=[withStroke(linewidth=3.2, foreground=INK)])
    if x.box is not None or y.box is not None:
        (left, right), (bottom, top) = (
            _clipped(axis.box or (edge[0], edge[-1]), edge)
            for axis, edge in zip(grid.axes, edges, strict=True)
        )
        frame = Rectangle((left, bottom), right - left, top - bottom, fill=False, ec="#ff8c00",
                          lw=1.6, ls="--")  # fmt: skip
        axes.add_patch(frame)
    axes.grid(visible=False)
    return drawn


def _edges(axis: Axis) -> Array:
    """Return the edges of the cells around an axis's values, `(n + 1,)`."""
    places = axis.scaled(axis.values)
    middle = (places[1:] + places[:-1]) / 2
    first, last = 2 * places[0] - middle[0], 2 * places[-1] - middle[-1]
    return axis.unscaled(np.concatenate([[first], middle, [last]]))


def _clipped(box: tuple[float, float], edges: Array) -> tuple[float, float]:
    return max(box[0], float(edges[0])), min(box[1], float(edges[-1]))


@styled
def curves(findings: Findings, agent: str) -> Figure:
    """Plot success over one parameter with bands, one panel for each damage."""
    from matplotlib.figure import Figure

    grid = findings.grid
    axis = grid.axes[0]
    figure = Figure(figsize=(4.4, 2.6 * len(grid.damages) + 0.4), layout="constrained")
    panels = figure.subplots(len(grid.damages), 1, squeeze=False, sharex=True)[:, 0]
    tail = (1 - LEVEL) / 2
    for row, (axes, damage) in enumerate(zip(panels, grid.damages, strict=True)):
        for number, surface in enumerate(findings.surfaces[agent]):
            line = surface.rates[:, row, :, 0]
            low, high = np.quantile(line[1:], [tail, 1 - tail], axis=0)
            colour = colour_of(number)
            axes.fill_between(axis.values, low, high, color=colour, alpha=0.16, lw=0)
            axes.plot(axis.values, line[0], color=colour, lw=1.5, label=surface.condition)
        axes.axhline(HALF, color=INK, lw=0.8, ls=":")
        if axis.box is not None:
            axes.axvspan(*axis.box, color="#ff8c00", alpha=0.08, lw=0)
        axes.set(title=damage, ylabel="share that succeeds", ylim=(-0.03, 1.03))
        plain_logarithms(axes, "x" if axis.log else "")
    panels[-1].set_xlabel(str(axis))
    panels[0].legend(loc="best", fontsize=8)
    return figure
