"""The command line: `fastadapt <verb> ...`. Every verb lives in its own module, imported on use."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

VERBS = {
    "demo": "train a small PEARL on a damaged arm, measure its recovery, write a report (minutes)",
    "train": "meta-train an agent; goes on where it was stopped when run again",
    "evaluate": "measure a trained agent on frozen tasks that it has never seen",
    "compare": "one report from several evaluated runs",
    "reference": "train and measure what scores are normalised with: floor, oracle, and others",
    "table": "one table of all agents on all test splits, as a README shows it",
    "check": "validate a task set, and measure what each of its parameters does to the robot",
    "list": "environments, task sets, agents and perturbations",
    "doctor": "versions, rendering, speed, what is missing and how to get it",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit code 0, 1 (a check failed), 2 (bad input), 130 (Ctrl-C)."""
    sys.exit(run(sys.argv[1:] if arguments is None else list(arguments)))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code."""
    try:
        try:
            return _run(arguments)
        finally:
            sys.stdout.flush()  # here, where a closed pipe is caught, not when Python exits
    except BrokenPipeError:  # the reader of a pipe has seen enough: the rest goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help"):
        print(_usage())
        return 0 if arguments else 2
    verb = arguments[0]
    if verb == "--version":
        from importlib.metadata import version

        print(f"fastadapt {version('fastadapt')}")
        return 0
    if verb not in VERBS:
        import difflib

        nearest = difflib.get_close_matches(verb, VERBS, n=1)
        hint = f" Did you mean '{nearest[0]}'?" if nearest else ""
        return _fail(f"There is no command '{verb}'.{hint} Available: {', '.join(VERBS)}.")
    module = importlib.import_module(f"fastadapt.adaptation.cli.{verb}")
    try:
        return module.run(arguments[1:]) or 0
    except ValueError as error:
        from fastadapt.errors import FastadaptError

        if not isinstance(error, FastadaptError):
            raise
        return _fail(str(error))
    except KeyboardInterrupt as interrupt:
        message = str(interrupt) or "stopped"
        print(f"\nfastadapt: {message}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise
    except OSError as error:  # a file where a folder should be, no permission, a full disk
        return _fail(f"{error.strerror}: '{error.filename}'.")


def _fail(message: str) -> int:
    print(f"fastadapt: {message}", file=sys.stderr)
    return 2


def _usage() -> str:
    lines = ["usage: fastadapt COMMAND [OPTIONS]", ""]
    lines += ["Meta-train robots on what can go wrong; measure how fast they recover.", ""]
    lines += [f"  {verb:<11}{text}" for verb, text in VERBS.items()]
    lines += ["", "`fastadapt COMMAND --help` explains a command."]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
