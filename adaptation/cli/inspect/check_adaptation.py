"""The part of `fastadapt check` that asks whether a task set needs adaptation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from fastadapt.envs.arguments import whole_number
from fastadapt.errors import FastadaptError

if TYPE_CHECKING:
    from rich.console import Console

    from fastadapt.adaptation.evaluation.needs_adaptation import Need
    from fastadapt.envs import TaskSet
    from fastadapt.envs.sanity.adaptation_check import Reading

_SHOWN = 0.05
"""Parameters of which less than this is read anywhere share one line."""


def check_adaptation(
    console: Console,
    task_set: TaskSet,
    *,
    policy: Path | None,
    ceiling: Path | None,
    ceiling_untold: Path | None,
    floor: Path | None,
    rivals: tuple[Path, ...],
    split: str,
    tasks: int,
    threads: int,
) -> int:
    """Measure, print tables and one sentence for each question; return the exit code.

    Raises:
        FastadaptError: a run does not suit, or the ceiling and the floor do not come together.
    """
    if (ceiling is None) != (floor is None) or (ceiling is None and (ceiling_untold or rivals)):
        raise FastadaptError(
            "--ceiling and --floor come together: shares are of the gap between them. Give both, "
            "or leave out --ceiling, --floor, --ceiling-untold and --rivals."
        )
    whole_number("tasks", tasks, 50)
    if split not in task_set.splits:
        task_set.tasks(split)  # says which there are
    from fastadapt.adaptation.evaluation.needs_adaptation import measure_need, policy_readings
    from fastadapt.envs.sanity.adaptation_check import measure_readings

    sentences: list[tuple[bool, str]] = []
    readings = measure_readings(task_set, tasks=tasks, num_threads=threads)
    _print_readings(console, f"random actions, {tasks} tasks", readings)
    sentences.append(_about(readings))
    if policy is not None:
        moved = policy_readings(task_set, policy, tasks=tasks, num_threads=threads)
        _print_readings(console, f"'{policy}' moves the robots", moved)
    if ceiling is not None and floor is not None:
        need = measure_need(
            task_set, ceiling, floor, ceiling_untold, rivals, split=split, num_threads=threads
        )
        _print_need(console, need)
        sentences += [(True, sentence) for sentence in need.verdicts()]
    console.print()
    for fine, sentence in sentences:
        console.print(escape(sentence) if fine else f"[red]{escape(sentence)}[/red]")
    return 0 if all(fine for fine, _ in sentences) else 1


def _print_readings(console: Console, how: str, readings: list[Reading]) -> None:
    """Print what is read of each parameter, those with the most in the first observation first."""
    console.print()
    console.print(
        f"[bold]What a regression reads of hidden parameters[/bold] ({escape(how)}; R² on tasks "
        "held out)"
    )
    ordered = sorted(readings, key=lambda one: [-round(w.share, 2) for w in one.windows])
    shown = [one for one in ordered if max(w.share for w in one.windows) >= _SHOWN]
    width = max([14, *(len(one.parameter) for one in shown)])
    heads = "".join(f"{head:>20}" for head in ("first observation", "first 0.2 s", "first 1 s"))
    console.print(f"  {'':<{width}}{heads}", style="dim")
    for one in shown:
        cells = (f"{w.share:.2f} [{w.low:.2f}, {w.high:.2f}]" for w in one.windows)
        row = "".join(f"{cell:>20}" for cell in cells)
        mark = "  [red]GIVEN AWAY[/red]" if one.given_away else ""
        console.print(f"  {escape(f'{one.parameter:<{width}}')}{escape(row)}{mark}")
    rest = len(readings) - len(shown)
    if rest:
        console.print(f"  {rest} other parameters: below {_SHOWN:g} throughout", style="dim")


def _about(readings: list[Reading]) -> tuple[bool, str]:
    """Return whether nothing is given away, and the sentence that says it."""
    from fastadapt.envs.sanity.adaptation_check import GIVEN_AWAY

    given = sorted(
        (one for one in readings if one.given_away), key=lambda one: -one.windows[0].share
    )
    if given:
        most = given[0]
        return False, (
            f"Given away at reset: the first observation tells {most.windows[0].share:.0%} of "
            f"{most.parameter}, and more than {GIVEN_AWAY:.0%} of {len(given)} of {len(readings)} "
            "parameters. A policy reads them without adapting: let faults begin after the start "
            "(`onset`), or draw starts more widely."
        )
    most = max(readings, key=lambda one: one.windows[0].share, default=None)
    if most is None:
        return True, "No parameter varies over the training tasks."
    return True, (
        f"Nothing hidden is given away at reset: of no parameter does the first observation tell "
        f"more than {max(most.windows[0].share, 0.0):.0%}."
    )


def _print_need(console: Console, need: Need) -> None:
    """Print the returns of the policies, and their shares of the gap."""
    console.print()
    console.print(
        f"[bold]What knowing is worth[/bold] (mean return on {escape(need.split)}; share of the "
        "gap between floor and ceiling)"
    )
    rows = [("ceiling, told everything", need.ceiling, "1")]
    if need.untold is not None:
        rows.append(("ceiling, not told the damage", need.untold.returns, str(need.untold.share)))
    rows += [(rival.name, rival.returns, str(rival.share)) for rival in need.rivals]
    rows.append(("floor", need.floor, "0"))
    width = max(len(name) for name, *_ in rows)
    for name, returns, share in rows:
        console.print(f"  {escape(f'{name:<{width}}{returns!s:>26}{share:>26}')}")
