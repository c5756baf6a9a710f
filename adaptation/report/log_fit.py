"""The page about a task set that was fitted to a log."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from fastadapt.adaptation.logs.fit import Fit
from fastadapt.adaptation.logs.held_out import Track
from fastadapt.adaptation.logs.identifiability import Verdict
from fastadapt.adaptation.report.figures import plots
from fastadapt.adaptation.report.template import find_template
from fastadapt.adaptation.runs.files import write_text
from fastadapt.adaptation.text_table import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_METHOD = (
    "Segments of the log are simulated from their measured start, one candidate to a robot of the "
    "batch; residuals are whitened by the noise of the samples and of the start. Intervals (95 %) "
    "are the larger of what the noise allows and what segments disagree about (bootstrap over "
    "segments). A parameter is determined where its interval is at most half as wide as its "
    "declared range."
)


def write_fit_page(fit: Fit, path: Path) -> Path:
    """Write the page, which loads nothing from a network; return its path."""
    table_page = find_template("table.html")
    drawn = [
        Markup(plots.inline_svg(_track(track), f"track-{i}", f"{track.name} in a held-out segment"))
        for i, track in enumerate(fit.held_out.tracks)
    ]

    def show(table: Table) -> Markup:
        groups = [(key, list(rows)) for key, rows in groupby(table.rows, key=lambda row: row[0])]
        return Markup(table_page.render(table=table, groups=groups))

    text = find_template("log_fit.html").render(
        title=f"{fit.task_set.id} fitted to a log",
        lead=_lead(fit),
        clocks=[clock.sentence() for clock in fit.clocks],
        warnings=fit.warnings,
        open=[v for v in _all(fit) if not v.determined],
        tables=[show(table) for table in _tables(fit)],
        plots=drawn,
        method=_METHOD,
        left_out=fit.left_out,
    )
    write_text(path, text)
    return path


def summary_lines(fit: Fit) -> Iterator[str]:
    """Yield the lines that the command prints."""
    yield from (clock.sentence() for clock in fit.clocks)
    yield _lead(fit)
    yield ""
    width = max((len(v.unknown.name) for v in _all(fit)), default=0)
    for verdict in _all(fit):
        yield f"  {verdict.unknown.name:<{width}}  {_interval(verdict)}"
        if not verdict.determined:
            yield f"  {'':<{width}}  {verdict.reason}; to tell it, {verdict.advice}"
    if fit.delays:
        told = ", ".join(f"{delay} ({share:.0%})" for delay, share in fit.delays.items())
        yield f"  {'action delay':<{width}}  {told} control steps"
    for likely in fit.causes if len(fit.causes) > 1 or _has_causes(fit) else ():
        name = likely.structure.alternative.name
        yield f"  {'cause':<{width}}  {name} ({likely.probability:.0%})"
    yield ""
    for warning in fit.warnings:
        yield f"Warning: {warning}"


def _has_causes(fit: Fit) -> bool:
    return any(b.perturbation.group or b.perturbation.is_switch() for b in fit.task_set.blocks)


def _all(fit: Fit) -> list[Verdict]:
    first = fit.causes[0].verdicts if fit.causes else ()
    return [*fit.verdicts, *first]


def _lead(fit: Fit) -> str:
    told = [verdict.determined for verdict in _all(fit)]
    checked = fit.held_out
    error = (
        f"On held-out segments the error of the fitted robot is {checked.fitted_over_nominal:.0%} "
        "of that of the nominal one."
        if checked.moving
        else "Nothing moves in the held-out segments."
    )
    return f"{sum(told)} of {len(told)} parameters determined from {fit.kept[0]} segments. {error}"


def _interval(verdict: Verdict) -> str:
    unit = "" if verdict.unknown.unit in ("-", "x") else f" {verdict.unknown.unit}"
    if not verdict.determined:
        return (
            f"not determined (declared {verdict.unknown.low:g} to {verdict.unknown.high:g}{unit})"
        )
    return f"{verdict.value:.4g} [{verdict.low:.4g}, {verdict.high:.4g}]{unit}"


def _tables(fit: Fit) -> list[Table]:
    rows = []
    for verdict in _all(fit):
        unknown = verdict.unknown
        told = "determined" if verdict.determined else "not determined"
        values = (f"{verdict.value:.4g}", f"{verdict.low:.4g} to {verdict.high:.4g}")
        shown = values if verdict.determined else ("", "")
        declared = f"{unknown.low:g} to {unknown.high:g}"
        rows.append([told, unknown.name, *shown, f"{unknown.nominal:g}", declared, unknown.unit])
    rows.sort(key=lambda row: row[0])
    head = ["", "parameter", "estimate", "95 % interval", "nominal", "declared", "unit"]
    tables = [Table("Parameters", "What is not determined keeps its declared range.", head, rows)]
    checked = fit.held_out
    errors = [
        ["moves" if moves else "at rest", name, f"{before:.3g}", f"{after:.3g}", f"{still:.3g}",
         f"{fit.noise[name][0]:.3g}", unit]
        for name, unit, before, after, still, moves in zip(
            checked.names, checked.units, checked.nominal, checked.fitted, checked.still,
            checked.moves, strict=True)
    ]  # fmt: skip
    errors.sort(key=lambda row: row[0])
    tables.append(
        Table(
            "Errors on held-out segments",
            "Root mean square. Still: a robot that stays where the segment begins. Noise: of the "
            "sensor, as estimated.",
            ["", "signal", "nominal", "fitted", "still", "noise", "unit"],
            errors,
        )
    )
    odds = [["delay [control steps]", str(d), f"{p:.1%}"] for d, p in fit.delays.items()]
    odds += [["cause", c.structure.alternative.name, f"{c.probability:.1%}"] for c in fit.causes
             if _has_causes(fit)]  # fmt: skip
    if odds:
        words = "Tried one by one; those above 1 %."
        tables.append(Table("Delay and causes", words, ["", "what", "probability"], odds))
    return tables


@plots.styled
def _track(track: Track) -> Figure:
    figure, axes = plots.new_figure(track.name, "seconds", track.unit or "reading")
    axes.plot(track.time, track.sampled, "o", ms=3, color=plots.INK, label="log")
    axes.plot(track.time, track.nominal, lw=1.3, color=plots.colour_of(1), label="nominal")
    axes.plot(track.time, track.fitted, lw=1.3, color=plots.colour_of(0), label="fitted")
    return plots.with_legend(figure, axes)
