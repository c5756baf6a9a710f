"""Checkpoints as safetensors and JSON, written atomically."""

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
    """Write a text file atomically."""
    temporary = path.with_name(f".{path.name}.writing")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def save_checkpoint(folder: Path, iteration: int, state: AgentState, progress: Any) -> None:
    """Write `folder/<iteration>/`, link `folder/last` to it, and remove older checkpoints.

    Args:
        folder: the `checkpoints` folder of a run.
        iteration: number of completed iterations.
        state: of the agent.
        progress: state of the training loop, as JSON.
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
    """Return whether there is a checkpoint to resume from.

    Raises:
        FastadaptError: `last` is missing although there are some; a new start would overwrite them.
    """
    if (folder / "last").exists():
        return True
    numbered = sorted(p.name for p in folder.glob("*") if p.name.isdigit())
    if numbered:
        raise FastadaptError(
            f"'{folder}' has checkpoints but `last` is missing or a broken link. Link it to "
            f"the newest one (ln -sfn {numbered[-1]} '{folder / 'last'}') and run again."
        )
    return False


def load_checkpoint(folder: Path, replay: bool = False) -> tuple[AgentState, dict[str, Any]]:
    """Read the last checkpoint; return the agent's state and the content of `state.json`.

    Args:
        folder: the `checkpoints` folder of a run.
        replay: whether to read the replay buffer too, which only training needs.

    Raises:
        FastadaptError: there is none, or it is damaged.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    last = folder / "last"
    if not last.exists():
        raise FastadaptError(
            f"'{folder.parent}' has no checkpoint yet: it was stopped before the first one. "
            "Run the same `fastadapt train` command again."
        )
    try:
        content = json.loads((last / "state.json").read_text(encoding="utf-8"))
        _ = int(content["iteration"]), content["progress"]["env_steps"]
        replay_file = last / "replay.safetensors"
        if replay and content.get("replay") and not replay_file.exists():
            raise FileNotFoundError("replay.safetensors is missing")
        state = AgentState(
            load_file(last / "model.safetensors"),
            load_file(last / "optimizer.safetensors"),
            content["agent"],
            load_file(replay_file) if replay and replay_file.exists() else {},
        )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise FastadaptError(
            f"The checkpoint '{last.resolve()}' is damaged ({type(error).__name__}: {error}). "
            "Delete that folder and link `last` to an older one, or train again elsewhere."
        ) from None
    return state, content
