"""Meta-training of one agent on one task set in a run directory that can resume."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fastadapt.adaptation.runs.checkpoint import (
    drop_replay,
    has_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from fastadapt.adaptation.runs.files import locked
from fastadapt.adaptation.runs.machine import command
from fastadapt.adaptation.runs.metrics_log import metrics_log
from fastadapt.adaptation.runs.run import (
    MAX_ITERATIONS,
    Run,
    RunConfig,
    check_free,
    create_run,
    load_run,
    options_of,
)
from fastadapt.adaptation.runs.warm_start import open_start, take_over
from fastadapt.agents.registry import resolve
from fastadapt.envs.arguments import MAX_THREADS, check_seed, whole_number
from fastadapt.errors import FastadaptError

if TYPE_CHECKING:
    from fastadapt.envs import TaskSet

Report = Callable[[int, Mapping[str, float]], None]
"""Called after every iteration with its number (from 1) and its metrics."""
_STOPPING = b"""
fastadapt: stopping after this iteration, which is saved; Ctrl-C again stops now, without it.
"""


class _Course(NamedTuple):
    """The arguments of `train` that say how long and with what the run is trained."""

    iterations: int
    checkpoint_every: int
    validate_every: int
    num_threads: int
    keep_replay: bool


class Interrupted(KeyboardInterrupt):
    """The user stopped the training, and everything was saved."""


def train(
    agent: str,
    task_set: str | Path,
    out: str | Path,
    seed: int = 0,
    iterations: int = 200,
    *,
    checkpoint_every: int = 10,
    num_threads: int = 0,
    torch_threads: int = 2,
    report: Report | None = None,
    start: str | Path | None = None,
    algorithm: str | None = None,
    untold: Sequence[str] = (),
    validate_every: int = 0,
    keep_replay: bool = True,
    **options: Any,
) -> Run:
    """Meta-train an agent, or resume an interrupted call with the same arguments.

    Args:
        agent: one of `list_agents()`, or `"module:Class"`.
        task_set: name of a shipped task set, or path to a TOML file.
        out: the run directory.
        seed: of everything random.
        iterations: total number.
        checkpoint_every: iterations between checkpoints.
        num_threads: threads that simulate; 0 means one per processor.
        torch_threads: threads of torch; a run keeps them, as another number rounds differently.
        report: called after every iteration (default: a progress bar in notebooks).
        start: a run to take trained weights (and settings) from; nothing more is trained.
        algorithm: of `nominal`, `domain-randomised`, `oracle` (see `agents.registry.ALGORITHMS`).
        untold: perturbations and groups that privileged agents and critics are not told.
        validate_every: iterations between measurements on the split `validation`; 0: none.
        keep_replay: of a finished off-policy agent, which without it cannot be trained further.
        options: settings of the agent that differ from the defaults.

    Returns:
        The run.

    Raises:
        FastadaptError: bad arguments, or `out` holds something else or is in use.
        Interrupted: Ctrl-C; everything was saved.
    """
    agent = resolve(agent, algorithm)
    course = _Course(iterations, checkpoint_every, validate_every, num_threads, keep_replay)
    _check(course, seed, torch_threads)
    seed, iterations, torch_threads = int(seed), int(iterations), int(torch_threads)  # of NumPy
    source = None if start is None else open_start(start, agent, task_set, seed)
    if source is not None:
        iterations, options = source.iterations_done(), source.config.options | options
    config, tasks = _settled(agent, task_set, seed, iterations, torch_threads, untold, options)
    check_free(out := Path(out))
    with locked(out), _interruptible() as stopped:  # before the first byte of the run
        run = _open(out, config, tasks, explicit="planned_iterations" in options)
        if source is not None:
            take_over(source, run)
        _follow(run, course._replace(iterations=iterations), report, stopped)
    return run


def _follow(run: Run, course: _Course, report: Report | None, stopped: threading.Event) -> None:
    """Train a run to the end of its course, or to the iteration in which it is stopped."""
    with _torch_threads(run.config.torch_threads), _shown(run, course.iterations, report) as show:
        _loop(run, course, show, stopped)
    if stopped.is_set():
        raise Interrupted
    drop_replay(run.path / "checkpoints", last_too=not course.keep_replay)


def _check(course: _Course, seed: int, torch_threads: int) -> None:
    """Refuse impossible numbers before writing anything."""
    check_seed("seed", seed)
    whole_number("iterations", course.iterations, 1, MAX_ITERATIONS)
    whole_number("checkpoint_every", course.checkpoint_every, 1)
    whole_number("validate_every", course.validate_every, 0)
    whole_number("num_threads", course.num_threads, 0, MAX_THREADS)
    whole_number("torch_threads", torch_threads, 1, MAX_THREADS)


def _settled(
    agent: str,
    task_set: str | Path,
    seed: int,
    iterations: int,
    torch_threads: int,
    untold: Sequence[str],
    options: dict[str, Any],
) -> tuple[RunConfig, TaskSet]:
    """Return the identity and the task set of the wanted run; nothing is written."""
    from fastadapt.agents import find_agent, make_config
    from fastadapt.envs import load_task_set

    settings = make_config(agent, {"planned_iterations": iterations, **options})
    find_agent(agent)  # before anything is written: its module may not import
    tasks = load_task_set(task_set, untold)
    config = RunConfig(
        agent=agent,
        task_set=tasks.id,
        task_set_hash=tasks.hash,
        seed=seed,
        iterations=iterations,
        torch_threads=torch_threads,
        options=options_of(settings),
        command=command(),
    )
    return config, tasks


def _open(out: Path, config: RunConfig, tasks: TaskSet, explicit: bool) -> Run:
    """Begin the wanted run, or open the one that the directory holds."""
    if not (out / "config.json").is_file() or _nothing_trained(out):
        run = create_run(out, config, tasks)
    else:
        run = load_run(out, trust=":" in config.agent)  # the user has just named that class
        _check_same(run, config, explicit, tasks.file.untold)
    if hasattr(tasks.environment, "class_folder"):
        run.adopt(tasks)
    return run


def _nothing_trained(out: Path) -> bool:
    """Return whether a run was stopped within its first iteration, as settings too large do."""
    return not has_checkpoint(out / "checkpoints") and not (out / "metrics.jsonl").exists()


def _check_same(run: Run, config: RunConfig, explicit: bool, untold: tuple[str, ...]) -> None:
    """Refuse to resume a run with other settings; more iterations are allowed."""
    old = run.config
    options = dict(config.options) if config.agent == old.agent else {}
    if options and not explicit:
        options["planned_iterations"] = old.options["planned_iterations"]
    wanted = replace(config, options=options, iterations=old.iterations, command=old.command)
    wanted = replace(wanted, torch_threads=old.torch_threads)
    pairs = {
        name: (getattr(old, name), getattr(wanted, name))
        for name in ("agent", "task_set", "task_set_hash", "seed")
    }
    pairs["untold"] = (run.task_set.file.untold, untold)
    pairs |= {name: (old.options.get(name), value) for name, value in options.items()}
    changed = [f"{name} {was} (now {now})" for name, (was, now) in pairs.items() if was != now]
    if changed:
        raise FastadaptError(
            f"'{run.path}' holds another run: {', '.join(changed)}. Nothing was written. Choose "
            "another --out, or repeat its settings to resume it."
        )


def _loop(run: Run, course: _Course, report: Report | None, stopped: threading.Event) -> None:
    from fastadapt.adaptation.runs.counted_batch import CountedBatch

    task_set = run.task_set
    agent = run.new_agent()
    checkpoints = run.path / "checkpoints"
    done, env_steps, seconds = 0, 0.0, 0.0
    if has_checkpoint(checkpoints):
        further = run.iterations_done() < course.iterations
        state, content = load_checkpoint(checkpoints, further, run.identity)
        agent.load_state(state)
        done = content["iteration"]
        env_steps, seconds = content["progress"]["env_steps"], content["progress"]["seconds"]
    if done >= course.iterations:
        return
    envs = CountedBatch(
        task_set, agent.num_envs, num_threads=course.num_threads, context=agent.context
    )
    with metrics_log(run, done) as write:
        for iteration in range(done, course.iterations):
            started = time.perf_counter()
            metrics = agent.meta_train(envs, task_set, iteration)
            elapsed = time.perf_counter() - started
            env_steps += metrics["env_steps"]
            seconds += elapsed
            row = {"iteration": iteration + 1, **envs.counted(), **metrics, "env_steps": env_steps}
            row |= {"steps_per_second": metrics["env_steps"] / elapsed, "seconds": seconds}
            if course.validate_every and (iteration + 1) % course.validate_every == 0:
                row |= _validation(run, agent, course.num_threads)
            write(row)
            last = iteration + 1 == course.iterations or stopped.is_set()
            if last or (iteration + 1) % course.checkpoint_every == 0:
                progress = {"env_steps": env_steps, "seconds": seconds}
                save_checkpoint(checkpoints, iteration + 1, agent.state(), progress, run.identity)
            if report:
                report(iteration + 1, row)
            if stopped.is_set():
                return


def _validation(run: Run, agent: Any, num_threads: int) -> dict[str, float]:
    """Return the returns of a copy of the agent on the split `validation`, before and after a shot.

    The agent itself is not touched.
    """
    from fastadapt.adaptation.evaluation.evaluate import evaluate

    copy = run.new_agent()
    copy.load_state(agent.state())
    shots = (0, 1) if getattr(copy, "needs_shots", True) else (0,)
    found = evaluate(copy, run.task_set, "validation", shots, 1, num_threads=num_threads)
    return {
        f"validation_return_{shot}_shot{'s' * (shot != 1)}": float(
            found.task_means(found.agents[0], "validation", shot)[1].mean()
        )
        for shot in shots
    }


@contextmanager
def _shown(run: Run, iterations: int, report: Report | None) -> Iterator[Report | None]:
    """Show a progress bar in a notebook, where no other report is given."""
    from fastadapt.adaptation.progress import TrainingProgress, in_notebook

    if report is not None or not in_notebook():
        yield report
        return
    with TrainingProgress(f"{run.config.agent} on {run.config.task_set}", iterations) as progress:
        yield progress


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    """Set the number of threads of torch, and set it back."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Turn the first Ctrl-C into an event; the second interrupts at once."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    previous = signal.getsignal(signal.SIGINT)

    def stop(*_: object) -> None:
        os.write(2, _STOPPING)  # unbuffered: a handler may interrupt a print
        stopped.set()
        signal.signal(signal.SIGINT, previous)

    signal.signal(signal.SIGINT, stop)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, previous)
