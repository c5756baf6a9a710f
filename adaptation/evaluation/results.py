"""The results table of an evaluation and its summary statistics."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.adaptation.evaluation.columns import (
    COLUMNS,
    damaged,
    is_recorded,
    join_tables,
    read_table,
    table_text,
)
from fastadapt.adaptation.evaluation.integrity import ENTRY, check_digests, digests, mujoco_note
from fastadapt.adaptation.evaluation.joined_meta import (
    check_criteria,
    check_types,
    joined_meta,
    parameters_by_row,
)
from fastadapt.adaptation.runs.files import write_text
from fastadapt.adaptation.statistics.bootstrap import (
    LEVEL,
    REPS,
    Interval,
    Statistic,
    iqm,
    mean,
    over_tasks,
)
from fastadapt.adaptation.text_table import html_table, markdown_table, shots_name
from fastadapt.errors import FastadaptError, unknown_name

METHOD = (
    "averages over episodes per seed and task; percentile bootstrap over tasks, and over seeds too "
    "where there are several; gains paired by task and seed"
)
FORMAT = 1
"""Version of the files of an evaluation, `format` in their JSON; files without one are read too."""
_KEY = ["agent", "seed", "task_set", "split", "task_id", "shot", "episode"]


class Result:
    """Measured episodes of agents on the tasks of one task set.

    Attributes:
        table: rows with all of `COLUMNS`, and any others.
        meta: provenance, as JSON: task set and its hash, versions, seeds, machine, ...
    """

    def __init__(self, table: NDArray[np.void], meta: dict[str, Any]) -> None:
        names = table.dtype.names or ()
        fits = all(n in names and table.dtype[n] == COLUMNS[n] for n in COLUMNS.names or ())
        if not fits or table.ndim != 1 or len(table) == 0:
            raise FastadaptError(
                "A result needs a table (rows,) with the fields of evaluation.columns.COLUMNS "
                "and at least one row."
            )
        sets = np.unique(table["task_set"])
        if len(sets) > 1:
            raise FastadaptError(
                f"Returns on different task sets cannot be pooled: {', '.join(sets)}. "
                "Make one result, and one report, for each."
            )
        self.table = table
        self.meta = meta
        self._index: dict[str, dict[str, dict[int, list[int]]]] = {}
        keys = zip(*(table[name].tolist() for name in ("agent", "split", "shot")), strict=True)
        for row, (agent, split, shot) in enumerate(keys):
            splits = self._index.setdefault(agent, {})
            splits.setdefault(split, {}).setdefault(shot, []).append(row)

    @property
    def agents(self) -> list[str]:
        """Names of the agents, in the order of the table."""
        return list(self._index)

    @property
    def splits(self) -> list[str]:
        """Names of the splits, in the order of the table."""
        return list(dict.fromkeys(self.table["split"].tolist()))

    @property
    def task_set(self) -> str:
        """Versioned id of the task set."""
        return str(self.table["task_set"][0])

    def shots(self, agent: str, split: str) -> list[int]:
        """Return the numbers of shots after which an agent was measured on a split.

        Raises:
            FastadaptError: it was not, or there is no such agent.
        """
        if agent not in self._index:
            raise unknown_name("agent in these results", agent, self.agents)
        if split not in self._index[agent]:
            raise unknown_name(f"split with results of '{agent}'", split, self._index[agent])
        return sorted(self._index[agent][split])

    def rows(self, agent: str, split: str, shot: int) -> NDArray[np.void]:
        """Return the rows of an agent on a split after a number of shots.

        Raises:
            FastadaptError: there are none.
        """
        shots = self.shots(agent, split)
        if shot not in shots:
            raise FastadaptError(
                f"Agent '{agent}' was not evaluated after {shot} shots on split '{split}', "
                f"only after {', '.join(map(str, shots))}."
            )
        return self.table[self._index[agent][split][shot]]

    def scores(
        self, agent: str, split: str, shot: int, column: str = "return"
    ) -> tuple[list[str], NDArray[np.float64]]:
        """Return task ids, sorted, and one column averaged over episodes, `(seeds, tasks)`.

        Raises:
            FastadaptError: no such rows, or a seed lacks some of the tasks.
        """
        rows = self.rows(agent, split, shot)
        seeds, seed = np.unique(rows["seed"], return_inverse=True)
        task_ids, task = np.unique(rows["task_id"], return_inverse=True)
        shape = (len(seeds), len(task_ids))
        cell = np.ravel_multi_index((seed, task), shape)
        counts = np.bincount(cell, minlength=math.prod(shape))
        if counts.min() == 0:
            s, t = np.unravel_index(counts.argmin(), shape)
            raise FastadaptError(
                f"Agent '{agent}', seed {seeds[s]}, lacks task {task_ids[t]} of split '{split}' "
                f"after {shot} shots: evaluate every seed on the same tasks."
            )
        sums = np.bincount(cell, rows[column].astype(float), math.prod(shape))
        return task_ids.tolist(), (sums / counts).reshape(shape)

    def task_means(
        self, agent: str, split: str, shot: int, column: str = "return"
    ) -> tuple[list[str], NDArray[np.float64]]:
        """Return task ids, sorted, and one column averaged over episodes and seeds, `(T,)`."""
        task_ids, values = self.scores(agent, split, shot, column)
        return task_ids, values.mean(axis=0)

    def interval(
        self, agent: str, split: str, shot: int, statistic: Statistic = mean, column: str = "return"
    ) -> Interval:
        """Return a statistic of the means over episodes, with its interval (see `over_tasks`).

        Raises:
            FastadaptError: no such rows, or the column was not recorded everywhere.
        """
        return over_tasks(self.scores(agent, split, shot, column)[1], statistic)

    def recorded(self, agent: str, split: str, shot: int, column: str) -> bool:
        """Return whether a column was recorded in all rows after a number of shots."""
        return bool(is_recorded(self.rows(agent, split, shot)[column]).all())

    def gain(self, agent: str, split: str, shot: int, statistic: Statistic = mean) -> Interval:
        """Return the return after `shot` shots minus that before any, paired by seed and task."""
        after, before = (self.scores(agent, split, k) for k in (shot, 0))
        if after[0] != before[0] or len(after[1]) != len(before[1]):
            raise FastadaptError(
                f"Agent '{agent}' was measured on different tasks or seeds of '{split}' after "
                f"{shot} shots and before any, so the gain cannot be paired. Evaluate it again."
            )
        return over_tasks(after[1] - before[1], statistic)

    def summary(self) -> dict[str, Any]:
        """Return summary statistics as JSON: by agent, split and number of shots."""
        agents = {
            agent: {split: _summarise(self, agent, split) for split in splits}
            for agent, splits in self._index.items()
        }
        statistics = {"level": LEVEL, "resamples": REPS, "seed": 0, "method": METHOD}
        return {"task_set": self.task_set, "statistics": statistics, "agents": agents}

    def markdown(self, statistic: str = "mean") -> str:
        """Return the table of returns (`mean` or `iqm`): a row per agent and split.

        Raises:
            FastadaptError: another statistic.
        """
        if statistic not in ("mean", "iqm"):
            raise unknown_name("statistic", statistic, ["mean", "iqm"])
        note = mujoco_note(self.meta)
        return markdown_table(*_cells(self, "return", statistic)) + (f"\n{note}\n" if note else "")

    def renamed(self, names: Mapping[str, str]) -> Result:
        """Return these results with agents renamed, e.g. to compare two runs of one agent."""
        longest = max(names.values(), key=len, default="")
        if len(longest) > 64:
            raise FastadaptError(f"'{longest}' is too long: agents have up to 64 characters.")
        table = self.table.copy()
        table["agent"] = [names.get(name, name) for name in self.table["agent"].tolist()]
        return Result(table, self.meta)

    @staticmethod
    def concatenate(results: Sequence[Result]) -> Result:
        """Return one result with the rows of all.

        Equal entries of `meta` are kept, `tasks` and `splits` are merged, and the entries that
        differ are listed in `meta["parts"]`, one per result.

        Raises:
            FastadaptError: there is none, task sets or criteria differ, or an episode occurs twice.
        """
        if not results:
            raise FastadaptError("There are no results to concatenate; give at least one.")
        check_criteria([result.meta for result in results])
        hashes = {str(result.meta.get("task_set_hash")) for result in results}
        if len(hashes) > 1:
            raise FastadaptError(
                "The results were made with different versions of the task set (hashes "
                f"{', '.join(sorted(hashes))}). Evaluate all of them with the same version."
            )
        parts = [np.unique(result.table[_KEY]) for result in results]
        keys, counts = np.unique(np.concatenate(parts), return_counts=True)
        if counts.max() > 1:
            twice = zip(_KEY, keys[counts.argmax()], strict=True)
            raise FastadaptError(
                "The same episode is in two of the results: "
                f"{', '.join(f'{name} {value}' for name, value in twice)}. Give agents of the same "
                "name other names with `renamed`, or leave one out."
            )
        table = join_tables([result.table for result in results])
        return Result(table, joined_meta([result.meta for result in results]))

    def to_pandas(self, parameters: bool = True) -> Any:
        """Return the table as a `pandas.DataFrame`.

        Args:
            parameters: add a column for each parameter of the tasks, by name.

        Raises:
            FastadaptError: pandas is not installed.
        """
        try:
            import pandas  # pyright: ignore[reportMissingImports]
        except ImportError:
            raise FastadaptError(
                "Result.to_pandas needs pandas, which is not installed: pip install "
                "'fastadapt[pandas]'."
            ) from None
        columns = {name: self.table[name] for name in self.table.dtype.names or ()}
        return pandas.DataFrame(columns | (self.parameters() if parameters else {}))

    def parameters(self) -> dict[str, NDArray[np.float64]]:
        """Return the tasks' parameters by name, `(rows,)` each; NaN where they are not known."""
        return parameters_by_row(self.table, self.meta)

    def _repr_html_(self) -> str:
        """Return the tables of returns and of success, for notebooks."""
        return "".join(html_table(*_cells(self, column)) for column in _shown(self))

    def save(self, folder: str | Path) -> None:
        """Write `results.csv` (the table, exact) and `summary.json` (summary and meta).

        Raises:
            FastadaptError: `meta` cannot be written as JSON.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        content: dict[str, Any] = {"format": FORMAT, "rows": len(self.table), "meta": self.meta}
        content["summary"] = self.summary()
        try:
            json.dumps(content, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise FastadaptError(f"The meta data of a result must be JSON: {error}.") from error
        (folder / "summary.json").unlink(missing_ok=True)  # its presence marks a complete table
        write_text(folder / "results.csv", table_text(self.table))
        content[ENTRY] = digests(folder, ["results.csv"])
        write_text(folder / "summary.json", json.dumps(content, indent=1) + "\n")

    @staticmethod
    def load(folder: str | Path) -> Result:
        """Return what `save` wrote, exactly; files of earlier formats are read too.

        Raises:
            FastadaptError: the folder holds no complete evaluation, or one of a later format.
        """
        folder = Path(folder)
        for name in ("results.csv", "summary.json"):
            if not (folder / name).is_file():
                raise FastadaptError(
                    f"{folder} is not a complete evaluation: it has no {name}. "
                    "Give a folder that `fastadapt evaluate` wrote, or evaluate again."
                )
        content = _read_summary(folder)
        table = read_table(folder / "results.csv", content["rows"])
        check_digests(folder, content, ["results.csv"])
        return Result(table, content["meta"])


def _read_summary(folder: Path) -> dict[str, Any]:
    """Return the content of `summary.json`, with `rows` and `meta` of their types."""
    file = folder / "summary.json"
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        check_format(folder, content)
        check_types(content["meta"])
        return content | {"rows": int(content["rows"]), "meta": dict(content["meta"])}
    except FastadaptError:
        raise
    except (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError) as e:
        raise damaged(file, f"{e!s:.200}") from None


def check_format(folder: Path, content: Mapping[str, Any]) -> None:
    """Refuse an evaluation whose format is later than `FORMAT`; files of format 0 name none.

    Raises:
        FastadaptError: it is.
    """
    written = int(content.get("format", 0))
    if written > FORMAT:
        raise FastadaptError(
            f"'{folder}' has results of format {written}; this version of fastadapt reads formats "
            f"up to {FORMAT}. Upgrade fastadapt, or evaluate again."
        )


def _summarise(result: Result, agent: str, split: str) -> dict[str, Any]:
    shots = result.shots(agent, split)
    rows = np.concatenate([result.rows(agent, split, shot) for shot in shots])
    columns = {"tasks": "task_id", "seeds": "seed", "episodes": "episode"}
    counts = {name: len(set(rows[column].tolist())) for name, column in columns.items()}
    return counts | {"shots": {str(k): _summarise_shot(result, agent, split, k) for k in shots}}


def _summarise_shot(result: Result, agent: str, split: str, shot: int) -> dict[str, Any]:
    at = (agent, split, shot)
    rows = result.rows(*at)
    summary: dict[str, Any] = {
        "return_mean": result.interval(*at).as_json(),
        "return_iqm": result.interval(*at, iqm).as_json(),
        **{
            f"{name}_mean": result.interval(*at, column=name).as_json()
            if result.recorded(*at, name)
            else None
            for name in ("distance", "energy", "success")
        },
        "measured_episodes": len(rows),
        "fell": int(rows["fell"].sum()),
        "diverged": int(rows["diverged"].sum()),
        "adaptation": {
            name: float(np.median(result.task_means(*at, f"adaptation_{name}")[1]))
            if result.recorded(*at, f"adaptation_{name}")
            else None
            for name in ("env_steps", "gradient_steps", "seconds")
        },
    }
    if shot > 0 and 0 in result.shots(agent, split):
        summary["gain_mean"] = result.gain(*at).as_json()
        summary["gain_iqm"] = result.gain(*at, iqm).as_json()
    return summary


def _cells(
    result: Result, column: str, statistic: str = "mean"
) -> tuple[list[str], list[list[str]]]:
    """Return head and body of the table of one column."""
    agents = result.summary()["agents"]
    shots = np.unique(result.table["shot"]).tolist()
    first = "agent" if column == "return" else f"{column} of"
    head = [first, "split", "tasks", "seeds", *map(shots_name, shots)]
    body: list[list[str]] = []
    for agent, splits in agents.items():
        for split, found in splits.items():
            row = [agent, split, str(found["tasks"]), str(found["seeds"])]
            cells = [(found["shots"].get(str(k)) or {}).get(f"{column}_{statistic}")
                     for k in shots]  # fmt: skip
            body.append(row + [_text(cell, found["tasks"]) for cell in cells])
    return head, body


def _shown(result: Result) -> list[str]:
    return ["return", *(["success"] if is_recorded(result.table["success"]).any() else [])]


def _text(cell: dict[str, Any] | None, tasks: int) -> str:
    """Return a mean with its interval, and its n where that differs from the row's."""
    if cell is None:
        return "-"
    interval = Interval.from_json(cell)
    return str(interval) if interval.n == tasks else f"{interval} (n = {interval.n})"
