"""Launchers: where the runs of a sweep are worked on."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from fastadapt.adaptation.sweeps.cell import Cell
from fastadapt.errors import FastadaptError, unknown_name

WORK = "fastadapt.adaptation.sweeps.work"


class Job(Protocol):
    """Work on a run that has begun, or waits for a machine."""

    def code(self) -> int | None:
        """Return the exit code: None until it ends, negative where it was killed."""

    def stop(self) -> None:
        """Ask it to save and end."""


class Launcher(Protocol):
    """Begins work on runs."""

    jobs: int | None
    """How many runs are worked on at once (None: the scheduler decides)."""

    def submit(self, cells: list[Cell]) -> list[Job]:
        """Begin work on some runs; it goes on where it was stopped."""
        ...

    def close(self) -> None:
        """Let go of what the launcher holds."""


def command_of(cell: Cell) -> list[str]:
    """Return the command line that works on a run."""
    return [sys.executable, "-m", WORK, cell.to_json()]


def environment_of(cell: Cell) -> dict[str, str]:
    """Return environment variables with the threads of all libraries pinned."""
    count = str(cell.torch_threads)
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    return dict(os.environ) | dict.fromkeys(names, count)


def begin(cell: Cell) -> subprocess.Popen[bytes]:
    """Begin work on a run in a process; its output is added to the log of the run."""
    cell.log.parent.mkdir(parents=True, exist_ok=True)
    with cell.log.open("ab") as log:
        return subprocess.Popen(
            command_of(cell), stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            env=environment_of(cell),
        )  # fmt: skip


class _Process:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def code(self) -> int | None:
        return self._process.poll()

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(2)  # as Ctrl-C


class Local:
    """Processes on this machine.

    Args:
        jobs: how many at once.
    """

    def __init__(self, jobs: int) -> None:
        self.jobs: int | None = jobs

    def submit(self, cells: list[Cell]) -> list[Job]:
        return [_Process(begin(cell)) for cell in cells]

    def close(self) -> None:
        """Nothing is held."""


class _RayJob:
    def __init__(self, ray: Any, reference: Any) -> None:
        self._ray, self._reference = ray, reference

    def code(self) -> int | None:
        ready, _ = self._ray.wait([self._reference], timeout=0)
        if not ready:
            return None
        try:
            return self._ray.get(self._reference)
        except self._ray.exceptions.RayError:  # the worker or its machine was lost
            return -1

    def stop(self) -> None:
        self._ray.cancel(self._reference, force=False)


class Ray:
    """Tasks of a Ray cluster, an existing one (`RAY_ADDRESS`) or one on this machine.

    All machines need the folder of the runs, and fastadapt, at the same paths.
    """

    def __init__(self) -> None:
        self.jobs: int | None = None
        ray = _optional("ray")
        self._ray = ray
        self._own = not ray.is_initialized()
        if self._own:
            ray.init(log_to_driver=False, include_dashboard=False)

    def submit(self, cells: list[Cell]) -> list[Job]:
        remote = self._ray.remote(max_retries=0)(work_in_a_process)
        return [
            _RayJob(self._ray, remote.options(num_cpus=cell.threads).remote(cell.to_json()))
            for cell in cells
        ]

    def close(self) -> None:
        if self._own:
            self._ray.shutdown()


def work_in_a_process(text: str) -> int:
    """Work on a run, given as JSON, in a process; return its exit code."""
    process = begin(Cell.from_json(text))
    try:
        return process.wait()
    except BaseException:
        process.send_signal(2)
        process.wait()
        raise


class _SlurmJob:
    def __init__(self, job: Any) -> None:
        self._job = job

    def code(self) -> int | None:
        if not self._job.done():
            return None
        failed = self._job.exception()
        return -1 if failed is not None else self._job.result()

    def stop(self) -> None:
        self._job.cancel()


class Slurm:
    """Jobs of a Slurm array, by `submitit`; a preempted job goes on from its checkpoint.

    Args:
        folder: of the scripts and logs of the jobs.
        parameters: of `submitit`, such as `slurm_partition`, `timeout_min` and `cpus_per_task`.
        cluster: of `submitit` (default: Slurm; `local` runs the same jobs without a scheduler).
    """

    def __init__(self, folder: Path, parameters: Mapping[str, Any], cluster: str | None) -> None:
        self.jobs: int | None = None
        submitit = _optional("submitit")
        self._executor = submitit.AutoExecutor(folder=folder, cluster=cluster)
        try:
            self._executor.update_parameters(**parameters)
        except (NameError, ValueError, TypeError) as error:
            raise FastadaptError(f"[slurm]: {error!s:.300}") from None

    def submit(self, cells: list[Cell]) -> list[Job]:
        texts = [cell.to_json() for cell in cells]
        return [_SlurmJob(job) for job in self._executor.map_array(Requeued(), texts)]

    def close(self) -> None:
        """Jobs belong to the scheduler."""


class Requeued:
    """Work on a run that Slurm may preempt: `submitit` calls `checkpoint` and queues it anew."""

    def __call__(self, text: str) -> int:
        return work_in_a_process(text)

    def checkpoint(self, text: str) -> Any:
        """Return the job that goes on from the last checkpoint of the run."""
        return _optional("submitit.helpers").DelayedSubmission(Requeued(), text)


def make_launcher(
    name: str, jobs: int, folder: Path, slurm: Mapping[str, Any], cluster: str | None = None
) -> Launcher:
    """Return a launcher by name: `local`, `ray` or `slurm`.

    Args:
        name: of the launcher.
        jobs: runs at once on this machine.
        folder: of the sweep.
        slurm: parameters of `submitit`.
        cluster: of `submitit`.

    Raises:
        FastadaptError: there is none of that name, or a package is missing.
    """
    if name == "local":
        return Local(jobs)
    if name == "ray":
        return Ray()
    if name == "slurm":
        return Slurm(folder / "slurm", slurm, cluster)
    raise unknown_name("launcher", name, ["local", "ray", "slurm"])


def _optional(package: str) -> Any:
    """Return a package of the extra `sweep`."""
    try:
        return importlib.import_module(package)
    except ImportError:
        raise FastadaptError(
            f"This launcher needs the package '{package}': pip install 'fastadapt[sweep]'."
        ) from None
