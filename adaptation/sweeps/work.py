"""The work of one run of a sweep, in a process of its own: train, then evaluate.

`python -m fastadapt.adaptation.sweeps.work CELL` does what a cell, as JSON, says, and goes on where
it was stopped.
"""

from __future__ import annotations

import sys

from fastadapt.adaptation.sweeps.cell import Cell
from fastadapt.errors import FastadaptError

FAILED, TAKEN, STOPPED = 2, 3, 130
"""Exit codes: it cannot go on; another process works on it; Ctrl-C."""


def work(cell: Cell) -> None:
    """Do all that is left of a run.

    Raises:
        FastadaptError: it cannot be done.
        RunInUseError: another process trains in its directory.
        KeyboardInterrupt: Ctrl-C; everything was saved.
    """
    from fastadapt.adaptation.evaluation.evaluate_run import evaluate_run
    from fastadapt.adaptation.training import train

    run = train(
        cell.agent,
        cell.task_set,
        cell.path,
        cell.seed,
        cell.iterations,
        checkpoint_every=cell.checkpoint_every,
        num_threads=cell.threads,
        torch_threads=cell.torch_threads,
        algorithm=cell.algorithm,
        **cell.options,
    )
    asked = cell.evaluation
    if asked is not None:
        evaluate_run(run, asked.splits, asked.shots, asked.episodes, num_threads=cell.threads)
    cell.finish()


def main(arguments: list[str]) -> int:
    """Work on the cell that is given as JSON; return the exit code."""
    from fastadapt.adaptation.runs.files import RunInUseError

    try:
        work(Cell.from_json(arguments[0]))
    except RunInUseError as error:
        print(f"fastadapt: {error}", file=sys.stderr)
        return TAKEN
    except FastadaptError as error:
        print(f"fastadapt: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return STOPPED
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
