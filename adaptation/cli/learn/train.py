"""Meta-train an agent; repeat the command to resume an interrupted training."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import tyro

from fastadapt.agents.config import AgentConfig
from fastadapt.agents.registry import AGENTS, find_config

Settings = TypeVar("Settings", bound=AgentConfig)


@dataclass(frozen=True)
class Train(Generic[Settings]):
    """Meta-train an agent, or resume where the same command was stopped. Ctrl-C saves."""

    agent: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="AGENT")]
    """One of `fastadapt list agents`, or module:Class. Name it before --help for its settings."""
    task_set: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TASK_SET")]
    """Shipped task set, or path to a TOML file."""
    out: Path
    """Run directory: new, or a run to resume."""
    settings: Annotated[Settings, tyro.conf.arg(name="")]
    algorithm: str | None = None
    """For nominal, domain-randomised and oracle: ppo (default), sac, sb3-ppo or sb3-sac."""
    seed: int = 0
    """Seed of everything random."""
    seeds: Annotated[tuple[int, ...], tyro.conf.arg(metavar="SEED...")] = ()
    """Train a run for each of these seeds in turn, in OUT/seed-0, OUT/seed-1, ...; repeat the
    command to resume. `fastadapt compare OUT/seed-*` pools them."""
    start: Path | None = None
    """For fine-tune: a trained run of domain-randomised to take the weights from."""
    untold: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME...")] = ()
    """Perturbations and groups that oracles, teachers and informed critics are not told."""
    iterations: int = 200
    """Iterations in all."""
    checkpoint_every: int = 10
    """Iterations between checkpoints."""
    validate_every: int = 0
    """Iterations between measurements on the split `validation`, which do not change the training
    (0: none); they are in metrics.jsonl and TensorBoard."""
    keep_replay: bool = True
    """Keep the replay buffer of an off-policy agent after the last iteration (40 MB and more); a
    run without it can be evaluated, not trained further."""
    threads: int = 0
    """Threads that simulate (0: one per processor); they do not change the numbers."""
    torch_threads: int = 2
    """Threads of torch; another number rounds differently, so a run keeps its own."""


def run(arguments: list[str]) -> None:
    """Parse and train."""
    settings = _settings_of(arguments)
    args = tyro.cli(Train[settings], args=arguments, prog="fastadapt train")
    from fastadapt.errors import FastadaptError

    changed = _changes(asdict(args.settings), asdict(settings()))
    if args.seeds and args.seed:
        raise FastadaptError("--seed and --seeds exclude each other: leave one of them out.")
    if len(set(args.seeds)) < len(args.seeds):
        raise FastadaptError(f"--seeds {' '.join(map(str, args.seeds))} names a seed twice.")
    places = [(seed, args.out / f"seed-{seed}") for seed in args.seeds]
    for seed, out in places or [(args.seed, args.out)]:
        _train(args, seed, out, changed)
    if places:
        runs = " ".join(str(out) for _, out in places)
        print(f"Next: fastadapt evaluate each; then fastadapt compare {runs}")
    else:
        print(f"Next: fastadapt evaluate {args.out}")


def _train(args: Train, seed: int, out: Path, changed: dict[str, Any]) -> None:
    """Train one run, and print where it ended."""
    from fastadapt.adaptation.progress import TrainingProgress
    from fastadapt.adaptation.training import Interrupted, train

    start = args.start / f"seed-{seed}" if args.start and args.seeds else args.start
    with TrainingProgress(f"{args.agent} on {args.task_set}", args.iterations) as progress:
        try:
            result = train(
                args.agent,
                args.task_set,
                out,
                seed,
                args.iterations,
                checkpoint_every=args.checkpoint_every,
                num_threads=args.threads,
                torch_threads=args.torch_threads,
                report=progress,
                start=start,
                algorithm=args.algorithm,
                untold=args.untold,
                validate_every=args.validate_every,
                keep_replay=args.keep_replay,
                **changed,
            )
        except Interrupted:
            raise KeyboardInterrupt(
                f"stopped; everything is saved in '{out}'. Run the same command to resume."
            ) from None
    rows = result.metrics()
    if rows:
        last, at = rows[-1], f", seed {seed}" if args.seeds else ""
        print(
            f"{result.config.agent}{at}: {len(rows)} iterations, {last['env_steps']:,.0f} env "
            f"steps, {last['seconds']:.0f} s, last return {last['return_mean']:.1f}."
        )


def _settings_of(arguments: list[str]) -> type[Any]:
    """Return the class of settings that the rest of the arguments belongs to."""
    positional = [
        argument
        for before, argument in zip(["", *arguments], arguments, strict=False)
        if not argument.startswith("-") and (not before.startswith("-") or "=" in before)
    ]
    named = next((one for one in positional if one in AGENTS or ":" in one), None)
    if named is not None:
        return find_config(named, _algorithm_of(arguments))
    if positional and not {"-h", "--help"} & set(arguments):
        return find_config(positional[0])  # raises the error that names the nearest
    return AgentConfig


def _algorithm_of(arguments: list[str]) -> str | None:
    """Return the value of --algorithm."""
    for argument, value in zip(arguments, [*arguments[1:], None], strict=True):
        option, equals, joined = argument.partition("=")
        if option == "--algorithm":
            return joined if equals else value
    return None


def _changes(settings: dict, defaults: dict) -> dict:
    """Return what differs from the defaults, nested as the settings are."""
    changed = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            inner = _changes(value, defaults[name])
            if inner:
                changed[name] = inner
        elif value != defaults[name]:
            changed[name] = value
    return changed
