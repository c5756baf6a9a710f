"""The loop of a sweep: begins runs, watches them, and retries those that are lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from fastadapt.adaptation.sweeps.cell import Cell, State
from fastadapt.adaptation.sweeps.launchers import Job, Launcher
from fastadapt.adaptation.sweeps.work import STOPPED, TAKEN

Watch = Callable[["Sweep"], None]
"""Called again and again while a sweep runs."""
_PAUSE = 0.5
"""Time between two looks at the jobs [s]."""


@dataclass
class Sweep:
    """The state of a sweep; what is known beyond this process stands in the run directories.

    Attributes:
        cells: its runs.
        states: of each run.
        reasons: the last line that failed runs printed.
    """

    cells: Sequence[Cell]
    states: list[State] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.states = ["done" if cell.finished() else "waiting" for cell in self.cells]

    def of(self, *states: State) -> list[int]:
        """Return the runs in some of the states."""
        return [i for i, state in enumerate(self.states) if state in states]


def run_sweep(
    cells: Sequence[Cell], launcher: Launcher, retries: int = 1, watch: Watch | None = None
) -> Sweep:
    """Work on all runs that are not finished; a failed one does not stop the others.

    Runs that another process works on are left to it, and taken over where it is lost.

    Args:
        cells: the runs.
        launcher: begins the work.
        retries: how often a run is begun again, from its checkpoint, when its process is killed or
            its machine lost.
        watch: called again and again.

    Returns:
        The states of all runs: "done" or "failed".

    Raises:
        KeyboardInterrupt: Ctrl-C; what runs has saved.
    """
    sweep = Sweep(cells)
    jobs: dict[int, Job] = {}
    left = [retries] * len(cells)
    try:
        while sweep.of("waiting", "running"):
            _submit(sweep, launcher, jobs)
            for i in list(jobs):
                code = jobs[i].code()
                if code is not None:
                    del jobs[i]
                    _ended(sweep, i, code, left)
            if watch is not None:
                watch(sweep)
            time.sleep(_PAUSE)
    except KeyboardInterrupt:
        for job in jobs.values():
            job.stop()
        while any(job.code() is None for job in jobs.values()):
            time.sleep(_PAUSE)
        raise
    finally:
        launcher.close()
    return sweep


def _submit(sweep: Sweep, launcher: Launcher, jobs: dict[int, Job]) -> None:
    """Begin work on as many waiting runs as the launcher takes."""
    room = len(sweep.cells) if launcher.jobs is None else launcher.jobs - len(jobs)
    chosen: list[int] = []
    for i in sweep.of("waiting"):
        if len(chosen) >= room:
            break
        if sweep.cells[i].finished():  # by another process
            sweep.states[i] = "done"
        elif not sweep.cells[i].taken():
            chosen.append(i)
    if chosen:
        begun = launcher.submit([sweep.cells[i] for i in chosen])
        jobs.update(zip(chosen, begun, strict=True))
        for i in chosen:
            sweep.states[i] = "running"


def _ended(sweep: Sweep, i: int, code: int, left: list[int]) -> None:
    """Note the end of a job."""
    cell = sweep.cells[i]
    if code == 0 and cell.finished():
        sweep.states[i] = "done"
    elif code == TAKEN:
        sweep.states[i] = "waiting"
    elif (code < 0 or code > 128) and code != STOPPED and left[i] > 0:  # killed
        left[i] -= 1
        sweep.states[i] = "waiting"
    else:
        sweep.states[i] = "failed"
        lost = f"its process was killed (signal {-code})" if code < 0 else cell.last_words()
        sweep.reasons[i] = lost
