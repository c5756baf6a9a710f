"""`fastadapt evaluate`."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

if TYPE_CHECKING:
    from fastadapt.adaptation.cli.progress import MeasuringProgress
    from fastadapt.adaptation.evaluation.online_results import OnlineResult
    from fastadapt.adaptation.evaluation.results import Result
    from fastadapt.adaptation.runs.run import Run
    from fastadapt.adaptation.trials.online import OnlinePlan


@dataclass(frozen=True)
class Evaluate:
    """Measure an agent on frozen tasks; results go into its run directory.

    An agent from elsewhere (`--agent sb3:model.zip`, `--agent module:factory`, `--agent random`)
    gets a directory of its own, which `fastadapt compare` takes beside those of runs.
    """

    run: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RUN")]
    """Run directory; with --agent, a new folder or an earlier one of the same agent."""
    split: tuple[str, ...] = ()
    """Splits of the task set (default: test_iid and test_held_out_damage, where it has them)."""
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
    """An agent from elsewhere: sb3:model.zip (sb3-trials:model.zip where a recurrent model's memory
    spans the episodes of a trial), module:factory, or random."""
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
        from fastadapt.adaptation.report.run_page import report_run

        print(f"Report: {report_run(opened)}")


def _open(args: Evaluate) -> Run:
    from fastadapt.adaptation.runs.external import open_guest, open_measured
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

    What an earlier call of the same command has finished is not done again, and what it has begun
    is gone on with.
    """
    from fastadapt.adaptation.cli.progress import MeasuringProgress
    from fastadapt.adaptation.evaluation.results import Result

    opened = _open(args)
    agent = _agent(args, opened)
    results: list[Result] = []
    try:
        with MeasuringProgress() as progress:
            for split in _splits(args, opened):
                folder = opened.path / "evaluations" / f"{split}-{args.seed}{_suffix(args)}"
                done = _finished(folder, args, opened)
                results.append(done or _measure(args, opened, agent, split, folder, progress))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_STOPPED) from None
    return Result.concatenate(results)


_STOPPED = "stopped; what was measured is kept. Run the same command to go on."


def _measure(
    args: Evaluate, opened: Run, agent: Any, split: str, folder: Path, progress: MeasuringProgress
) -> Result:
    """Measure one split and save it; go on with what an interrupted call has kept."""
    from fastadapt.adaptation.evaluation.evaluate import evaluate
    from fastadapt.adaptation.evaluation.resume import Unfinished
    from fastadapt.agents.interface import agent_name

    total = len(set(args.shots)) * args.episodes
    unfinished = None
    if args.agent is None:  # the code of an agent from elsewhere may have changed
        unfinished = Unfinished(folder / "unfinished.json", _settings(args, opened))
    done = len(unfinished.rows) if unfinished else 0
    show = progress.begin(f"{agent_name(agent)} on {split}", total, done)
    counted = itertools.count(done + 1)
    result = evaluate(
        agent,
        opened.task_set,
        split,
        args.shots,
        args.episodes,
        args.seed,
        num_threads=args.threads,
        on_measure=lambda _: show(next(counted)),
        unfinished=unfinished,
    )
    result.meta["iterations"] = opened.iterations_done()
    result.save(folder)
    if unfinished:
        unfinished.remove()
    return result


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
    splits = list(dict.fromkeys(args.split or _default_splits(task_set.splits)))
    if not splits:
        raise FastadaptError(
            f"'{task_set.name}' has no split for tests: say which with --split. Available: "
            f"{', '.join(task_set.splits)}."
        )
    for split in splits:
        task_set.tasks(split)  # an unknown name must not cost the splits before it
    return splits


def _default_splits(available: Sequence[str]) -> list[str]:
    """Return the splits that a task set is known by, or else all that it has for tests."""
    usual = [split for split in ("test_iid", "test_held_out_damage") if split in available]
    return usual or [split for split in available if split.startswith("test")]


def _settings(args: Evaluate, opened: Run) -> dict[str, Any]:
    """Return all that the numbers of an evaluation depend on."""
    from fastadapt.adaptation.runs.machine import versions

    return {
        "task_set_hash": opened.config.task_set_hash,
        "shots": sorted(set(args.shots)),
        "episodes": args.episodes,
        "evaluation_seed": args.seed,
        "iterations": opened.iterations_done(),
        "versions": versions(),
    }


def _finished(folder: Path, args: Evaluate, opened: Run) -> Result | None:
    """Return what an earlier call measured, if it is exactly what is asked for now."""
    from fastadapt.adaptation.evaluation.results import Result
    from fastadapt.envs import FastadaptError

    if args.agent is not None or not (folder / "summary.json").is_file():
        return None  # the code of an agent from elsewhere may have changed
    try:
        result = Result.load(folder)
    except FastadaptError:
        return None  # damaged, or of an earlier version
    made = {"versions": result.meta.get("machine", {}).get("versions")}
    has = result.meta | made
    wanted = _settings(args, opened)
    return result if all(has.get(key) == value for key, value in wanted.items()) else None


def _online(args: Evaluate, opened: Run) -> str:
    """Run online trials on every split, save each, and return their table."""
    from fastadapt.adaptation.cli.progress import MeasuringProgress
    from fastadapt.adaptation.evaluation.online_results import online_table
    from fastadapt.adaptation.trials.online import OnlinePlan

    quarter = args.duration / 4
    plan = OnlinePlan(args.duration, quarter, 2 * quarter, args.ramp, args.heals_after)
    agent = _agent(args, opened)
    found: list[OnlineResult] = []
    try:
        with MeasuringProgress() as progress:
            for split in _splits(args, opened):
                name = f"{split}-{args.seed}-online{_suffix(args)}"
                folder = opened.path / "evaluations" / name
                done = _finished_online(folder, args, opened, plan)
                found.append(done or _strike(args, opened, agent, split, folder, plan, progress))
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; splits that were done are kept. Run it again.") from None
    return online_table(found).markdown()


def _strike(
    args: Evaluate,
    opened: Run,
    agent: Any,
    split: str,
    folder: Path,
    plan: OnlinePlan,
    progress: MeasuringProgress,
) -> OnlineResult:
    """Run the online trials of one split and save them."""
    from fastadapt.adaptation.evaluation.online_results import OnlineResult
    from fastadapt.adaptation.trials.online import run_online
    from fastadapt.agents.interface import agent_name

    task_set = opened.task_set
    tasks = task_set.tasks(split)
    total = round(plan.duration / task_set.environment.control_step())
    show = progress.begin(f"{agent_name(agent)} on {split}", total)
    trial = run_online(
        agent,
        task_set,
        tasks,
        plan,
        args.seed,
        num_threads=args.threads,
        on_step=lambda done, _: show(done),
    )
    result = OnlineResult.of(agent, task_set, split, tasks, plan, args.seed, trial)
    result.meta["iterations"] = opened.iterations_done()
    result.save(folder)
    return result


def _finished_online(
    folder: Path, args: Evaluate, opened: Run, plan: OnlinePlan
) -> OnlineResult | None:
    """Return what an earlier call found, if it is exactly what is asked for now."""
    from fastadapt.adaptation.evaluation.online_results import OnlineResult
    from fastadapt.envs import FastadaptError

    if args.agent is not None or not (folder / "online.json").is_file():
        return None
    try:
        result = OnlineResult.load(folder)
    except FastadaptError:
        return None
    has = result.meta | {"versions": result.meta["machine"]["versions"]}
    wanted = _settings(args, opened) | {"plan": asdict(plan)}
    for name in ("shots", "episodes"):
        del wanted[name]
    return result if all(has.get(key) == value for key, value in wanted.items()) else None
