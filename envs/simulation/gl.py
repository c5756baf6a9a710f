"""How MuJoCo renders: to be chosen before it is imported."""

from __future__ import annotations

import ctypes.util
import os
import sys


def choose_gl_backend() -> str:
    """Choose how MuJoCo renders: display, else EGL, else OSMesa; must run before its import.

    A choice that the user made in `MUJOCO_GL` stands.
    """
    if "MUJOCO_GL" not in os.environ and sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ["MUJOCO_GL"] = "egl" if ctypes.util.find_library("EGL") else "osmesa"
    return os.environ.get("MUJOCO_GL", "glfw")
