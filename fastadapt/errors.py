"""The one error that users are meant to read: a sentence that says what is wrong and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_MOST = 60
"""Names that a message lists."""


class FastadaptError(ValueError):
    """Bad input: the message says what was wrong, what is allowed and what to do.

    The command line prints the message alone and exits with code 2.
    """


def unknown_name(what: str, name: str, allowed: Iterable[str]) -> FastadaptError:
    """Return the error for a name that does not exist, with the nearest one that does.

    Names of which it is a part between hyphens come first: `contact-friction` for `friction`.
    """
    names = sorted(allowed)
    whole = [known for known in names if name in known.split("-")]
    nearest = whole[:3] or difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    meant = " or ".join(f"'{known}'" for known in nearest)
    hint = f" Did you mean {meant}?" if nearest else ""
    if not names:
        return FastadaptError(f"There is no {what} '{name}'; there is none at all.")
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    listed = ", ".join(names[:_MOST])
    return FastadaptError(f"There is no {what} '{name}'.{hint} Available: {listed}{more}.")
