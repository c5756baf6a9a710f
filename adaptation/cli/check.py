"""Validate a task set, and measure the effect of each of its parameters on the robot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.markup import escape

if TYPE_CHECKING:
    from rich.console import Console

    from fastadapt.envs import TaskSet
    from fastadapt.envs.sanity.effects import Effect


@dataclass(frozen=True)
class Check:
    """Validate a task set, run its robot, and measure what each parameter does to it.

    Exit code 0: no problem; 1: a parameter has no effect, a perturbation begins after the end of
    every episode, or a simulation diverges; 2: the file is not valid.
    """

    task_set: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TASK_SET")]
    """Shipped task set, or path to a TOML file."""
    threads: int = 0
    """Threads of the simulation (0: one per processor)."""
    costs: bool = True
    """Measure the cost of each perturbation too."""


def run(arguments: list[str]) -> int:
    """Parse, check and print; return the exit code."""
    args = tyro.cli(Check, args=arguments, prog="fastadapt check")
    from rich.console import Console

    from fastadapt.envs import load_task_set
    from fastadapt.envs.sanity.effects import measure_effects
    from fastadapt.envs.sanity.facts import description, late_onsets, model_warnings
    from fastadapt.envs.sanity.speed import task_costs, try_out

    console = Console(highlight=False, soft_wrap=True)
    task_set = load_task_set(args.task_set)
    late = late_onsets(task_set)
    notes = model_warnings(task_set.environment)
    notes += [
        f"{some} begins after the end of the episode in {100 * some.share:.2g} % of its draws."
        for some in late
        if some.share < 1
    ]
    about = f": {task_set.file.description}" if task_set.file.description else ""
    console.print(f"[bold]{task_set.id}[/bold] is valid{escape(about)}")
    for word, sentence in description(task_set):
        console.print(f"  {word:<12}{escape(sentence)}")
    for note in notes:
        console.print(f"  [yellow]note[/yellow]        {escape(note)}")
    tried = try_out(task_set, num_threads=args.threads)
    console.print(
        f"  {'random':<12}{tried.robots} robots, {tried.steps} control steps each, on tasks of all "
        f"splits: {tried.fell} episodes terminated, {tried.diverged} diverged"
    )
    slower = 1 - tried.perturbed_rate / tried.nominal_rate
    console.print(
        f"  {'speed':<12}{tried.nominal_rate:,.0f} control steps/s nominal, "
        f"{tried.perturbed_rate:,.0f} perturbed ({-100 * slower:+.0f} %)"
    )
    effects = measure_effects(task_set, args.threads)
    _print_effects(console, effects)
    if args.costs and effects:
        _print_costs(console, task_costs(task_set, args.threads), tried.step_seconds)
    never = [str(some) for some in late if some.share == 1]
    return _verdict(console, task_set, effects, tried.diverged, never)


def _print_effects(console: Console, effects: list[Effect]) -> None:
    """Print one block for each parameter, with a row for each of its targets."""
    blocks: dict[tuple[str, str, str, str, str], list[Effect]] = {}
    for effect in effects:
        blocks.setdefault(_heading(effect), []).append(effect)
    for (owner, what, *head), rows in blocks.items():
        console.print()
        console.print(f"[bold]{escape(owner)}[/bold]: {escape(what)}")
        width = max(14, *(len(_target(effect)) for effect in rows))
        columns = "".join(f"{column:>12}" for column in head)
        console.print(f"  {'':<{width}}{columns}", style="dim")
        for effect in rows:
            nominal, low, high = effect.measured
            shown = [_number(low), _number(nominal), _number(high)]
            if effect.extremes.values[0] == effect.extremes.nominal:
                shown[0] = "="
            if effect.extremes.values[1] == effect.extremes.nominal:
                shown[2] = "="
            numbers = "".join(f"{number:>12}" for number in shown)
            flag = "" if effect.acts else "  [red]NO EFFECT[/red]"
            console.print(f"  {escape(_target(effect)):<{width}}{numbers}{flag}")


def _heading(effect: Effect) -> tuple[str, str, str, str, str]:
    """Return the heading that all targets of a parameter share."""
    ends = effect.extremes
    unit = "" if ends.unit == "-" else f" {ends.unit}"
    low, high = (f"{value:.3g}{unit}" for value in ends.values)
    nominal = f"nominal {ends.nominal:.3g}" if -1 < ends.nominal < 100 else "nominal"
    return ends.name.partition("[")[0], f"{effect.what} [{effect.unit}]", low, nominal, high


def _target(effect: Effect) -> str:
    return effect.extremes.name.partition("[")[2].removesuffix("]") or "all targets"


def _print_costs(console: Console, costs: dict[str, float], step: float) -> None:
    console.print()
    console.print(
        f"[bold]What 64 new tasks cost[/bold] (one control step of 64 robots: {1e3 * step:.2g} ms)"
    )
    width = max(14, *map(len, costs))
    console.print(f"  {'':<{width}}{'ms':>12}{'steps':>12}", style="dim")
    for name, seconds in costs.items():
        console.print(f"  {name:<{width}}{1e3 * seconds:>12.2f}{seconds / step:>12.2f}")


def _verdict(
    console: Console, task_set: TaskSet, effects: list[Effect], diverged: int, never: list[str]
) -> int:
    idle = [effect.extremes.name for effect in effects if not effect.acts]
    console.print()
    if idle:
        console.print(
            f"[red]Without effect:[/red] {escape(', '.join(idle))}. Motion, observation and reward do "
            "not change at an end of the range. Remove them, or check their targets."
        )
    if never:
        seconds = task_set.environment.horizon * task_set.environment.control_step()
        console.print(
            f"[red]Never begins:[/red] {escape('; '.join(never))}. An episode lasts {seconds:g} s: "
            "let it begin earlier."
        )
    if diverged:
        console.print(
            f"[red]The simulation diverged {diverged} times.[/red] A smaller time step, "
            'integrator = "implicitfast", or a narrower range helps.'
        )
    if idle or never or diverged:
        return 1
    words = f"All {len(effects)} parameters act" if len(effects) > 1 else "Its parameter acts"
    console.print(
        f"[green]'{task_set.name}' is sound. {words if effects else 'It has none'}.[/green]"
    )
    return 0


def _number(value: float) -> str:
    size = abs(value)
    if size < 1e-4:
        return "0"
    return f"{value:.3g}" if size < 1000 else f"{value:.0f}"
