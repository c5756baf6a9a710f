"""Validate a task set, and measure the effect of each of its parameters on the robot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from rich.markup import escape

if TYPE_CHECKING:
    from rich.console import Console

    from fastadapt.envs import TaskSet
    from fastadapt.envs.sanity.effects import Effect
    from fastadapt.envs.sanity.speed import RandomRun


@dataclass(frozen=True)
class Check:
    """Validate a task set, run its robot, and measure what each parameter does to it.

    Exit code 0: no problem; 1: a parameter has no effect, a perturbation begins after the end of
    every episode, every episode ends at once, a simulation diverges, or observations or rewards
    are infinite; with --adaptation, the first observation gives away something hidden; 2: the file
    is not valid.
    """

    task_set: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TASK_SET")]
    """Shipped task set, or path to a TOML file."""
    threads: int = 0
    """Threads of the simulation (0: one per processor)."""
    costs: bool = True
    """Measure the cost of each perturbation too."""
    adaptation: bool = False
    """Ask instead whether it needs adaptation: what can be read of hidden parameters at the start
    of an episode and, with --ceiling and --floor, what knowing the damage is worth (minutes)."""
    policy: Annotated[Path | None, tyro.conf.arg(metavar="RUN")] = None
    """With --adaptation: a trained policy that moves the robots, beside random actions."""
    ceiling: Annotated[Path | None, tyro.conf.arg(metavar="RUN")] = None
    """With --adaptation: a policy that is told everything, e.g. a run of oracle or informed."""
    ceiling_untold: Annotated[Path | None, tyro.conf.arg(metavar="RUN")] = None
    """With --adaptation: its like, trained with --untold and the names of the damage."""
    floor: Annotated[Path | None, tyro.conf.arg(metavar="RUN")] = None
    """With --adaptation: a policy that knows nothing and does not adapt, e.g. a run of nominal."""
    rivals: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="RUN...")] = ()
    """With --adaptation: other policies that do not adapt, e.g. domain-randomised, window."""
    tasks: int = 600
    """With --adaptation: tasks that the regression sees, at least 50."""
    split: str = "validation"
    """With --adaptation: the split whose frozen tasks runs are measured on."""


def run(arguments: list[str]) -> int:
    """Parse, check and print; return the exit code."""
    args = tyro.cli(Check, args=arguments, prog="fastadapt check")
    from rich.console import Console

    from fastadapt.adaptation.cli.inspect.check_adaptation import check_adaptation
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
    if args.adaptation:
        return check_adaptation(
            console, task_set, policy=args.policy, ceiling=args.ceiling,
            ceiling_untold=args.ceiling_untold, floor=args.floor, rivals=args.rivals,
            split=args.split, tasks=args.tasks, threads=args.threads,
        )  # fmt: skip
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
    idle = [effect.extremes.name for effect in effects if not effect.acts]
    problems = _parameter_problems(task_set, idle, never) + _run_problems(task_set, tried)
    return _verdict(console, task_set, len(effects), problems)


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


def _parameter_problems(
    task_set: TaskSet, idle: list[str], never: list[str]
) -> list[tuple[str, str]]:
    """Return what is wrong with the perturbations: headings and sentences."""
    found = []
    if idle:
        text = (
            f"{', '.join(idle)}. Motion, observation and reward do not change at an end of the "
            "range. Remove them, or check their targets."
        )
        found.append(("Without effect:", text))
    if never:
        seconds = task_set.environment.horizon * task_set.environment.control_step()
        text = f"{'; '.join(never)}. An episode lasts {seconds:g} s: let it begin earlier."
        found.append(("Never begins:", text))
    return found


def _run_problems(task_set: TaskSet, tried: RandomRun) -> list[tuple[str, str]]:
    """Return what is wrong with the robot and its objective: headings and sentences."""
    from fastadapt.envs.sanity.facts import immovable_site

    found, site = [], immovable_site(task_set.environment)
    if site is not None:
        text = "Rewards do not depend on the actions. Name a site on a body that moves."
        found.append((f"Nothing moves the site '{site}'.", text))
    if tried.at_once:
        text = "It starts outside of what counts as healthy: widen that, or change the pose."
        found.append(("Every episode ends with its first step.", text))
    if tried.infinite:
        text = "Give ranges, speeds and regions of a size that occurs."
        heading = f"{tried.infinite} observations or rewards are infinite or no numbers."
        found.append((heading, text))
    if tried.diverged:
        text = 'A smaller time step, integrator = "implicitfast", or a narrower range helps.'
        found.append((f"The simulation diverged {tried.diverged} times.", text))
    return found


def _verdict(
    console: Console, task_set: TaskSet, parameters: int, problems: list[tuple[str, str]]
) -> int:
    """Print the problems, or that there are none; return the exit code."""
    console.print()
    for heading, text in problems:
        console.print(f"[red]{escape(heading)}[/red] {escape(text)}")
    if problems:
        return 1
    words = f"All {parameters} parameters act" if parameters > 1 else "Its parameter acts"
    console.print(
        f"[green]'{task_set.name}' is sound. {words if parameters else 'It has none'}.[/green]"
    )
    return 0


def _number(value: float) -> str:
    size = abs(value)
    if size < 1e-4:
        return "0"
    return f"{value:.3g}" if size < 1000 else f"{value:.0f}"
