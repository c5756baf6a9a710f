"""Measure the adaptation of an agent on frozen tasks that it has never seen."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from fastadapt.adaptation.cli.aliases import replace_aliases

if TYPE_CHECKING:
    from fastadapt.adaptation.evaluation.controls import Inference
    from fastadapt.adaptation.runs.run import Run

_ALIASES = {"--without-memory": "--ablate memory", "--exchanged": "--ablate swapped-context"}


@dataclass(frozen=True)
class Evaluate:
    """Measure an agent on frozen tasks; results are saved in its run directory.

    An external agent (`--agent sb3:model.zip`, `--agent module:factory`, `--agent random`) gets a
    directory of its own, which `fastadapt compare` accepts like that of a run.
    """

    run: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="RUN")]
    """Run directory or zoo:NAME; with --agent, a new folder or an earlier one of that agent."""
    split: tuple[str, ...] = ()
    """Splits of the task set (default: test_iid and test_held_out_damage, where it has them). The
    split `healthy`, the unperturbed robot, is always measured too."""
    shots: tuple[int, ...] = (0, 1, 2, 5)
    """Numbers of adaptation episodes after which to measure."""
    episodes: int = 2
    """Measured episodes for each task and number of shots."""
    seed: int = 0
    """Seed of starts, goals and exploration."""
    threads: int = 0
    """Threads that simulate (0: one per processor)."""
    ablate: Literal["memory", "swapped-context", "constant-context", "calibrated"] | None = None
    """A control. memory: empty a recurrent agent's memory every few control steps, its inputs as
    they are. swapped-context: measure with what was inferred about another task of the split; a
    gain that remains is not specific to the task. constant-context: hold what is inferred at its
    mean over training tasks, a policy without adaptation; gains are gains over this one.
    calibrated: a memoryless policy that takes the first reading of its position sensors as zero."""
    every: int = 1
    """With --ablate memory: control steps between two emptyings (1: no memory at all)."""
    infer_every: int | None = None
    """Infer the task every so many control steps, also within an episode (pearl; default: at the
    ends of episodes alone)."""
    window: int = 0
    """With --infer-every: control steps that count; what lies further back is forgotten (0: all of
    the trial)."""
    constant: bool = True
    """Measure the constant-context control beside an agent that has one."""
    report: bool = True
    """Write report/index.html into the run directory."""
    out: Path | None = None
    """Folder of a copy of the run that takes the evaluations (zoo:NAME: runs/NAME by default)."""
    agent: str | None = None
    """An external agent: sb3:model.zip (sb3-trials:model.zip where a recurrent model's memory spans
    the episodes of a trial), module:factory, or random."""
    task_set: str | None = None
    """Task set, a shipped name or the path to a TOML file: another one of the same robot than that
    of the run's training (default: its own); with --agent, the one to evaluate on."""
    agent_seed: int = 0
    """With --agent: the seed passed to a factory."""
    online: bool = False
    """One long episode per task instead of shots: damage begins in the middle of it."""
    duration: float = 40.0
    """With --online: seconds of the episode; damage begins in its second quarter."""
    ramp: float = 0.0
    """With --online: seconds over which the damage grows to its full size."""
    heals_after: float | None = None
    """With --online: seconds until the damage is repaired (default: never)."""
    again_after: float | None = None
    """With --online: seconds from the repair to the next onset of the damage (default: never)."""
    strikes: tuple[str, ...] = ()
    """With --online: perturbations or groups that begin then; all others act from the start
    (default: every perturbation that belongs to a group)."""
    baseline: str | None = None
    """With --online: run of an agent that does not adapt, struck alike; the share that is regained
    counts from its level (default: the agent with its belief kept, where it holds one)."""
    ceiling: str | None = None
    """With --online: run of an agent that observes the damage; the share counts up to its level
    (default: the same agent on a robot that was damaged from the start)."""


def run(arguments: list[str]) -> None:
    """Parse and evaluate."""
    arguments = replace_aliases(arguments, _ALIASES)
    args = tyro.cli(Evaluate, args=arguments, prog="fastadapt evaluate")
    from fastadapt.errors import FastadaptError

    if sum(argument.partition("=")[0] == "--ablate" for argument in arguments) > 1:
        raise FastadaptError(
            "--ablate takes one control: memory, swapped-context, constant-context or calibrated."
        )
    opened = _open(args)
    try:
        print(_measure_online(args, opened) if args.online else _measure_shots(args, opened))
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "stopped; completed splits are saved. Run the same command to continue."
        ) from None
    if args.report and any((opened.path / "evaluations").glob("*/results.csv")):
        from fastadapt.adaptation.report.run_page import report_run

        print(f"Report: {report_run(opened)}")


def _open(args: Evaluate) -> Run:
    from fastadapt.adaptation.runs.external import open_external
    from fastadapt.adaptation.runs.open_run import open_run
    from fastadapt.envs import FastadaptError, load_task_set

    if args.agent is None:
        if args.task_set is not None and args.online:
            raise FastadaptError("--task-set of another set needs shots: leave out --online.")
        return open_run(args.run, args.out)
    if args.task_set is None:
        raise FastadaptError("--agent needs --task-set: name the task set to evaluate on.")
    if args.out is not None:
        raise FastadaptError("--out is for runs of the zoo: with --agent, RUN is the directory.")
    return open_external(args.run, args.agent, load_task_set(args.task_set), args.agent_seed)


def _inference(args: Evaluate) -> Inference | None:
    from fastadapt.adaptation.evaluation.controls import Inference
    from fastadapt.errors import FastadaptError

    if args.infer_every is None:
        if args.window:
            raise FastadaptError("--window goes with --infer-every: say how often to infer.")
        return None
    return Inference(args.infer_every, args.window)


def _measure_shots(args: Evaluate, opened: Run) -> str:
    from fastadapt.adaptation.evaluation.evaluate_run import evaluate_run
    from fastadapt.adaptation.evaluation.results import Result
    from fastadapt.adaptation.evaluation.training_context import has_constant_context
    from fastadapt.adaptation.progress import EvaluationProgress
    from fastadapt.adaptation.report.tables import summary_text

    alone = args.ablate is None and args.infer_every is None
    beside = args.constant and alone and has_constant_context(opened.agent())
    with EvaluationProgress() as progress:
        parts = [
            evaluate_run(
                opened,
                args.split,
                args.shots,
                args.episodes,
                args.seed,
                task_set=args.task_set if args.agent is None else None,
                ablate=ablate,
                every=args.every,
                inference=_inference(args),
                num_threads=args.threads,
                on_progress=progress,
            )
            for ablate in ((None, "constant-context") if beside else (args.ablate,))
        ]
    return summary_text(Result.concatenate(parts))


def _measure_online(args: Evaluate, opened: Run) -> str:
    from fastadapt.adaptation.evaluation.evaluate_run import evaluate_run_online
    from fastadapt.adaptation.evaluation.online_table import online_table
    from fastadapt.adaptation.progress import EvaluationProgress
    from fastadapt.adaptation.trials.online_plan import OnlinePlan

    quarter = args.duration / 4
    plan = OnlinePlan(
        args.duration,
        quarter,
        2 * quarter,
        args.ramp,
        args.heals_after,
        args.again_after,
        args.strikes,
    )
    with EvaluationProgress() as progress:
        results = evaluate_run_online(
            opened,
            args.split,
            plan,
            args.seed,
            baseline=args.baseline,
            ceiling=args.ceiling,
            ablate=args.ablate,
            every=args.every,
            inference=_inference(args),
            num_threads=args.threads,
            on_progress=progress,
        )
    return online_table(results).markdown()
