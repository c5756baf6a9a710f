"""Robots whose ended episodes are counted while an agent trains on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastadapt.envs import BatchedEnv


class CountedBatch(BatchedEnv):
    """A batch that keeps count of falls, distances and successes; it steps as any other."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._done = np.zeros(self.num_envs, bool)
        self._found: dict[str, list[float]] = {}

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> Any:
        """See `BatchedEnv.reset`."""
        result = super().reset(seed=seed, options=options)
        mask = (options or {}).get("reset_mask")
        self._done &= False if mask is None else ~np.asarray(mask, bool)
        return result

    def step(self, actions: ArrayLike) -> Any:
        """See `BatchedEnv.step`."""
        result = super().step(actions)
        _, _, terminated, truncated, info = result
        ended = (terminated | truncated) & ~self._done
        self._done |= ended
        if ended.any():
            whole = ended & ~info["diverged"]
            self._add("fell", terminated[whole])
            self._add("distance", info["distance"][whole])
            if "success" in info:
                self._add("success", info["success"][whole])
        return result

    def _add(self, name: str, values: np.ndarray) -> None:
        self._found.setdefault(name, []).extend(np.asarray(values, float).tolist())

    def counted(self) -> dict[str, float]:
        """Return the means over the episodes that have ended since the last call."""
        means = {name: float(np.mean(v)) for name, v in self._found.items() if v}
        self._found = {}
        return means
