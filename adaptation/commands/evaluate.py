"""`fastadapt evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

if TYPE_CHECKING:
    from fastadapt.adaptation.results import Result
    from fastadapt.adaptation.run import Run


@dataclass(frozen=True)
class Evaluate:
    """Measure an agent on frozen tasks; results go into its run directory.

    An agent from elsewhere (`--agent sb3:model.zip`, `--agent module:factory`, `--agent random`)
    gets a directory of its own, which `fastadapt compare` takes beside those of runs.
    """

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Run directory; with --agent, a new folder or an earlier one of the same agent."""
    split: tuple[str, ...] = ("test_iid", "test_held_out_damage")
    """Splits of the task set."""
    shots: tuple[int, ...] = (0, 1, 2, 5)
    """Numbers of adaptation episodes after which to measure."""
    episodes: int = 2
    """Measured episodes for each task and number of shots."""
    seed: int = 0
    """Seed of starts, goals and exploration."""
    threads: int = 0
    """Threads that simulate (0: one per processor)."""
    without_memory: bool = False
    """Make the agent forget the task before every control step: what is left is reflex."""
    exchanged: bool = False
    """After its shots, measure it on what it found out about another task of the split: what is
    left of a gain then has nothing to do with the task."""
    report: bool = True
    """Write report/index.html into the run directory."""
    agent: str | None = None
    """An agent from elsewhere: sb3:model.zip, module:factory, or random."""
    task_set: str | None = None
    """With --agent: the task set, a shipped name or the path to a TOML file."""
    agent_seed: int = 0
    """With --agent: the seed given to a factory."""
    online: bool = False
    """One long episode per task instead of shots: the damage strikes in the middle of it."""
    duration: float = 40.0
    """With --online: seconds of the episode; the damage strikes in its second quarter."""
    ramp: float = 0.0
    """With --online: seconds over which the damage grows."""
    heals_after: float | None = None
    """With --online: seconds after which it is gone again (default: never)."""


def run(arguments: list[str]) -> None:
    """Parse and evaluate."""
    args = tyro.cli(Evaluate, args=arguments, prog="fastadapt evaluate")
    opened = _open(args)
    print(_online(args, opened) if args.online else measure(args).markdown())
    if args.report and any((opened.path / "evaluations").glob("*/results.csv")):
        from fastadapt.adaptation.run_report import report_run

        print(f"Report: {report_run(opened)}")


def _open(args: Evaluate) -> Run:
    from fastadapt.adaptation.guest import open_guest, open_measured
    from fastadapt.envs import FastadaptError, load_task_set

    if args.agent is None:
        if args.task_set is not None:
            raise FastadaptError("--task-set goes with --agent: a run knows its own task set.")
        return open_measured(args.run)
    if args.task_set is None:
        raise FastadaptError(f"--agent {args.agent} needs --task-set: on what shall it act?")
    return open_guest(args.run, args.agent, load_task_set(args.task_set), args.agent_seed)


def measure(args: Evaluate) -> Result:
    """Evaluate on every split, save each into the run directory, and return them as one result.

    What an earlier call of the same command has finished is not done again.
    """
    from rich.progress import Progress

    from fastadapt.adaptation.evaluation import evaluate
    from fastadapt.adaptation.results import Result

    opened = _open(args)
    agent = _agent(args, opened)
    task_set = opened.task_set
    results: list[Result] = []
    with Progress(transient=True) as progress:
        for split in _splits(args, opened):
            suffix = _suffix(args)
            folder = opened.path / "evaluations" / f"{split}-{args.seed}{suffix}"
            done = _finished(folder, args, opened)
            if done is not None:
                results.append(done)
                continue
            bar = progress.add_task(
                f"{agent.name} on {split}", total=len(set(args.shots)) * args.episodes
            )
            result = evaluate(
                agent,
                task_set,
                split,
                args.shots,
                args.episodes,
                args.seed,
                num_threads=args.threads,
                on_measure=lambda _, bar=bar: progress.advance(bar),
            )
            result.meta["iterations"] = opened.iterations_done()
            result.save(folder)
            results.append(result)
    return Result.concatenate(results)


def _agent(args: Evaluate, opened: Run) -> Any:
    """Return the agent, or the variant of it that is asked for."""
    from fastadapt.envs import FastadaptError

    if args.without_memory and args.exchanged:
        raise FastadaptError("--without-memory and --exchanged are two controls: give one of them.")
    if args.exchanged and args.online:
        raise FastadaptError("--exchanged goes with shots: leave out --online.")
    return opened.agent(memory=not args.without_memory, exchanged=args.exchanged)


def _suffix(args: Evaluate) -> str:
    """Return what sets the results of a variant apart."""
    return "-without-memory" if args.without_memory else "-exchanged" if args.exchanged else ""


def _splits(args: Evaluate, opened: Run) -> list[str]:
    from fastadapt.envs import FastadaptError

    task_set = opened.task_set
    splits = list(dict.fromkeys(args.split))
    if not splits:
        raise FastadaptError(f"No split given. Available: {', '.join(task_set.splits)}.")
    for split in splits:
        task_set.tasks(split)  # an unknown name must not cost the splits before it
    return splits


def _finished(folder: Path, args: Evaluate, opened: Run) -> Result | None:
    """Return what an earlier call measured, if it is exactly what is asked for now."""
    from fastadapt.adaptation.machine import versions
    from fastadapt.adaptation.results import Result

    if args.agent is not None or not (folder / "summary.json").is_file():
        return None  # the code of an agent from elsewhere may have changed
    result = Result.load(folder)
    wanted = {
        "task_set_hash": opened.config.task_set_hash,
        "shots": sorted(set(args.shots)),
        "episodes": args.episodes,
        "evaluation_seed": args.seed,
        "iterations": opened.iterations_done(),
    }
    same = all(result.meta.get(key) == value for key, value in wanted.items())
    made = result.meta.get("machine", {}).get("versions")
    return result if same and made == versions() else None


def _online(args: Evaluate, opened: Run) -> str:
    """Run online trials on every split, save each, and return their table."""
    from rich.progress import Progress

    from fastadapt.adaptation.online import OnlinePlan, run_online
    from fastadapt.adaptation.online_results import OnlineResult, online_table

    quarter = args.duration / 4
    plan = OnlinePlan(args.duration, quarter, 2 * quarter, args.ramp, args.heals_after)
    agent = _agent(args, opened)
    found: list[OnlineResult] = []
    with Progress(transient=True) as progress:
        for split in _splits(args, opened):
            bar = progress.add_task(f"{agent.name} on {split}", total=None)
            tasks = opened.task_set.tasks(split)
            trial = run_online(
                agent,
                opened.task_set,
                tasks,
                plan,
                args.seed,
                num_threads=args.threads,
                on_step=lambda done, total, bar=bar: progress.update(
                    bar, completed=done, total=total
                ),
            )
            result = OnlineResult.of(agent, opened.task_set, split, tasks, plan, args.seed, trial)
            suffix = _suffix(args)
            result.save(opened.path / "evaluations" / f"{split}-{args.seed}-online{suffix}")
            found.append(result)
    return online_table(found).markdown()
