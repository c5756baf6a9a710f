"""The table of a README: every agent on every test split, normalised, with what training cost."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import numpy as np

from fastadapt.adaptation.evaluation.load import load_results
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.references.scores import References, find_references
from fastadapt.adaptation.runs.checkpoint import write_text
from fastadapt.adaptation.runs.external import open_measured
from fastadapt.adaptation.runs.run import Run
from fastadapt.adaptation.statistics.bootstrap import over_tasks
from fastadapt.adaptation.text_table import markdown_table
from fastadapt.agents.registry import find_config
from fastadapt.errors import FastadaptError, unknown_name

BEGIN, END = "<!-- fastadapt table: {} -->", "<!-- /fastadapt table -->"
"""Marks in a Markdown file between which the table of a task set (its id) is put."""


class Arm(NamedTuple):
    """Runs of one agent that differ in their seed alone, as one.

    Attributes:
        name: of the agent, as it was measured.
        runs: its runs.
        result: all their evaluations.
    """

    name: str
    runs: list[Run]
    result: Result


def result_tables(
    paths: Sequence[Path], splits: Sequence[str] = (), references: Sequence[Path] = ()
) -> dict[str, str]:
    """Return one Markdown table for each task set, by its id.

    Runs of the same agent with the same settings on the same task set are pooled over their seeds.

    Args:
        paths: evaluated runs, or directories of agents from elsewhere.
        splits: which to show (default: all test splits that were evaluated).
        references: files to normalise with, in place of the shipped ones.

    Raises:
        FastadaptError: a path is no run or was not evaluated, or not on a split; runs have the same
            seed or other tasks; two task sets have the same id; or references are of none of them.
    """
    if not paths:
        raise FastadaptError("Nothing to show: give at least one evaluated run directory.")
    own = {found.hash: found for found in map(References.load, references)}
    sets: dict[str, list[Run]] = {}
    for path in paths:
        run = open_measured(path)
        sets.setdefault(run.config.task_set_hash, []).append(run)
    for other in own.keys() - sets.keys():
        raise FastadaptError(
            f"The references of '{own[other].task_set}' (hash {other}) are of no task set that "
            "these runs were measured on. Leave them out, or make them for the same version."
        )
    tables: dict[str, str] = {}
    for hash_, runs in sets.items():
        known = own.get(hash_) or find_references(runs[0].config.task_set, hash_)
        arms = _arms(runs)
        name = arms[0].result.task_set
        if name in tables:
            raise FastadaptError(
                f"'{runs[0].path}' was measured on another {name} than the runs before it: its "
                "hash is another one. Show them apart."
            )
        tables[name] = _table(arms, splits, known)
    return tables


def put_into(path: Path, tables: Mapping[str, str]) -> None:
    """Put each table between the marks of its task set, in place of what is there.

    Args:
        path: a Markdown file; what is outside the marks stays as it is.
        tables: by the task set's id.

    Raises:
        FastadaptError: the file cannot be read, or lacks marks; nothing was written.
    """
    try:
        old = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FastadaptError(f"Cannot read '{path}': {error.strerror}.") from None
    except UnicodeDecodeError:
        raise FastadaptError(f"'{path}' is no text; give a Markdown file.") from None
    text = old
    for name, table in tables.items():
        mark = BEGIN.format(name)
        before, begin, rest = text.partition(mark)
        _, end, after = rest.partition(END)
        if not begin or not end:
            raise FastadaptError(
                f"'{path}' lacks the marks between which the table goes: {mark} and {END}. "
                "Nothing was written."
            )
        text = f"{before}{mark}\n\n{table}\n{END}{after}"
    write_text(path, text)


def _arms(runs: Iterable[Run]) -> list[Arm]:
    """Pool runs over seeds; agents of one name whose settings differ are told apart by a run.

    So are those whose iterations differ by more than a tenth.
    """
    given = list(runs)
    done: dict[str, list[int]] = {}
    for run in given:
        done.setdefault(_settings(run), []).append(run.iterations_done())
    groups: dict[tuple[str, str], list[tuple[Run, Result]]] = {}
    for run in given:
        found = load_results(run)
        settings = _settings(run)
        if 10 * max(done[settings]) > 11 * min(done[settings]):
            settings += f" {run.iterations_done()}"
        for agent in found.agents:
            rows = Result(found.table[found.table["agent"] == agent], found.meta)
            groups.setdefault((agent, settings), []).append((run, rows))
    names = [agent for agent, _ in groups]
    arms: list[Arm] = []
    for (agent, _), members in groups.items():
        seeds = [run.config.seed for run, _ in members]
        twice = [seed for seed in seeds if seeds.count(seed) > 1]
        if twice:
            paths = [str(run.path) for run, _ in members if run.config.seed == twice[0]]
            raise FastadaptError(
                f"{' and '.join(paths)} are runs of '{agent}' with the same seed, {twice[0]}: "
                "give one of them."
            )
        name = agent if names.count(agent) == 1 else f"{agent} ({members[0][0].path.name})"
        result = Result.concatenate([rows.renamed({agent: name}) for _, rows in members])
        arms.append(Arm(name, [run for run, _ in members], result))
    return arms


def _settings(run: Run) -> str:
    """Return what runs must share to be one agent; a plan counts only where it changes training."""
    options = dict(run.config.options)
    if options and not find_config(run.config.agent).scheduled:
        del options["planned_iterations"]
    return json.dumps([run.config.agent, options])


def _table(arms: list[Arm], splits: Sequence[str], references: References | None) -> str:
    measured = list(dict.fromkeys(split for arm in arms for split in arm.result.splits))
    for split in splits:
        if split not in measured:
            raise unknown_name("split that these runs were evaluated on called", split, measured)
    shown = list(splits) or sorted(split for split in measured if split.startswith("test"))
    if not shown:
        raise FastadaptError(
            f"No run was evaluated on a split for tests, only on {', '.join(measured)}. Say with "
            "--split what to show."
        )
    _check_tasks(arms, shown)
    if references is not None and not set(shown) & set(references.splits):
        references = None
    head = ["agent", "shots", *shown, "training", "seeds", "episodes"]
    rows: list[list[str]] = []
    for arm in arms:
        shots = np.unique(arm.result.table["shot"]).tolist()
        for shot in dict.fromkeys((shots[0], shots[-1])):
            scores = [_score(arm, split, shot, references) for split in shown]
            seeds = len(np.unique(arm.result.table["seed"]))
            rows.append(
                [arm.name, str(shot), *scores, _budget(arm.runs), str(seeds), _episodes(arm, shown)]
            )
    first = arms[0]
    what = (
        "normalised score: 0 is the floor, 1 the oracle"
        if references is not None
        else "return (there are no reference scores of these splits to normalise with)"
    )
    count = sorted({str(_tasks(first, split)) for split in shown if split in first.result.splits})
    note = (
        f"`{first.result.task_set}`, {what}; mean over {' or '.join(count)} tasks of a split with "
        "its 95 % interval over tasks (and seeds, where there are several). Training: env steps "
        "and wall time of one run; episodes: measured ones for each task and number of shots."
    )
    return f"{note}\n\n{markdown_table(head, rows)}"


def _check_tasks(arms: Sequence[Arm], splits: Sequence[str]) -> None:
    """Refuse arms that were measured on other tasks of a split."""
    for split in splits:
        ids = {
            arm.name: set(rows["task_id"].tolist())
            for arm in arms
            if len(rows := arm.result.table[arm.result.table["split"] == split])
        }
        first = next(iter(ids))
        for name, tasks in ids.items():
            if tasks != ids[first]:
                raise FastadaptError(
                    f"'{first}' and '{name}' were measured on other tasks of '{split}': evaluate "
                    "both on the same version of the task set."
                )


def _episodes(arm: Arm, splits: Sequence[str]) -> str:
    """Return how many episodes were measured: the least and the most of all splits and seeds."""
    table = arm.result.table[np.isin(arm.result.table["split"], splits)]
    _, counts = np.unique(table[["seed", "split", "task_id", "shot"]], return_counts=True)
    return " to ".join(str(count) for count in sorted({counts.min(), counts.max()}))


def _score(arm: Arm, split: str, shot: int, references: References | None) -> str:
    result = arm.result
    if split not in result.splits or shot not in result.shots(arm.name, split):
        return "-"
    if references is None:
        return str(result.interval(arm.name, split, shot))
    if split not in references.splits:
        return "-"
    shots, curves = references.curves(result, arm.name, split)
    return str(over_tasks(curves[..., shots.index(shot)]))


def _tasks(arm: Arm, split: str) -> int:
    rows = arm.result.table[arm.result.table["split"] == split]
    return len(np.unique(rows["task_id"]))


def _budget(runs: Sequence[Run]) -> str:
    """Return env steps and wall time of training, averaged over runs; nothing for guests."""
    last = [run.metrics()[: run.iterations_done()] for run in runs]
    if not all(last):
        return "-"
    steps = mean(rows[-1]["env_steps"] for rows in last)
    minutes = mean(rows[-1]["seconds"] for rows in last) / 60
    return f"{steps / 1e6:.2f}M, {minutes:.0f} min"
