"""The report of one run, from the evaluations in its directory."""

from __future__ import annotations

from pathlib import Path

from fastadapt.adaptation.evaluation.load import load_online, load_results
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.references.scores import find_references
from fastadapt.adaptation.report.beliefs import map_beliefs
from fastadapt.adaptation.report.figures import plots
from fastadapt.adaptation.report.metrics import compute_metrics
from fastadapt.adaptation.report.page import Plot, Section, write_report
from fastadapt.adaptation.report.recovery import recovery_sections, recovery_tables
from fastadapt.adaptation.report.replays.gallery import make_gallery
from fastadapt.adaptation.report.verdicts import verdict
from fastadapt.adaptation.runs.run import Run
from fastadapt.agents.interface import HoldsBelief
from fastadapt.envs import TaskSet
from fastadapt.trust import UntrustedError


def report_run(run: Run) -> Path:
    """Write `report/index.html` from the evaluations of a run; return its path.

    Raises:
        FastadaptError: there is no evaluation.
    """
    results = load_results(run)
    out = run.path / "report"
    out.mkdir(exist_ok=True)
    task_set = run.task_set
    references = find_references(task_set.id, task_set.hash)
    online = load_online(run)
    return write_report(
        out,
        f"{run.config.agent} on {run.config.task_set}",
        results,
        {run.config.agent: run.metrics()},
        make_gallery(run, results.agents[0], results, out),
        {
            **results.meta,
            "training_command": run.origin(),
            "training_seconds": sum(row["seconds"] for row in run.metrics()[-1:]),
        },
        [
            *recovery_sections(results, task_set, references, online),
            *_belief_sections(run, task_set, results),
        ],
        recovery_tables(results, references, online),
        compute_metrics(results, references),
        references is not None,
        verdict(results, online, references, [run]),
    )


def _belief_sections(run: Run, task_set: TaskSet, results: Result) -> list[Section]:
    """Return the section on the beliefs of an agent, if it holds any and may be loaded."""
    try:
        agent = run.agent()
    except UntrustedError:  # a report runs no code that a run names
        return []
    if not isinstance(agent, HoldsBelief):
        return []
    split = "test_iid" if "test_iid" in results.splits else results.splits[0]
    found = map_beliefs(agent, task_set, split)
    pictures = [
        Plot(f"belief-{number}", figure, f"Beliefs about the tasks of {split}: {what}.")
        for number, (what, figure) in enumerate(plots.belief_plots(found))
    ]
    note = (
        f"One dot for each task of {split}, after 2 shots. The agent does not observe these "
        "parameters. Predicted: by a linear probe of the belief, fitted to all other tasks. "
        "Explained: share of the parameter's variance that the probe predicts."
    )
    return [("Beliefs", note, pictures)]
