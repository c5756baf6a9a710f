"""Train and evaluate many runs, declared in one file; repeat the command to go on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True)
class SweepCommand:
    """Train and evaluate many runs: agents x task sets x seeds x settings, declared in one file."""

    file: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="SWEEP.toml")]
    """The sweep."""
    out: Path | None = None
    """Folder of the runs (default: the file's)."""
    launcher: Literal["local", "ray", "slurm"] = "local"
    """Processes on this machine, a Ray cluster (RAY_ADDRESS, or one on this machine), or Slurm."""
    jobs: int = 0
    """With local: runs at once (0: as many as the processors have room for)."""
    retries: int = 1
    """How often a run whose process was killed is begun again, from its checkpoint."""
    slurm_cluster: str | None = None
    """With slurm: another executor of submitit; `local` needs no scheduler."""
    list: bool = False
    """Only list the runs and how far they have come."""


def run(arguments: list[str]) -> int:
    """Parse and sweep; exit code 1 if a run failed."""
    args = tyro.cli(SweepCommand, args=arguments, prog="fastadapt sweep")
    from rich.console import Console

    from fastadapt.adaptation.sweeps.launchers import make_launcher
    from fastadapt.adaptation.sweeps.plan import read_sweep
    from fastadapt.adaptation.sweeps.run_sweep import Sweep, run_sweep
    from fastadapt.adaptation.sweeps.table import SweepTable, table_of
    from fastadapt.envs.arguments import whole_number

    file, cells = read_sweep(args.file, args.out)
    if args.list:
        Console().print(table_of(Sweep(cells)))
        return 0
    whole_number("jobs", args.jobs, 0)
    whole_number("retries", args.retries, 0)
    jobs = args.jobs or max(1, (os.cpu_count() or 1) // file.threads)
    folder = Path(file.out if args.out is None else args.out)
    launcher = make_launcher(args.launcher, jobs, folder, file.slurm, args.slurm_cluster)
    try:
        with SweepTable() as table:
            sweep = run_sweep(cells, launcher, args.retries, table)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"stopped; everything is saved in '{folder}'. Run the same command to go on."
        ) from None
    failed = sweep.of("failed")
    print(f"{len(sweep.of('done'))} of {len(cells)} runs are done in '{folder}'.")
    for i in failed:
        print(f"failed: {cells[i].out}: {sweep.reasons[i]}  (log: {cells[i].log})")
    return 1 if failed else 0
