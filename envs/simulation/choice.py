"""The choice of a backend: the fastest that works with the MuJoCo at hand."""

from __future__ import annotations

import functools
import os
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import mujoco

from fastadapt.errors import unknown_name

VARIABLE = "FASTADAPT_BACKEND"
"""The environment variable that chooses the backend in place of `best_backend`."""
_BUILT_FOR = {"0.1.4": "3.14.0"}
"""The MuJoCo that a version of mjbatch is built for; of others, importing them tells."""
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
    why = _why_not_mjbatch()
    if why is None:
        return Choice("mjbatch", f"mjbatch is built for MuJoCo {mujoco.__version__}.")
    return Choice(
        "threads", f"{why}; 'pip install mujoco==3.14.0 mjbatch==0.1.4' is the pair that is faster."
    )


def backends() -> tuple[str, ...]:
    """Return the backends that work here, the fastest first."""
    return BACKENDS if _why_not_mjbatch() is None else BACKENDS[1:]


@functools.cache
def _why_not_mjbatch() -> str | None:
    """Return why mjbatch cannot be used, None if it can."""
    try:
        installed = version("mjbatch")
    except PackageNotFoundError:
        return "mjbatch is not installed"
    built_for = _BUILT_FOR.get(installed, mujoco.__version__)
    if built_for != mujoco.__version__:  # two copies of MuJoCo in one process would not agree
        return f"mjbatch {installed} is built for MuJoCo {built_for}, not for {mujoco.__version__}"
    try:
        import mjbatch  # noqa: F401
    except ImportError:  # it links a libmujoco that is not the one at hand
        return f"mjbatch {installed} is built for another MuJoCo than {mujoco.__version__}"
    return None
