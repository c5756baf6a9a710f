"""Normalised scores, performance profiles, score maps and online recovery of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from fastadapt.adaptation.evaluation.online_results import OnlineResult
from fastadapt.adaptation.evaluation.online_table import online_table
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.references.ceilings import said_above_one
from fastadapt.adaptation.references.scores import References
from fastadapt.adaptation.report.figures import score_plots
from fastadapt.adaptation.report.metrics import curves_of
from fastadapt.adaptation.report.page import Plot, Section, slug
from fastadapt.adaptation.report.tables import OVER, pairs
from fastadapt.adaptation.statistics.bootstrap import LEVEL, iqm, optimality_gap
from fastadapt.adaptation.text_table import Table, shots_name
from fastadapt.envs import TaskSet

NORMALISED = "Normalised score"
"""Title of the table of normalised scores."""


class Factor(NamedTuple):
    """A continuous parameter of a task set, averaged over its targets.

    Attributes:
        name: for axes.
        values: by task id.
        box: smallest and largest value in training.
        logarithmic: whether it is distributed in its logarithm.
    """

    name: str
    values: Mapping[str, float]
    box: tuple[float, float]
    logarithmic: bool


def recovery_tables(
    results: Result, references: References | None, online: Sequence[OnlineResult] = ()
) -> list[Table]:
    """Return the tables of normalised scores and of online trials."""
    tables: list[Table] = []
    if references is not None:
        references.check(results)
        note = (
            "0 is the nominal baseline (trained on the healthy robot only), 1 the oracle (observes "
            f"the task's parameters): share of that gap that was closed, mean with its {OVER}. "
            f"Agent, nominal baseline and oracle are resampled together{_left_out(references)}. "
            f"{said_above_one(references, results)}"
        ).rstrip()
        tables.append(Table(NORMALISED, note, *_normalised(results, references)))
    if online:
        tables.append(online_table(online))
    return tables


def recovery_sections(
    results: Result,
    task_set: TaskSet,
    references: References | None,
    online: Sequence[OnlineResult] = (),
) -> list[Section]:
    """Return performance profiles, score maps, and recovery within one episode."""
    numbers = {agent: number for number, agent in enumerate(results.agents)}
    for result in online:
        kin = [name for name in results.agents if result.agent.startswith(f"{name}, seed ")]
        numbers.setdefault(result.agent, numbers[kin[0]] if kin else len(numbers))
    sections = [
        _profiles(results, references, numbers),
        _maps(results, task_set, references),
        _online(online, numbers),
    ]
    return [section for section in sections if section is not None and section[2]]


def _left_out(references: References) -> str:
    """Return what the intervals leave out, as the end of a sentence."""
    if all(references.runs.get(role) for role in ("nominal", "oracle")):
        return "; with fewer than five seeds of each, intervals are still too narrow"
    return "; the training luck of both references is left out, as only their means are kept"


def _normalised(results: Result, references: References) -> tuple[list[str], list[list[str]]]:
    shots = np.unique(results.table["shot"]).tolist()
    rows: list[list[str]] = []
    for split, agent in pairs(results):
        if split not in references.splits:
            continue
        own = results.shots(agent, split)
        cells = [references.cell(results, agent, split, k) if k in own else "-" for k in shots]
        rest = [
            references.interval(results, agent, split, own[-1], statistic)
            for statistic in (iqm, optimality_gap)
        ]
        counts = [str(rest[0].n), str(rest[0].runs)]
        rows.append([split, agent, *cells, *map(str, rest), *counts])
    return ["split", "agent", *map(shots_name, shots), "IQM", "optimality gap", "n", "seeds"], rows


def _profiles(
    results: Result, references: References | None, numbers: Mapping[str, int]
) -> Section:
    drawn: list[Plot] = []
    unit = score_plots.NORMALISED if references is not None else "return"
    for split in results.splits:
        if references is not None and split not in references.splits:
            continue
        scores = {
            agent: curves_of(results, references, agent, split)[1][..., -1]
            for on, agent in pairs(results)
            if on == split
        }
        figure = score_plots.profiles(scores, split, numbers, unit)
        words = f"Share of the tasks of {split} above each {unit}."
        drawn.append(Plot(f"profile-{slug(split)}", figure, words))
    note = (
        f"Share of tasks with a {unit} above each threshold after the most shots; bands are "
        f"{LEVEL:.0%} intervals over tasks."
    )
    if references is not None:
        note += " 0 is the nominal baseline, 1 the oracle."
    return ("Performance profiles", note, drawn)


def factors(task_set: TaskSet, splits: Sequence[str]) -> list[Factor]:
    """Return the continuous parameters that every task has, averaged over their targets."""
    found: list[Factor] = []
    own = [split for split in splits if split in task_set.splits]  # the healthy robot has none
    tasks = {task.id: task for split in own for task in task_set.tasks(split)}
    if not tasks:
        return found
    vectors = task_set.vectors(list(tasks.values()))
    training, _ = task_set.file.of_split("train")
    for block, perturbation in zip(task_set.blocks, training, strict=True):
        if perturbation.group or perturbation.strike or perturbation.is_switch():
            continue
        for p, parameter in enumerate(perturbation.parameters):
            law = perturbation.law_of(parameter)
            if law is None or law.support()[0] >= law.support()[1]:
                continue
            values = block.values(vectors)[:, :, p]
            log = law.logarithmic and bool((values > 0).all())
            mean = np.exp(np.log(values).mean(axis=1)) if log else values.mean(axis=1)
            many = f" (mean of {block.rows})" if block.rows > 1 else ""
            unit = f" [{block.parameters[0][p].unit}]".replace(" [-]", "")
            name = f"{perturbation.name}.{parameter.name}{unit}{many}"
            by_task = dict(zip(tasks, mean.tolist(), strict=True))
            found.append(Factor(name, by_task, law.support(), log))
    return found


def _maps(results: Result, task_set: TaskSet, references: References | None) -> Section | None:
    chosen = factors(task_set, results.splits)[:2]
    if len(chosen) < 2:
        return None
    frames = (chosen[0].box, chosen[1].box), (chosen[0].logarithmic, chosen[1].logarithmic)
    maps: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for agent in results.agents:
        scores = _scores_by_task(results, agent, references)
        ids = [task for task in scores if task in chosen[0].values]
        if len(ids) >= 4:
            points = np.array([[factor.values[task] for factor in chosen] for task in ids])
            maps[agent] = points, np.array([scores[task] for task in ids])
    cells = [score_plots.cell_means(*found, *frames)[1] for found in maps.values()]
    scale = (min(map(np.nanmin, cells)), max(map(np.nanmax, cells))) if cells else (0.0, 1.0)
    names = chosen[0].name, chosen[1].name
    label = "normalised score" if references is not None else "return"
    drawn = [
        Plot(
            f"map-{slug(agent)}",
            score_plots.score_map(agent, names, *found, *frames, label, scale),
            f"Mean score of {agent} over {names[0]} and {names[1]}.",
        )
        for agent, found in maps.items()
    ]
    note = (
        "Mean score after the most shots over two parameters, all evaluated splits together. The "
        "frame is the range of training; dots are tasks; all maps share their colours."
    )
    return ("Score over two parameters", note, drawn)


def _scores_by_task(results: Result, agent: str, references: References | None) -> dict[str, float]:
    """Return the score of an agent after the most shots by task id, of all splits."""
    scores: dict[str, float] = {}
    for split in [split for split, who in pairs(results) if who == agent]:
        if references is not None and split not in references.splits:
            continue
        shots, curves = curves_of(results, references, agent, split)
        ids = results.scores(agent, split, shots[-1])[0]
        scores |= dict(zip(ids, curves[..., -1].mean(axis=0).tolist(), strict=True))
    return scores


def _online(online: Sequence[OnlineResult], numbers: Mapping[str, int]) -> Section | None:
    if not online:
        return None
    drawn: list[Plot] = []
    for split in dict.fromkeys(result.split for result in online):
        here = [result for result in online if result.split == split]
        timed = [result for result in here if len(result.times().time)]
        if timed:
            figure = score_plots.not_recovered(timed, numbers)
            words = f"Share of robots of {split} that have not recovered, against time."
            drawn.append(Plot(f"not-recovered-{slug(split)}", figure, words))
        for result in here:
            figure = score_plots.around_the_onset(result, numbers[result.agent])
            name = f"strike-{slug(split)}-{slug(result.agent)}"
            words = (
                f"Reward of {result.agent} on {split} around the onset: struck, settled, healthy."
            )
            drawn.append(Plot(name, figure, words))
    note = (
        "One long episode: damage begins at a time drawn for each task, and the agent is not "
        "informed. Recovered: the struck robot regains 0.9 of the gap between a baseline that does "
        "not adapt and the best that can be had, for good; robots that never do are "
        "right-censored, and those that lost nothing are left out."
    )
    return ("Recovery within one episode", note, drawn)
