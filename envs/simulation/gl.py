"""The rendering backend of MuJoCo, chosen before it is imported."""

from __future__ import annotations

import ctypes.util
import os
import sys


def choose_gl_backend() -> str:
    """Set `MUJOCO_GL` to a display, else EGL, else OSMesa, unless it is set; return its value.

    Call it before MuJoCo is imported.
    """
    if "MUJOCO_GL" not in os.environ and sys.platform == "linux" and not os.environ.get("DISPLAY"):
        os.environ["MUJOCO_GL"] = "egl" if ctypes.util.find_library("EGL") else "osmesa"
    return os.environ.get("MUJOCO_GL", "glfw")
