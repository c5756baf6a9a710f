"""What an interrupted evaluation has measured: kept after every episode, so that it can go on.

To go on, an agent lives through its shots again, which gives the same agent, and what was measured
before is not measured again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.adaptation.evaluation.columns import COLUMNS
from fastadapt.adaptation.runs.checkpoint import write_text


class Unfinished:
    """Rows of an evaluation that has not ended, in one file.

    Attributes:
        rows: of each measured episode of all tasks, by number of shots and of the episode.
    """

    def __init__(self, path: Path, key: Mapping[str, Any]) -> None:
        """Take up what the file holds, if it was measured in just this way.

        Args:
            path: of the file; it need not be there.
            key: all that the numbers depend on, as JSON.
        """
        self._path = path
        self._key = json.loads(json.dumps(key))
        self.rows: dict[tuple[int, int], NDArray[np.void]] = {}
        if not path.is_file():
            return
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["key"] == self._key and content["columns"] == list(COLUMNS.names or ()):
                for part in content["parts"]:
                    self._keep(np.array([tuple(row) for row in part], COLUMNS))
        except (ValueError, KeyError, TypeError, IndexError):
            self.rows = {}  # damaged: measure again

    def add(self, rows: NDArray[np.void]) -> None:
        """Keep one measured episode of all tasks."""
        self._keep(rows)
        parts = [part.tolist() for part in self.rows.values()]
        content = {"key": self._key, "columns": list(COLUMNS.names or ()), "parts": parts}
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_text(self._path, json.dumps(content))

    def remove(self) -> None:
        """Delete the file: the evaluation is complete and saved elsewhere."""
        self._path.unlink(missing_ok=True)

    def _keep(self, rows: NDArray[np.void]) -> None:
        self.rows[int(rows["shot"][0]), int(rows["episode"][0])] = rows
