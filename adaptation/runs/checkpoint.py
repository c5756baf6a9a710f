"""Checkpoints as safetensors and JSON: atomic, with digests and the identity of their run."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastadapt.adaptation.runs.files import write_text
from fastadapt.agents.interface import AgentState
from fastadapt.errors import FastadaptError

_KEEP = 2
_DROPPED = "dropped"
"""Mark of a checkpoint whose replay was deleted on purpose."""
_ARRAYS = ("model", "optimizer", "replay")


def save_checkpoint(
    folder: Path,
    iteration: int,
    state: AgentState,
    progress: Any,
    run: Mapping[str, Any] | None = None,
) -> None:
    """Write `folder/<iteration>/`, link `folder/last` to it, and remove older checkpoints.

    Args:
        folder: the `checkpoints` folder of a run.
        iteration: number of completed iterations.
        state: of the agent.
        progress: state of the training loop, as JSON.
        run: identity of the run, which `load_checkpoint` compares.

    Raises:
        FastadaptError: it cannot be written, e.g. to a full disk; older checkpoints remain.
    """
    from safetensors import SafetensorError

    name = f"{iteration:06d}"
    temporary = folder / f".{name}.writing"
    content = {"iteration": iteration, "progress": progress, "agent": state.values}
    content |= {"replay": bool(state.replay), "run": dict(run or {})}
    try:
        _write(temporary, state, content)
        final = folder / name
        if final.exists():  # the same iteration again: equal content, by exact resumption
            shutil.rmtree(final)
        os.replace(temporary, final)
        _link(folder, name)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise FastadaptError(
            f"The checkpoint '{folder / name}' cannot be written: {_reason(error)}. The checkpoint "
            "before it is kept: make room, and repeat the command to resume from there."
        ) from None
    for old in _numbered(folder)[:-_KEEP]:
        shutil.rmtree(old)


def _write(temporary: Path, state: AgentState, content: dict[str, Any]) -> None:
    """Write the files of a checkpoint with the permissions that the umask gives."""
    from safetensors.numpy import save_file

    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    arrays = {name: getattr(state, name) for name in _ARRAYS if name != "replay" or state.replay}
    digests: dict[str, str] = {}
    for name, some in arrays.items():
        file = temporary / f"{name}.safetensors"
        save_file(some, file)
        with file.open("rb") as written:
            os.fsync(written.fileno())
        digests[name] = file_digest(file)
    write_text(temporary / "state.json", json.dumps({**content, "sha256": digests}, indent=1))
    mode = (temporary / "state.json").stat().st_mode & 0o777
    for name in arrays:  # safetensors makes its files private
        (temporary / f"{name}.safetensors").chmod(mode)


def _link(folder: Path, name: str) -> None:
    """Link `last` to a checkpoint."""
    link = folder / ".last.writing"
    link.unlink(missing_ok=True)
    link.symlink_to(name)
    last = folder / "last"
    if last.is_dir() and not last.is_symlink():  # the run was copied without its links
        shutil.rmtree(last)
    os.replace(link, last)


def _numbered(folder: Path) -> list[Path]:
    """Return the folders of all checkpoints, in the order of their iterations."""
    names = (path for path in folder.glob("*") if path.name.isascii() and path.name.isdigit())
    return sorted(names, key=lambda path: int(path.name))


def _newest(folder: Path) -> Path | None:
    """Return the checkpoint that `last` links to, or the newest where the link is missing."""
    last = folder / "last"
    if last.exists():
        return last
    whole = [path for path in _numbered(folder) if (path / "state.json").is_file()]
    return whole[-1] if whole else None


def has_checkpoint(folder: Path) -> bool:
    """Return whether there is a checkpoint to resume from."""
    return _newest(folder) is not None


def file_digest(file: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def checkpoint_facts(folder: Path) -> dict[str, Any]:
    """Return the content of `state.json` of the last checkpoint, without reading its arrays.

    Raises:
        FastadaptError: there is none, or it is damaged or cannot be read.
    """
    last = _newest(folder)
    if last is None:
        raise FastadaptError(
            f"'{folder.parent}' has no checkpoint yet: it was stopped before the first one. "
            "Run the same `fastadapt train` command again."
        )
    try:
        content = json.loads((last / "state.json").read_text(encoding="utf-8"))
        _check_facts(content)
        if "sha256" not in content:  # of a version that wrote none
            content["sha256"] = {"model": file_digest(last / "model.safetensors")}
    except Exception as error:  # whatever damaged JSON leads to
        raise _unreadable(last, error) from None
    return content


def _check_facts(content: Any) -> None:
    """Refuse a state whose entries have other types than those that were written."""
    progress, digests = content["progress"], content.get("sha256", {"model": ""})
    for number in (content["iteration"], progress["env_steps"], progress["seconds"]):
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise TypeError("an entry is no number")
        if not 0 <= number < math.inf:
            raise ValueError("a number is out of range")
    tables = (content["agent"], content.get("run", {}))
    if not isinstance(content["iteration"], int) or not all(isinstance(t, dict) for t in tables):
        raise TypeError("an entry has another type")
    if not all(isinstance(digests[name], str) for name in {"model", *digests}):
        raise TypeError("a digest is no text")


def load_checkpoint(
    folder: Path, replay: bool = False, run: Mapping[str, Any] | None = None
) -> tuple[AgentState, dict[str, Any]]:
    """Read the last checkpoint; return the agent's state and the content of `state.json`.

    Args:
        folder: the `checkpoints` folder of a run.
        replay: whether to read the replay buffer too, which only training needs.
        run: identity of the run that the checkpoint must belong to.

    Raises:
        FastadaptError: there is none, it is damaged, cannot be read, or is that of another run.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    content = checkpoint_facts(folder)
    last = _newest(folder) or folder / "last"
    if replay and content.get("replay") == _DROPPED:
        raise FastadaptError(
            f"The checkpoint '{last}' was finished without its replay buffer: it can be evaluated, "
            "not trained further. Train into another --out, with --keep-replay."
        )
    replay = replay and (content.get("replay") or (last / "replay.safetensors").exists())
    names = [name for name in _ARRAYS if name != "replay" or replay]
    try:
        for name, digest in dict(content.get("sha256", {})).items():  # older ones have none
            if name in names and file_digest(last / f"{name}.safetensors") != digest:
                raise ValueError(f"the digest of {name}.safetensors is not that in state.json")
        arrays = {name: load_file(last / f"{name}.safetensors") for name in names}
    except (OSError, ValueError, TypeError, SafetensorError) as error:
        raise _unreadable(last, error) from None
    owner = content.get("run")
    if owner and run is not None and owner != dict(run):
        raise FastadaptError(
            f"The checkpoint '{last}' belongs to another run: {_text(owner)}, not {_text(run)}. "
            "Copy the folder of its own run again."
        )
    state = AgentState(
        arrays["model"], arrays["optimizer"], content["agent"], arrays.get("replay", {})
    )
    return state, content


def drop_replay(folder: Path, last_too: bool) -> None:
    """Delete the replay buffers of finished checkpoints, which then serve evaluation alone.

    Args:
        folder: the `checkpoints` folder of a run.
        last_too: the last checkpoint as well, after which training cannot go on.
    """
    finished = _numbered(folder) if last_too else _numbered(folder)[:-1]
    for checkpoint in finished:
        buffer, state = checkpoint / "replay.safetensors", checkpoint / "state.json"
        if buffer.exists():
            content = json.loads(state.read_text(encoding="utf-8"))
            content.get("sha256", {}).pop("replay", None)
            write_text(state, json.dumps(content | {"replay": _DROPPED}, indent=1))
            buffer.unlink()


def _text(run: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value!s:.60}" for name, value in run.items())


def _unreadable(last: Path, error: Exception) -> FastadaptError:
    """Return the error for a checkpoint that is damaged, or is not readable for this user."""
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return FastadaptError(
            f"The checkpoint '{last.resolve()}' cannot be read: {_reason(error)}. Ask its owner "
            "for permission to read it, or check the disk."
        )
    why = f"{type(error).__name__}: {error!s:.200}"
    if isinstance(error, FileNotFoundError) and error.filename:
        why = f"{Path(error.filename).name} is missing"
    return FastadaptError(
        f"The checkpoint '{last.resolve()}' is damaged ({why}). "
        "Link `last` to an older one beside it, copy the run again, or train again elsewhere."
    )


def _reason(error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) else None
    return reason or f"{error!s:.200}"
