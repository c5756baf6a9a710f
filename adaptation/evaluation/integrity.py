"""Integrity of saved evaluations: digests of their tables, and the versions they were made with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from fastadapt.adaptation.runs.checkpoint import file_digest
from fastadapt.adaptation.runs.machine import versions
from fastadapt.errors import FastadaptError

ENTRY = "sha256"
"""Entry of a summary with the digests of the tables beside it."""


def digests(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Return the SHA-256 of files in a folder, by name."""
    return {name: file_digest(folder / name) for name in names}


def check_digests(folder: Path, content: Mapping[str, Any], names: Sequence[str]) -> None:
    """Compare files with the digests in a summary; summaries of earlier versions have none.

    Raises:
        FastadaptError: a file was changed after it was written.
    """
    written = content.get(ENTRY)
    if not isinstance(written, dict):
        return
    for name in names:
        if name in written and file_digest(folder / name) != written[name]:
            raise FastadaptError(
                f"'{folder / name}' was changed after it was written: its digest is not the one in "
                "the summary beside it. Evaluate again, or copy the folder again."
            )


def mujoco_note(*metas: Mapping[str, Any]) -> str:
    """Return a sentence about results of another MuJoCo than the installed one; else nothing.

    Args:
        metas: of results that are shown together, with `machine` in them or in their `parts`.
    """
    used, here = sorted({text for meta in metas for text in _used(meta)}), versions()["mujoco"]
    if not used or used == [here]:
        return ""
    if len(used) > 1:
        return (
            f"Measured with different versions of MuJoCo ({', '.join(used)}): differences may come "
            "from the physics."
        )
    return f"Measured with MuJoCo {used[0]}; {here} is installed, and its physics may differ."


def _used(meta: Mapping[str, Any]) -> Iterator[str]:
    """Yield the versions of MuJoCo in a result's meta data, whatever else is in there."""
    parts = meta.get("parts")
    for part in parts if isinstance(parts, list) and parts else [{}]:
        found: Any = {**meta, **part} if isinstance(part, Mapping) else meta
        for name in ("machine", "versions", "mujoco"):
            found = found.get(name) if isinstance(found, Mapping) else None
        if isinstance(found, str):
            yield found[:20]
