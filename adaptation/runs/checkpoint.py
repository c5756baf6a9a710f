"""Checkpoints: safetensors and JSON, written so that a crash at any moment leaves a whole one."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from fastadapt.agents.interface import AgentState
from fastadapt.errors import FastadaptError

_KEEP = 2


def write_text(path: Path, text: str) -> None:
    """Write a file so that it is either the old one or the new one, never half of it."""
    temporary = path.with_name(f".{path.name}.writing")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def save_checkpoint(folder: Path, iteration: int, state: AgentState, progress: Any) -> None:
    """Write `folder/<iteration>/` and point `folder/last` to it; older ones are removed.

    Args:
        folder: the `checkpoints` folder of a run.
        iteration: iterations done.
        state: of the agent.
        progress: plain values of the training loop, for JSON.
    """
    from safetensors.numpy import save_file

    name = f"{iteration:06d}"
    temporary = folder / f".{name}.writing"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    save_file(state.model, temporary / "model.safetensors")
    save_file(state.optimizer, temporary / "optimizer.safetensors")
    if state.replay:
        save_file(state.replay, temporary / "replay.safetensors")
    for file in temporary.iterdir():
        with file.open("rb") as written:
            os.fsync(written.fileno())
    content = {"iteration": iteration, "progress": progress, "agent": state.values}
    content["replay"] = bool(state.replay)
    write_text(temporary / "state.json", json.dumps(content, indent=1))
    final = folder / name
    if final.exists():  # the same iteration again: equal content, by exact resumption
        shutil.rmtree(final)
    os.replace(temporary, final)
    link = folder / ".last.writing"
    link.unlink(missing_ok=True)
    link.symlink_to(name)
    last = folder / "last"
    if last.is_dir() and not last.is_symlink():  # the run was copied without its links
        shutil.rmtree(last)
    os.replace(link, last)
    for old in sorted(p for p in folder.iterdir() if p.name.isdigit())[:-_KEEP]:
        shutil.rmtree(old)


def has_checkpoint(folder: Path) -> bool:
    """Return whether there is one to go on from.

    Raises:
        FastadaptError: there are some, but `last` is lost: starting over would overwrite them.
    """
    if (folder / "last").exists():
        return True
    numbered = sorted(p.name for p in folder.glob("*") if p.name.isdigit())
    if numbered:
        raise FastadaptError(
            f"'{folder}' has checkpoints but `last` is missing or points nowhere. Link it "
            "to "
            f"the newest one (ln -sfn {numbered[-1]} '{folder / 'last'}') and run again."
        )
    return False


def load_checkpoint(folder: Path, replay: bool = False) -> tuple[AgentState, dict[str, Any]]:
    """Read the last checkpoint; return the agent's state and the content of `state.json`.

    Args:
        folder: the `checkpoints` folder of a run.
        replay: whether to read what only further training needs and may be big.

    Raises:
        FastadaptError: there is none, or it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    last = folder / "last"
    if not last.exists():
        raise FastadaptError(
            f"'{folder.parent}' has no checkpoint yet: the run was stopped before its first one. "
            "Run the same `fastadapt train` command again."
        )
    try:
        content = json.loads((last / "state.json").read_text(encoding="utf-8"))
        _ = int(content["iteration"]), content["progress"]["env_steps"]
        lived = last / "replay.safetensors"
        if replay and content.get("replay") and not lived.exists():
            raise FileNotFoundError("replay.safetensors is missing")
        state = AgentState(
            load_file(last / "model.safetensors"),
            load_file(last / "optimizer.safetensors"),
            content["agent"],
            load_file(lived) if replay and lived.exists() else {},
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise FastadaptError(
            f"The checkpoint '{last.resolve()}' is damaged ({type(error).__name__}: {error}). "
            "Delete that folder and point `last` to an older one, or train again elsewhere."
        ) from None
    return state, content
