"""The results table: every agent on every test split, normalised, with its training budget."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import numpy as np

from fastadapt.adaptation.evaluation.integrity import mujoco_note
from fastadapt.adaptation.evaluation.load import load_results
from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.references.scores import References, find_references
from fastadapt.adaptation.report.verdicts import verdict
from fastadapt.adaptation.runs.files import write_text
from fastadapt.adaptation.runs.open_run import open_run
from fastadapt.adaptation.runs.run import Run
from fastadapt.adaptation.text_table import markdown_table
from fastadapt.agents.registry import find_config
from fastadapt.errors import FastadaptError, unknown_name

BEGIN, END = "<!-- fastadapt table: {} -->", "<!-- /fastadapt table -->"
"""Marks in a Markdown file that enclose the table of a task set, by its id."""


class Pool(NamedTuple):
    """Runs of one agent that differ only in their seed, pooled.

    Attributes:
        name: of the agent in the table.
        runs: its runs.
        result: all their evaluations.
    """

    name: str
    runs: list[Run]
    result: Result


def result_tables(
    paths: Sequence[str | Path], splits: Sequence[str] = (), references: Sequence[Path] = ()
) -> dict[str, str]:
    """Return one Markdown table for each task set, by its id.

    Runs of the same agent with the same settings on the same task set are pooled over their seeds.

    Args:
        paths: evaluated runs, or directories of external agents.
        splits: to show (default: all test splits that were evaluated).
        references: files to normalise with, in place of the shipped ones.

    Raises:
        FastadaptError: a path is not a run or was not evaluated on a split; runs share a seed or
            differ in their tasks; two task sets share an id; or references match none of them.
    """
    if not paths:
        raise FastadaptError("Nothing to show: give at least one evaluated run directory.")
    own = {found.hash: found for found in map(References.load, references)}
    sets: dict[str, list[Run]] = {}
    for path in paths:
        run = open_run(path)
        sets.setdefault(run.config.task_set_hash, []).append(run)
    for other in own.keys() - sets.keys():
        raise FastadaptError(
            f"The references of '{own[other].task_set}' (hash {other}) match no task set of these "
            "runs. Leave them out, or make them for the same version."
        )
    tables: dict[str, str] = {}
    for hash_, runs in sets.items():
        known = own.get(hash_) or find_references(runs[0].config.task_set, hash_)
        pools = _pools(runs)
        name = pools[0].result.task_set
        if name in tables:
            raise FastadaptError(
                f"'{runs[0].path}' was evaluated on another version of {name} than the others "
                "(the hashes differ). Make a table for each version."
            )
        tables[name] = _table(pools, splits, known)
    return tables


def put_into(path: Path, tables: Mapping[str, str]) -> None:
    """Replace the text between the marks of each task set by its table.

    Args:
        path: a Markdown file; text outside the marks is kept.
        tables: by the task set's id.

    Raises:
        FastadaptError: the file cannot be read, or lacks marks; nothing was written.
    """
    try:
        old = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FastadaptError(f"Cannot read '{path}': {error.strerror}.") from None
    except UnicodeDecodeError:
        raise FastadaptError(f"'{path}' is not text; give a Markdown file.") from None
    text = old
    for name, table in tables.items():
        mark = BEGIN.format(name)
        before, begin, rest = text.partition(mark)
        _, end, after = rest.partition(END)
        if not begin or not end:
            raise FastadaptError(
                f"'{path}' lacks the marks that enclose the table: {mark} and {END}. "
                "Nothing was written."
            )
        text = f"{before}{mark}\n\n{table}\n{END}{after}"
    write_text(path, text)


def _pools(runs: Iterable[Run]) -> list[Pool]:
    """Pool runs over seeds; the name of a run distinguishes agents with different settings.

    Iterations that differ by more than a tenth count as different settings.
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
    pools: list[Pool] = []
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
        pools.append(Pool(name, [run for run, _ in members], result))
    return pools


def _settings(run: Run) -> str:
    """Return the settings that pooled runs share; the planned iterations only if they matter."""
    options = dict(run.config.options)
    foreign = ":" in run.config.agent  # a table imports no class that a run names
    if options and not foreign and not find_config(run.config.agent).scheduled:
        del options["planned_iterations"]
    return json.dumps([run.config.agent, options])


def _table(pools: list[Pool], splits: Sequence[str], references: References | None) -> str:
    measured = list(dict.fromkeys(split for pool in pools for split in pool.result.splits))
    for split in splits:
        if split not in measured:
            raise unknown_name("split that these runs were evaluated on called", split, measured)
    shown = list(splits) or sorted(split for split in measured if split.startswith("test"))
    if not shown:
        raise FastadaptError(
            f"No run was evaluated on a test split, only on {', '.join(measured)}. Choose one with "
            "--split."
        )
    _check_tasks(pools, shown)
    if references is not None and not set(shown) & set(references.splits):
        references = None
    head = ["agent", "shots", *shown, "training", "seeds", "episodes"]
    rows: list[list[str]] = []
    for pool in pools:
        shots = np.unique(pool.result.table["shot"]).tolist()
        for shot in dict.fromkeys((shots[0], shots[-1])):
            scores = [_score(pool, split, shot, references) for split in shown]
            seeds = len(np.unique(pool.result.table["seed"]))
            rows.append(
                [
                    pool.name,
                    str(shot),
                    *scores,
                    _budget(pool.runs),
                    str(seeds),
                    _episodes(pool, shown),
                ]
            )
    first = pools[0]
    what = (
        "normalised score: 0 is the nominal baseline, 1 the oracle"
        if references is not None
        else "return (these splits have no reference scores to normalise with)"
    )
    count = sorted({str(_tasks(first, split)) for split in shown if split in first.result.splits})
    everything = Result.concatenate([pool.result for pool in pools])
    table = everything.table[np.isin(everything.table["split"], shown)]
    words = verdict(
        Result(table, everything.meta), (), references, [run for pool in pools for run in pool.runs]
    )
    note = (
        f"{words}\n\n`{first.result.task_set}`, {what}; mean over {' or '.join(count)} tasks of a "
        "split with its 95 % interval over tasks (and seeds, where there are several). Training: "
        "env steps and wall time of one run. Episodes: measured for each task and number of shots."
    )
    note = f"{note} {mujoco_note(*(pool.result.meta for pool in pools))}".rstrip()
    return f"{note}\n\n{markdown_table(head, rows)}"


def _check_tasks(pools: Sequence[Pool], splits: Sequence[str]) -> None:
    """Refuse pools that were evaluated on different tasks of a split."""
    for split in splits:
        ids = {
            pool.name: set(rows["task_id"].tolist())
            for pool in pools
            if len(rows := pool.result.table[pool.result.table["split"] == split])
        }
        first = next(iter(ids))
        for name, tasks in ids.items():
            if tasks != ids[first]:
                raise FastadaptError(
                    f"'{first}' and '{name}' were evaluated on different tasks of '{split}': "
                    "evaluate both on the same version of the task set."
                )


def _episodes(pool: Pool, splits: Sequence[str]) -> str:
    """Return the number of measured episodes, or its range over splits and seeds."""
    table = pool.result.table[np.isin(pool.result.table["split"], splits)]
    _, counts = np.unique(table[["seed", "split", "task_id", "shot"]], return_counts=True)
    if not len(counts):  # measured on other splits alone
        return "-"
    return " to ".join(str(count) for count in sorted({counts.min(), counts.max()}))


def _score(pool: Pool, split: str, shot: int, references: References | None) -> str:
    result = pool.result
    if split not in result.splits or shot not in result.shots(pool.name, split):
        return "-"
    if references is None:
        return str(result.interval(pool.name, split, shot))
    if split not in references.splits:
        return "-"
    return references.cell(result, pool.name, split, shot)


def _tasks(pool: Pool, split: str) -> int:
    rows = pool.result.table[pool.result.table["split"] == split]
    return len(np.unique(rows["task_id"]))


def _budget(runs: Sequence[Run]) -> str:
    """Return mean env steps and wall time of training; `-` for external agents."""
    last = [run.metrics()[: run.iterations_done()] for run in runs]
    if not all(last):
        return "-"
    steps = mean(rows[-1]["env_steps"] for rows in last)
    minutes = mean(rows[-1]["seconds"] for rows in last) / 60
    return f"{steps / 1e6:.2f}M, {minutes:.0f} min"
