"""Options of earlier versions that are still accepted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def replace_aliases(arguments: Sequence[str], aliases: Mapping[str, str]) -> list[str]:
    """Return arguments with earlier options replaced, those written `--option=value` too.

    Args:
        arguments: of a command.
        aliases: by earlier option: the option, and its value where it takes one: `--ablate memory`.
    """
    found: list[str] = []
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if name in aliases:
            found += [*aliases[name].split(), *([value] if equals else [])]
        else:
            found.append(argument)
    return found
