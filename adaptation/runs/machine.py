"""Versions, machine and command line, recorded with every run and result."""

from __future__ import annotations

import functools
import os
import platform
import shlex
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("fastadapt", "mujoco", "mjbatch", "gymnasium", "torch", "numpy", "scipy")


@functools.cache
def versions() -> dict[str, str]:
    """Return the versions of fastadapt and of the packages its results depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def processor() -> str:
    """Return the name of the processor."""
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def commit() -> str | None:
    """Return the git commit of the source, with `+changes` if files were edited since.

    None outside of a checkout.
    """
    git = ["git", "-C", str(Path(__file__).resolve().parent)]
    try:
        _output([*git, "ls-files", "--error-unmatch", Path(__file__).name])  # ours, not around us
        head = _output([*git, "rev-parse", "--short=12", "HEAD"])
        edited = _output([*git, "status", "--porcelain", "--untracked-files=no"])
    except (OSError, subprocess.SubprocessError):
        return None
    return f"{head}+changes" if edited else head


def _output(command: list[str]) -> str:
    result = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    return result.stdout.strip()


def command() -> str:
    """Return the current command line."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def machine() -> dict[str, Any]:
    """Return versions, processor, cores and system."""
    return {
        "versions": versions(),
        "commit": commit(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
    }
