"""The task set that a fit gives back: laws around the estimate in place of guessed ranges."""

from __future__ import annotations

import copy
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fastadapt.adaptation.logs.fit import Fit, Likely, is_cause
from fastadapt.adaptation.logs.identifiability import Verdict
from fastadapt.adaptation.logs.reading.tables import INSTALL
from fastadapt.adaptation.runs.files import write_text
from fastadapt.envs.tasks.layout import ParameterBlock
from fastadapt.errors import FastadaptError

_TAIL = 3.0
"""A law ends this many standard deviations from the estimate."""
_COUNTS = {"train": 100, "validation": 20, "test_iid": 40, "test_declared": 40}
_WORDS = {
    "train": "robots that the log does not tell from the recorded one",
    "validation": "the laws above, other draws: for choosing settings",
    "test_iid": "the laws above, draws never trained on",
    "test_declared": "the ranges that were declared before the fit",
}


def write_fitted(fit: Fit, path: Path, origin: Path | None) -> None:
    """Write the fitted task set.

    Parameters that the log determines get a normal law around the estimate, with the spread of its
    interval; the others keep what was declared. The split `test_declared` has the declared laws.

    Args:
        fit: the result.
        path: of the new TOML file.
        origin: path of the declared file, which paths of models are relative to.

    Raises:
        FastadaptError: tomli-w is missing, or the file exists.
    """
    try:
        import tomli_w
    except ImportError:
        raise FastadaptError(f"Writing a task set needs tomli-w. {INSTALL}") from None
    if path.exists():
        raise FastadaptError(f"'{path}' exists already. Choose another --out, or remove it.")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, tomli_w.dumps(fitted_content(fit, path, origin)))


def fitted_content(fit: Fit, path: Path, origin: Path | None) -> dict[str, Any]:
    """Return the content of the fitted task-set file; arguments as `write_fitted`."""
    declared = tomllib.loads(fit.task_set.source)
    content: dict[str, Any] = {
        "name": _name(declared["name"], path),
        "version": 0,
        "environment": _environment(declared["environment"], path, origin),
        "description": f"{declared['name']}, fitted to a log of "
        f"{sum(clock.seconds for clock in fit.clocks):.0f} s",
    }
    content |= {k: declared[k] for k in ("clock", "success", "log") if k in declared}
    groups = copy.deepcopy(declared.get("groups", declared.get("alternatives", {})))
    entries: list[dict[str, Any]] = []
    declared_laws: dict[str, dict[str, Any]] = {}
    verdicts = {verdict.unknown.column: verdict for verdict in fit.verdicts}
    struck = _struck_groups(fit)
    for entry, block in zip(declared.get("perturbations", []), fit.task_set.blocks, strict=True):
        group = block.perturbation.group or block.perturbation.name
        if group in struck:
            made = _causes(entry, block, fit.causes)
        elif "action_delay" in block.perturbation.signals and fit.delays:
            made = [entry | {"steps": _choice(fit.delays)}]
        else:
            made = _around(entry, block, verdicts)
        for new in made:
            laws = {k: entry[k] for k in entry if isinstance(entry[k], dict) and entry[k] != new[k]}
            if laws and group not in struck:
                declared_laws[new["name"]] = laws
        entries += made
    for group, nothing in struck.items():
        if group in groups or any(e.get("group") == group for e in entries):
            groups[group] = {"strike": 1, "none": nothing}
    used = {e.get("group", e.get("alternatives")) for e in entries}
    content["groups"] = {name: table for name, table in groups.items() if name in used}
    untold = [e["name"] for e in entries if _root(e, declared.get("untold", []))]
    content |= {"untold": untold} if untold else {}
    content["perturbations"] = entries
    content["splits"] = {
        name: {"count": count, "description": _WORDS[name]} for name, count in _COUNTS.items()
    }
    content["splits"]["test_declared"] |= {"perturbations": declared_laws} if declared_laws else {}
    if not declared_laws:
        del content["splits"]["test_declared"]
    return content


def _around(
    entry: Mapping[str, Any], block: ParameterBlock, verdicts: Mapping[int, Verdict]
) -> list[dict[str, Any]]:
    """Return an entry with laws around what is determined, split by target where they differ."""
    width = len(block.perturbation.parameters)
    found, left = [], []
    for row in range(block.rows):
        laws = {}
        for p, parameter in enumerate(block.perturbation.parameters):
            verdict = verdicts.get(block.start + row * width + p)
            if verdict is not None and verdict.determined:
                laws[parameter.name] = law_of(verdict)
        if not laws:
            left.append(block.targets[row])
            continue
        if block.labels()[row] == "":
            return [dict(entry) | laws]
        name = _called(entry["name"], block.targets[row]) if block.rows > 1 else entry["name"]
        found.append(dict(entry) | {"name": name, "targets": [block.targets[row]]} | laws)
    if not found:
        return [dict(entry)]
    rest = [dict(entry) | {"targets": left}] if left else []
    return [*found, *rest]


def law_of(verdict: Verdict) -> dict[str, Any]:
    """Return the law of a determined parameter: normal, as wide as its interval."""
    unknown = verdict.unknown
    middle, (low, high) = float(unknown.coordinate(verdict.value)), unknown.limits()
    ends = unknown.coordinate(np.array([verdict.low, verdict.high]))
    spread = max(float(ends[1] - ends[0]) / (2 * 1.96), 1e-6)
    edge = unknown.value(np.clip([middle - _TAIL * spread, middle + _TAIL * spread], low, high))
    bottom, top = float(max(edge[0], unknown.bounds[0])), float(min(edge[1], unknown.bounds[1]))
    std = float(unknown.value(middle + spread) - unknown.value(middle - spread)) / 2
    return {
        "law": "truncated-normal",
        "mean": _digits(verdict.value),
        "std": _digits(std),
        "low": _digits(bottom),
        "high": _digits(top),
    }


def _causes(
    entry: Mapping[str, Any], block: ParameterBlock, causes: Sequence[Likely]
) -> list[dict[str, Any]]:
    """Return the likely causes that an entry stands for, each an alternative of its own."""
    found = []
    for likely in causes:
        alternative = likely.structure.alternative
        if alternative.perturbation != block.perturbation.name:
            continue
        new = {k: v for k, v in entry.items()
               if k not in ("among", "eligible", "strike", "count", "onset", "ramp", "alternatives",
                            "along_with", "with", "repair", "duration", "event")}  # fmt: skip
        group = block.perturbation.group or block.perturbation.name
        new |= {"group": group, "weight": _digits(likely.probability)}
        if alternative.target:
            new |= {"name": _called(entry["name"], alternative.target),
                    "targets": [alternative.target]}  # fmt: skip
        for verdict in likely.verdicts:
            if verdict.determined:
                new[verdict.unknown.name.partition(".")[2].partition("[")[0]] = law_of(verdict)
        found.append(new)
    return found


def _struck_groups(fit: Fit) -> dict[str, float]:
    """Return the groups of likely causes, and the probability of nothing."""
    blocks = {block.perturbation.name: block.perturbation for block in fit.task_set.blocks}
    nothing = sum(one.probability for one in fit.causes if not is_cause(one))
    named = (blocks[c.structure.alternative.perturbation] for c in fit.causes if is_cause(c))
    return {p.group or p.name: _digits(nothing) for p in named}


def _choice(delays: Mapping[int, float]) -> dict[str, Any]:
    return {
        "law": "choice",
        "values": list(delays),
        "weights": [_digits(weight) for weight in delays.values()],
    }


def _environment(declared: Any, path: Path, origin: Path | None) -> Any:
    """Return the environment with the path of a model relative to the new file."""
    if not isinstance(declared, dict) or origin is None:
        return declared
    found = dict(declared)
    for key in ("model", "class"):
        named = found.get(key)
        here = origin.parent / str(named).partition(":")[0] if named else None
        if (
            key == "model"
            and here is not None
            and here.exists()
            and not Path(str(named)).is_absolute()
        ):
            found[key] = os.path.relpath(here, path.parent)
    return found


def _name(declared: str, path: Path) -> str:
    """Return the name of the new set: that of its file, where it may be one."""
    stem = path.stem.lower().replace("_", "-")
    return stem if re.fullmatch(r"[a-z][a-z0-9-]{0,50}", stem) else f"{declared[:40]}-fitted"


def _called(name: str, target: str) -> str:
    return f"{name}_{re.sub(r'[^a-z0-9]+', '_', target.lower()).strip('_')}"


def _root(entry: Mapping[str, Any], names: Sequence[str]) -> bool:
    return any(entry["name"] == name or entry["name"].startswith(f"{name}_") for name in names)


def _digits(value: float) -> float:
    return float(f"{value:.6g}")
