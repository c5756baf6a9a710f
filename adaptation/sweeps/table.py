"""The live table of a sweep."""

from __future__ import annotations

import time

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from fastadapt.adaptation.sweeps.run_sweep import Sweep

_COLOURS = {"waiting": "dim", "running": "cyan", "done": "green", "failed": "red"}
_QUIET = 30.0
"""Time between two lines where there is no terminal [s]."""


class SweepTable:
    """Shows all runs of a sweep, once a second; use as a context manager and as a `Watch`.

    Without a terminal it prints a line whenever a run changes its state.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live = Live(console=self._console, auto_refresh=False, transient=False)
        self._before: list[str] = []
        self._shown = 0.0

    def __enter__(self) -> SweepTable:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def __call__(self, sweep: Sweep) -> None:
        """Show the state of a sweep."""
        if self._console.is_terminal:
            if time.monotonic() - self._shown > 1.0:
                self._shown = time.monotonic()
                self._live.update(table_of(sweep), refresh=True)
            return
        for i, state in enumerate(sweep.states):
            if not self._before or self._before[i] != state:
                self._console.print(f"{state:8} {escape(sweep.cells[i].out)}", highlight=False)
        self._before = list(sweep.states)


def table_of(sweep: Sweep) -> Table:
    """Return the table of all runs."""
    counts = ", ".join(
        f"{len(sweep.of(state))} {state}"
        for state in ("done", "running", "waiting", "failed")
        if sweep.of(state)
    )
    table = Table("run", "state", "iterations", "return", "env steps/s", title=counts)
    for i, cell in enumerate(sweep.cells):
        state, progress = sweep.states[i], cell.progress()
        value = "" if progress.value is None else f"{progress.value:.1f}"
        speed = "" if progress.speed is None or state != "running" else f"{progress.speed:,.0f}"
        shown = f"[{_COLOURS[state]}]{state}[/]"
        done = f"{progress.iterations} of {cell.iterations}"
        table.add_row(escape(cell.out), shown, done, value, speed)
    return table
