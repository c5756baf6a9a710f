"""The offline page of an envelope."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastadapt.adaptation.envelope.figures import envelope_figure
from fastadapt.adaptation.envelope.verdict import Findings
from fastadapt.adaptation.report.figures import plots
from fastadapt.adaptation.report.page import slug
from fastadapt.adaptation.report.template import find_template
from fastadapt.adaptation.runs.files import write_text

_NOTE = (
    "Share of the robots of each cell that succeed, from 0 to 1 in every picture. White line: a "
    "half. Dashed frame: what training drew. Rows: damage. Columns: shots before the measurement; "
    "constant context is the same agent with one belief about every robot."
)


def write_page(out: Path, findings: Findings, meta: Mapping[str, Any]) -> Path:
    """Write `index.html`, `table.md` and `plots/`; return the path of the page.

    The page loads nothing from a network, and its first sentence is the verdict.

    Args:
        out: folder.
        findings: on the grid.
        meta: provenance: `command`, `machine`, `success`, ...
    """
    from markupsafe import Markup

    figures: list[dict[str, Any]] = []
    for agent in findings.surfaces:
        figure, name = envelope_figure(findings, agent), slug(f"envelope-{agent}")
        words = f"Success of {agent} over {', '.join(map(str, findings.grid.axes))}."
        plots.save(figure, out / "plots", name)
        svg = Markup(plots.inline_svg(figure, name, words))
        figures.append({"title": agent, "name": name, "svg": svg})
    write_text(out / "table.md", findings.markdown() + "\n")
    grid = findings.grid
    page = find_template("envelope.html").render(
        title=f"Envelope on {grid.task_set.id}",
        verdict=findings.verdict(),
        lead=(
            f"A success: {meta['success']}. {grid.cells} cells, {grid.robots} robots in each; "
            "intervals over the robots of every cell, for these trained agents."
        ),
        note=_NOTE,
        figures=figures,
        tables=findings.tables(),
        command=meta["command"],
        facts=list(_facts(meta)),
    )
    write_text(out / "index.html", page)
    return out / "index.html"


def _facts(meta: Mapping[str, Any]) -> list[tuple[str, str]]:
    machine = meta["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in machine["versions"].items())
    return [
        ("task set", f"{meta['task_set']} (hash {meta['task_set_hash']})"),
        ("trained on", ", ".join(meta["trained_on"])),
        ("seed", str(meta["seed"])),
        ("commit", str(machine["commit"])),
        ("machine", f"{machine['processor']}, {machine['cores']} cores, {machine['system']}"),
        ("versions", versions),
        ("wall seconds", f"{meta['wall_seconds']:.0f}"),
    ]
