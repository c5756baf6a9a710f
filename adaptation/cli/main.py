"""The command line: `fastadapt <command> ...`; each command is a module that is imported on use."""

from __future__ import annotations

import ast
import inspect
import os
import re
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import find_spec
from typing import Any

from fastadapt.registry import Registry

Command = Callable[[list[str]], int | None]
"""Takes the arguments after its name; returns the exit code, None for 0."""

COMMANDS: Registry[Command] = Registry(
    "command",
    "fastadapt.commands",
    {
        name: f"fastadapt.adaptation.cli.{group}.{name}:run"
        for group, name in (
            ("learn", "demo"),
            ("learn", "train"),
            ("measure", "evaluate"),
            ("measure", "compare"),
            ("measure", "envelope"),
            ("deploy", "export"),
            ("deploy", "run"),
            ("deploy", "adapt"),
            ("deploy", "record"),
            ("deploy", "fit"),
            ("learn", "sweep"),
            ("learn", "reference"),
            ("measure", "table"),
            ("inspect", "check"),
            ("learn", "freeze"),
            ("inspect", "list"),
            ("inspect", "zoo"),
            ("inspect", "doctor"),
        )
    },
)


TRUST = "--trust"
"""Consent to code that files name; see `fastadapt.trust`."""
_LONGEST = 1000
"""Characters of an error message."""


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
    except BrokenPipeError:  # the reader of a pipe has closed it: discard the rest
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(arguments: list[str]) -> int:
    from fastadapt.errors import FastadaptError
    from fastadapt.trust import command_line

    try:
        if not arguments or arguments[0] in ("-h", "--help"):
            print(_usage())
            return 0 if arguments else 2
        if arguments[0] == "--version":
            import fastadapt

            print(f"fastadapt {fastadapt.__version__}")
            return 0
        trusted = TRUST in arguments
        with command_line(trusted):
            words = [word for word in arguments[1:] if word != TRUST]
            return COMMANDS.find(arguments[0])(words) or 0
    except FastadaptError as error:
        return _fail(str(error))
    except KeyboardInterrupt as interrupt:
        message = str(interrupt) or "stopped"
        print(f"\nfastadapt: {message}", file=sys.stderr)
        return 130
    except BrokenPipeError:
        raise
    except OSError as error:  # a file where a folder should be, no permission, a full disk
        return _fail(_os_message(error))
    except MemoryError as error:
        return _fail(f"Not enough memory: {error or 'the numbers asked for are too large'}.")
    except RuntimeError as error:  # as torch tells it
        if "allocate memory" not in str(error):
            raise
        asked = re.search(r"tried to allocate (\d+) bytes", str(error))
        size = f"{int(asked[1]) / 2**30:,.0f} GiB were asked for" if asked else "too much was asked"
        return _fail(f"Not enough memory: {size}. Choose smaller sizes.")


def _os_message(error: OSError) -> str:
    """Return an operating-system error as a sentence; not every one has a reason or a file."""
    reason = error.strerror or str(error) or type(error).__name__
    return f"{reason}: '{error.filename}'." if error.filename is not None else f"{reason}."


def _fail(message: str) -> int:
    print(f"fastadapt: {readable(message)}", file=sys.stderr)
    return 2


def readable(message: str) -> str:
    """Return a message with control characters shown as escapes, its middle cut if it is long."""
    shown = "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in message)
    half = _LONGEST // 2
    return shown if len(shown) <= _LONGEST else f"{shown[:half]} ... {shown[-half:]}"


def _usage() -> str:
    lines = ["usage: fastadapt COMMAND [OPTIONS]", ""]
    lines += ["Meta-train robots on what can go wrong; measure how fast they recover.", ""]
    for name in COMMANDS:
        source = COMMANDS.source(name)
        origin = "" if source == "fastadapt" else f" ({source})"
        lines.append(f"  {name:<11}{summary_of(COMMANDS.target(name))}{origin}")
    lines += [
        "",
        "`fastadapt COMMAND --help` explains a command. --trust, with any command: import",
    ]
    lines += ["the Python code, and open the pickles, that a run or a task-set file names."]
    return "\n".join(lines)


def summary_of(target: Any) -> str:
    """Return the first line of the docstring of a command's module, read without importing it.

    Args:
        target: `"module:function"`, or the function itself, whose own docstring is used.

    Returns:
        The line, or an empty text if there is none or the module is not found.
    """
    if not isinstance(target, str):
        return _first_line(inspect.getdoc(target))
    spec = _spec_of(target.partition(":")[0])
    source = getattr(spec.loader, "get_source", None) if spec else None
    if spec is None or source is None:
        return ""
    try:
        return _first_line(ast.get_docstring(ast.parse(source(spec.name) or "")))
    except (SyntaxError, OSError):
        return ""


def _spec_of(module: str) -> ModuleSpec | None:
    """Find a module; unlike `find_spec` alone, this does not import the packages around it."""
    top, *parts = module.split(".")
    spec, name = find_spec(top), top
    for part in parts:
        if spec is None or spec.submodule_search_locations is None:
            return None
        name = f"{name}.{part}"
        spec = PathFinder.find_spec(name, list(spec.submodule_search_locations))
    return spec


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0].removesuffix(".")


if __name__ == "__main__":
    main()
