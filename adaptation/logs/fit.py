"""The fit of a task set to recorded logs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from fastadapt.adaptation.logs.candidates import Candidates, Structure
from fastadapt.adaptation.logs.held_out import HeldOut, check_held_out
from fastadapt.adaptation.logs.identifiability import Verdict, judge
from fastadapt.adaptation.logs.intervals import spread_of_estimate
from fastadapt.adaptation.logs.reading.clock import ClockReport, report_clock
from fastadapt.adaptation.logs.reading.mapping import OWN, Measured, Signal, measure
from fastadapt.adaptation.logs.reading.plausible import check_plausible
from fastadapt.adaptation.logs.reading.read import read_logs
from fastadapt.adaptation.logs.reading.recording import Recording
from fastadapt.adaptation.logs.segments import Segments, cut
from fastadapt.adaptation.logs.simulate import MOST_ROBOTS, SegmentSimulator
from fastadapt.adaptation.logs.solve import Estimate, Solver
from fastadapt.adaptation.logs.unknowns import NOTHING, Question, question_of
from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.tasks.task import Task
from fastadapt.envs.tasks.task_set import TaskSet
from fastadapt.errors import FastadaptError

Method = Literal["least-squares", "cma"]


@dataclass(frozen=True)
class Likely:
    """A discrete cause and its probability; parameters of it as the log has them."""

    structure: Structure
    probability: float
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class Fit:
    """A task set fitted to logs.

    Attributes:
        task_set: as declared.
        task: the estimate; parameters that the log does not tell are nominal.
        verdicts: on every parameter that all robots have.
        causes: discrete causes by probability, those above 1 %; "nothing" among them.
        delays: probability of each delay in control steps; empty where none is declared.
        clocks: the clock of each recording.
        held_out: errors on segments that were not fitted.
        noise: standard deviation of each signal by name, with its unit.
        kept: segments that were fitted, and how many there were.
        disagreement: see `Spread`.
        left_out: perturbations that were not fitted, and why.
        warnings: sentences.
    """

    task_set: TaskSet
    task: Task
    verdicts: tuple[Verdict, ...]
    causes: tuple[Likely, ...]
    delays: dict[int, float]
    clocks: tuple[ClockReport, ...]
    held_out: HeldOut
    noise: dict[str, tuple[float, str]]
    kept: tuple[int, int]
    disagreement: float
    left_out: dict[str, str]
    warnings: tuple[str, ...]


def fit_logs(
    task_set: TaskSet,
    logs: Sequence[str | Path | Recording],
    *,
    seconds: float = 0.5,
    segments: int = 24,
    method: Method = "least-squares",
    num_threads: int = 0,
    seed: int = 0,
) -> Fit:
    """Fit a task set to logs.

    Args:
        task_set: what may be wrong with the robot, and the table `[log]`.
        logs: paths of logs, or recordings.
        seconds: length of a segment.
        segments: most segments, a quarter of which is held out.
        method: `least-squares`, or `cma` for a search by an evolution strategy before it.
        num_threads: of the simulation; 0: one per processor.
        seed: of starts and resamples.

    Raises:
        FastadaptError: a log cannot be read, is not one of this robot, or is too short.
    """
    question = question_of(task_set)
    measured = read_measured(task_set, logs)
    everything = cut(measured, task_set.environment, seconds, segments, max(question.delays))
    signals = measured[0].signals
    inner = take(everything, everything.fitted())
    robots = min(MOST_ROBOTS, inner.count * (len(question.unknowns) + 1))
    simulator = SegmentSimulator(task_set, inner, signals, num_threads, robots)
    candidates = Candidates(simulator, question, task_set.nominal.vector(), signals)
    solver = Solver(candidates, seed)
    best = solver.solve(method=method)
    spread = spread_of_estimate(best, seed)
    verdicts = judge(best.unknowns, best.z, spread)
    causes, delays = _weighed(solver, best, question, spread.disagreement)
    common = tuple(verdicts[: len(question.unknowns)])
    told = np.array([v.determined for v in verdicts], bool)
    vector = _told(candidates, best, told, task_set.nominal.vector())
    outer = take(everything, everything.held_out())
    checked = check_held_out(
        SegmentSimulator(task_set, outer, signals, num_threads, max(2 * outer.count, 2)),
        signals, task_set.nominal.vector(), vector, candidates.noise,
    )  # fmt: skip
    _check_better(task_set, checked)
    kept = (int(candidates.kept.sum()), inner.count)
    noise = {s.name: (float(n), s.unit) for s, n in zip(signals, candidates.noise, strict=True)}
    return Fit(
        task_set, _task(task_set, vector), common, causes, delays,
        tuple(report_clock(log) for log in measured), checked, noise, kept, spread.disagreement,
        dict(question.left_out),
        tuple(_warnings(common, kept, spread.disagreement, checked, signals, task_set)),
    )  # fmt: skip


def read_measured(task_set: TaskSet, logs: Sequence[str | Path | Recording]) -> list[Measured]:
    """Return logs in the terms of the robot, checked.

    Raises:
        FastadaptError: as `fit_logs`.
    """
    keys = task_set.file.log or OWN
    model, step = task_set.environment.model(), task_set.environment.control_step()
    paths = [log for log in logs if not isinstance(log, Recording)]
    recordings = [log for log in logs if isinstance(log, Recording)]
    recordings += read_logs(paths, keys.time)
    if not recordings:
        raise FastadaptError("There is no log. Give at least one with --log.")
    measured = [measure(recording, keys, model) for recording in recordings]
    for log in measured:
        check_plausible(log, model, step)
        if [s.name for s in log.signals] != [s.name for s in measured[0].signals]:
            raise FastadaptError(
                f"'{log.name}' measures other joints than '{measured[0].name}'. Fit them apart."
            )
    return measured


def take(segments: Segments, rows: Ids) -> Segments:
    """Return some of the segments."""
    names = ("qpos", "qvel", "controls", "tick", "weight", "signal", "value", "valid", "start",
             "recording")  # fmt: skip
    return dataclasses.replace(segments, **{name: getattr(segments, name)[rows] for name in names})


def _weighed(
    solver: Solver, best: Estimate, question: Question, disagreement: float
) -> tuple[tuple[Likely, ...], dict[int, float]]:
    """Return probabilities of the discrete causes and of the delays."""
    rivals = solver.rivals(best) if len(question.alternatives) + len(question.delays) > 2 else []
    samples = np.log(max(int((best.residuals != 0).sum()), 2))
    estimates = [best, *rivals]
    score = np.array([
        e.cost / disagreement
        + 0.5 * samples * (len(e.structure.alternative.unknowns)
                           + len(e.structure.alternative.fixed))
        for e in estimates
    ])  # fmt: skip
    likely = np.exp(score.min() - score)
    delays: dict[int, float] = {}
    causes: dict[str, tuple[float, Estimate]] = {}
    for weight, estimate in zip(likely, estimates, strict=True):
        structure = estimate.structure
        if structure.alternative == best.structure.alternative:
            delays[structure.delay] = max(delays.get(structure.delay, 0.0), float(weight))
        if structure.delay == best.structure.delay:
            causes[structure.alternative.name] = (float(weight), estimate)
    total = sum(weight for weight, _ in causes.values())
    found = []
    for weight, estimate in causes.values():
        own = len(estimate.unknowns) - len(question.unknowns)
        judged = judge(estimate.unknowns, estimate.z, spread_of_estimate(estimate))
        verdicts = tuple(judged[len(judged) - own :]) if own else ()
        if weight / total > 0.01:
            found.append(Likely(estimate.structure, weight / total, verdicts))
    sums = sum(delays.values())
    kept = {d: w / sums for d, w in sorted(delays.items()) if w / sums > 0.01}
    order = sorted(found, key=lambda one: -one.probability)
    return tuple(order), kept if question.delay is not None else {}


def _told(candidates: Candidates, best: Estimate, told: Array, nominal: Array) -> Array:
    """Return the task of the estimate, nominal where the log does not tell."""
    vector = candidates.vectors(best.structure, best.unknowns, best.z[None])[0]
    for unknown, known in zip(best.unknowns, told, strict=True):
        own = unknown in best.structure.alternative.unknowns
        if not known and not own:
            vector[unknown.column] = nominal[unknown.column]
    return vector


def _task(task_set: TaskSet, vector: Array) -> Task:
    nominal = task_set.nominal
    return dataclasses.replace(nominal, values=tuple(vector.tolist()))


def _check_better(task_set: TaskSet, checked: HeldOut) -> None:
    """Refuse a fit that predicts worse than a robot that stands still.

    Raises:
        FastadaptError: it does.
    """
    if checked.moving and checked.share_of_still > 1.0:
        raise FastadaptError(
            f"No task of '{task_set.name}' predicts this log: on segments kept for the check the "
            f"error is {checked.share_of_still:.2g} times that of a robot that stands still. Is it "
            "the log of another robot? Check units, signs, offsets and commands in [log]."
        )


def _warnings(
    verdicts: Sequence[Verdict],
    kept: tuple[int, int],
    disagreement: float,
    checked: HeldOut,
    signals: Sequence[Signal],
    task_set: TaskSet,
) -> list[str]:
    found = []
    for verdict in verdicts:
        if verdict.outside:
            unknown = verdict.unknown
            found.append(
                f"{unknown.name} = {verdict.value:.3g} lies outside of the declared range "
                f"{unknown.low:g} to {unknown.high:g}: the range, or the model, is wrong."
            )
    if disagreement > 4:
        found.append(
            f"Segments disagree {np.sqrt(disagreement):.1f} times more than their noise allows: "
            "the model lacks something. Intervals are widened accordingly."
        )
    if kept[0] < kept[1]:
        found.append(
            f"{kept[1] - kept[0]} of {kept[1]} segments were left out: no task predicts them, as "
            "happens with impacts."
        )
    if checked.moving and checked.fitted_over_nominal > 0.97:
        found.append(
            "On segments kept for the check the fit is no better than the nominal model: do not "
            "rely on it."
        )
    if not checked.moving:
        found.append("Hardly anything moves in the segments kept for the check.")
    model = task_set.environment.model()
    seen = {s.index for s in signals if s.kind == "position"}
    unseen = [model.joint(j).name for j in range(model.njnt) if int(model.jnt_qposadr[j])
              not in seen]  # fmt: skip
    if unseen:
        found.append(
            f"Not logged, so that segments start at the nominal angle: {', '.join(unseen)}."
        )
    return found


def is_cause(likely: Likely) -> bool:
    """Return whether it is a cause, and not "nothing"."""
    return likely.structure.alternative is not NOTHING
