"""MJCF files of shipped robots and of the installed `gymnasium` package."""

from __future__ import annotations

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import mujoco


def gymnasium_spec(file: str) -> mujoco.MjSpec:
    """Load one of Gymnasium's MJCF files and name its unnamed actuators.

    An actuator without a name gets that of its joint. Names do not change the physics.

    Args:
        file: name of the file in `gymnasium/envs/mujoco/assets`.
    """
    package = find_spec("gymnasium")
    assert package is not None
    assert package.origin is not None
    folder = Path(package.origin).parent / "envs" / "mujoco" / "assets"
    spec = mujoco.MjSpec.from_file(str(folder / file))
    for actuator in spec.actuators:
        actuator.name = actuator.name or actuator.target
    return spec


def shipped_robot(name: str) -> mujoco.MjSpec:
    """Load `assets/robots/<name>.xml`."""
    text = files("fastadapt.assets").joinpath("robots", f"{name}.xml").read_text("utf-8")
    return mujoco.MjSpec.from_string(text)
