"""Timing of batched episodes for the benchmarks."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import NamedTuple

from fastadapt.envs.robots.cheetah import Cheetah

STEPS = Cheetah.horizon
ROBOTS = 64


class Speed(NamedTuple):
    """How fast one episode went."""

    env_steps: float
    """Per second of wall-clock time."""
    cpu: float
    """Microseconds of processor time for one env-step, all threads of this process together."""


Episode = Callable[[], Speed]
"""Runs one episode of all its robots."""


class Stopwatch:
    """Measures a number of env-steps."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def stop(self, env_steps: int) -> Speed:
        """Return the speed since the beginning."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        return Speed(env_steps / wall, 1e6 * cpu / env_steps)


def write(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
