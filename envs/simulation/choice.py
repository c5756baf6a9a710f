"""The choice of a backend: the fastest that works with the MuJoCo at hand."""

from __future__ import annotations

import functools
import os
from typing import NamedTuple

import mujoco

from fastadapt.errors import unknown_name

VARIABLE = "FASTADAPT_BACKEND"
"""The environment variable that chooses the backend in place of `best_backend`."""
BACKENDS = ("mjbatch", "threads", "reference")


class Choice(NamedTuple):
    """A backend and the reason for it, as a sentence."""

    backend: str
    reason: str


@functools.cache
def best_backend() -> Choice:
    """Return `mjbatch` where it is installed and built for this MuJoCo, else `threads`.

    The environment variable `FASTADAPT_BACKEND` overrides the choice.

    Raises:
        FastadaptError: the variable does not name a backend.
    """
    forced = os.environ.get(VARIABLE)
    if forced:
        if forced not in BACKENDS:
            raise unknown_name(f"backend in {VARIABLE}", forced, list(BACKENDS))
        return Choice(forced, f"{VARIABLE}={forced} says so.")
    try:
        import mjbatch  # noqa: F401
    except ModuleNotFoundError:
        why = "mjbatch is not installed"
    except ImportError:  # its libmujoco is not the one at hand
        why = f"mjbatch is built for another MuJoCo than {mujoco.__version__}"
    else:
        return Choice("mjbatch", f"mjbatch is built for MuJoCo {mujoco.__version__}.")
    return Choice(
        "threads", f"{why}; pip install 'fastadapt[fast]' brings the pair that is faster."
    )


def backends() -> tuple[str, ...]:
    """Return the backends that work here, the fastest first."""
    try:
        import mjbatch  # noqa: F401
    except ImportError:
        return BACKENDS[1:]
    return BACKENDS
