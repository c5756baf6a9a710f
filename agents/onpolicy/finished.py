"""Figures of the episodes that training has finished."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array, Mask

_KEEP = 256
_COLUMNS = ("return", "length", "fell", "diverged", "place", "distance", "success")


class Finished:
    """The last finished episodes of N robots, over iterations.

    An iteration may be shorter than an episode: its figures are those of the last episodes.

    Args:
        robots: N.
    """

    def __init__(self, robots: int) -> None:
        self._return, self._length = np.zeros(robots), np.zeros(robots)
        self._place = np.zeros(robots)
        self._rows = np.zeros((0, len(_COLUMNS)))

    def add(
        self,
        reward: Array,
        terminated: Mask,
        ended: Mask,
        over: Mask,
        whole: Mask,
        info: Mapping[str, Any],
    ) -> None:
        """Add a control step.

        Args:
            reward: `(N,)`.
            terminated: where robots fell, `(N,)`.
            ended: where episodes ended, `(N,)`.
            over: where trials ended, `(N,)`.
            whole: which episodes count: not those that were cut short, `(N,)`.
            info: of the step; `distance`, `diverged`, and `success` where the environment has it.
        """
        self._return += reward
        self._length += 1
        counted = ended & (whole | terminated)
        if counted.any():
            missing = np.full(len(reward), np.nan)
            columns = (self._return, self._length, terminated, info["diverged"], self._place)
            columns += (info["distance"], info.get("success", missing))
            rows = np.stack(columns, axis=1).astype(np.float64)[counted]
            self._rows = np.concatenate([self._rows, rows])[-_KEEP:]
        self._return[ended] = self._length[ended] = 0.0
        self._place[ended] += 1
        self._place[over] = 0

    def metrics(self) -> dict[str, float]:
        """Return means by name: all episodes, and the first and the later ones of a trial."""
        if not len(self._rows):
            return {"return_mean": 0.0, "episodes": 0.0}
        columns = dict(zip(_COLUMNS, self._rows.T, strict=True))
        names = ("length", "fell", "diverged", "distance", "success")
        means = {name: float(columns[name].mean()) for name in names}
        if np.isnan(means["success"]):
            del means["success"]
        means["return_mean"] = float(columns["return"].mean())
        for name, chosen in (("first", columns["place"] == 0), ("later", columns["place"] > 0)):
            if chosen.any():
                means[f"return_{name}"] = float(columns["return"][chosen].mean())
        return means | {"episodes": float(len(self._rows))}

    def state(self) -> dict[str, NDArray]:
        """Return everything by name."""
        running = np.stack([self._return, self._length, self._place])
        return {"running": running, "rows": self._rows}

    def load_state(self, state: dict[str, NDArray]) -> None:
        """Return to what `state` gave."""
        self._return, self._length, self._place = state["running"].copy()
        self._rows = state["rows"].copy()
