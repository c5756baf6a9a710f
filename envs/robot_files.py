"""The MJCF files of our own robots."""

from __future__ import annotations

from importlib.resources import files

import mujoco


def shipped_robot(name: str) -> mujoco.MjSpec:
    """Load `assets/robots/<name>.xml`."""
    text = files("fastadapt.assets").joinpath("robots", f"{name}.xml").read_text("utf-8")
    return mujoco.MjSpec.from_string(text)
