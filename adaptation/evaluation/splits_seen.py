"""Record of the splits that a run was measured on while its training was still going on.

Choices belong on `validation`: a run whose test tasks were looked at before its training ended may
have been chosen by them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from fastadapt.adaptation.runs.checkpoint import has_checkpoint
from fastadapt.adaptation.runs.files import write_text
from fastadapt.adaptation.runs.run import Run

_FILE = "measured.json"


def note_measured(run: Run, splits: Iterable[str]) -> None:
    """Add splits, and the iteration of the checkpoint that is measured, to a run's record."""
    done, seen = run.iterations_done(), splits_seen(run)
    for split in splits:
        seen[split] = sorted({*seen.get(split, []), done})
    path = _path(run)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(seen, indent=1) + "\n")


def splits_seen(run: Run) -> dict[str, list[int]]:
    """Return the iterations after which a run was measured, by split; empty where none is known."""
    try:
        content = json.loads(_path(run).read_text(encoding="utf-8"))
        return {str(split): [int(n) for n in found] for split, found in content.items()}
    except (ArithmeticError, AttributeError, OSError, RecursionError, TypeError, ValueError):
        return {}


def measured_early(run: Run) -> str:
    """Return the test splits that were measured before the end of training, as text.

    The end is that of the planned training, or of a longer one.
    """
    if not has_checkpoint(run.path / "checkpoints"):
        return ""
    end = max(run.iterations_done(), run.config.iterations)
    found = {
        split: [n for n in seen if n < end]
        for split, seen in splits_seen(run).items()
        if split.startswith("test")
    }
    return ", ".join(
        f"{split} after {' and '.join(map(str, early))} of {end} iterations"
        for split, early in found.items()
        if early
    )


def early_notes(runs: Iterable[Run]) -> list[str]:
    """Return a sentence for each run that was measured on test splits before its training ended."""
    found = {run.path: measured_early(run) for run in runs}
    return [
        f"'{path}' was measured before the end of its training too ({early}): choices belong on "
        "validation."
        for path, early in found.items()
        if early
    ]


def _path(run: Run) -> Path:
    return run.path / _FILE
