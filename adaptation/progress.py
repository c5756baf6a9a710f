"""Progress reporting: a live bar on a terminal, plain lines otherwise."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


def in_notebook() -> bool:
    """Return whether this process is the kernel of a notebook; nothing is imported for it."""
    shell = sys.modules.get("IPython")
    found = shell.get_ipython() if shell is not None else None
    return found is not None and hasattr(found, "kernel")


class _Bars:
    """Bars that are visible inside a `with` block."""

    _progress: Progress
    _console: Console

    def _shows(self) -> bool:
        return self._console.is_terminal or self._console.is_jupyter

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()


class TrainingProgress(_Bars):
    """Iteration, steps, steps/s, return and time left of a training; use as a context manager.

    Call it with the number of the iteration and its metrics (it is a `Report`).
    """

    def __init__(self, title: str, iterations: int, console: Console | None = None) -> None:
        self._title = title
        self._iterations = iterations
        self._console = console or Console()
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            TimeElapsedColumn(),
            TextColumn("gone,"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=self._console,
            disable=not self._shows(),
        )
        self._task = self._progress.add_task(escape(title), total=iterations, status="")
        self._first: tuple[int, float] | None = None
        self._printed = 0.0

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        return super().__enter__()

    def __call__(self, iteration: int, metrics: Mapping[str, float]) -> None:
        """Show a completed iteration."""
        status = (
            f"{_count(metrics['env_steps'])} steps  {metrics['steps_per_second']:,.0f}/s  "
            f"return {metrics['return_mean']:.1f}"
        )
        if "success" in metrics:
            status += f"  success {metrics['success']:.0%}"
        self._progress.update(self._task, completed=iteration, status=status)
        now = time.monotonic()
        if self._first is None:
            self._first = (iteration - 1, self._began)
        last = iteration == self._iterations
        if not self._shows() and (last or now - self._printed > 5 or not self._printed):
            self._printed = now
            done = iteration - self._first[0]
            left = (now - self._first[1]) / done * (self._iterations - iteration)
            self._console.print(
                f"{self._title}: iteration {iteration}/{self._iterations}  {status}  "
                f"{left:.0f} s left",
                highlight=False,
                markup=False,
                soft_wrap=True,
            )


def _count(steps: float) -> str:
    return f"{steps / 1e6:.2f}M" if steps >= 1e6 else f"{steps / 1e3:.0f}k"


class EvaluationProgress(_Bars):
    """One bar for each part of an evaluation; use as a context manager.

    Call it with a title, the completed steps and their total (it is a `Progress`). It writes to
    standard error: standard output is for tables.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._live = self._shows()
        self._title = ""
        self._progress = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("gone,"),
            TimeRemainingColumn(),
            TextColumn("left"),
            console=self._console,
            disable=not self._live,
            transient=True,
        )

    def __call__(self, title: str, done: int, total: int) -> None:
        """Show the completed steps of a part, which begins with 0 of them."""
        now = time.monotonic()
        if done == 0 or self._title != title:
            self._title = title
            self._task = self._progress.add_task(escape(title), total=total)
            self._began = self._printed = now
        self._progress.update(self._task, completed=done)
        long = now - self._printed > 5 or (done == total and now - self._began > 5)
        if not self._live and done and long:
            self._printed = now
            left = (now - self._began) / done * (total - done)
            self._console.print(
                f"{title}: {done}/{total}, {left:.0f} s left", highlight=False, markup=False
            )
