"""Pictures of a robot in a pose: off-screen, or in a window."""

from __future__ import annotations

import copy
import os
import sys
import time
from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastadapt.envs.environment import Environment
from fastadapt.errors import FastadaptError

DAMAGED = (0.85, 0.15, 0.15, 1.0)
"""Colour of damaged parts: in pictures only, no observation ever sees it."""

_SHAPE = (
    *("body_pos", "body_quat", "body_ipos", "body_iquat", "body_sameframe"),
    *("jnt_pos", "jnt_axis", "qpos0"),
    *("geom_pos", "geom_quat", "geom_size", "geom_rbound", "geom_aabb", "geom_sameframe"),
    *("geom_rgba", "geom_matid", "mat_rgba"),
    *("site_pos", "site_quat", "site_size", "site_rgba", "site_sameframe"),
)
"""Fields of a model on which a picture depends, whatever kind of perturbation writes them.

Masses are left out: the camera follows the nominal centre of mass.
"""


def tinted(model: mujoco.MjModel, colours: Mapping[int, ArrayLike]) -> mujoco.MjModel:
    """Return a copy of a model for rendering, with some bodies in other colours.

    Args:
        model: the nominal one, or that of a task (see `task_model`).
        colours: RGBA by body id; what is invisible stays so.
    """
    model = copy.copy(model)
    for body, colour in colours.items():
        geoms = np.flatnonzero((model.geom_bodyid == body) & visible(model))
        model.geom_rgba[geoms] = colour
        model.geom_matid[geoms] = -1
    return model


def visible(model: mujoco.MjModel) -> NDArray[np.bool_]:
    """Return which geoms can be seen at all, `(ngeom,)`: those of a severed limb cannot."""
    return (model.geom_rgba[:, 3] > 0) | (model.geom_matid >= 0)


class PoseRenderer:
    """Renders poses of one robot from its camera.

    Args:
        environment: whose robot.
        colours: RGBA by body id, in place of its own.
        model: the robot as a task leaves it (default: nominal), see `task_model`.
    """

    def __init__(
        self,
        environment: type[Environment],
        colours: Mapping[int, ArrayLike] | None = None,
        model: mujoco.MjModel | None = None,
    ) -> None:
        self._model = copy.copy(environment.model())  # its camera follows nominal masses
        if model is not None:
            self.draw_as(model)
        self._model = tinted(self._model, colours or {})
        self._model.vis.quality.offsamples = 0  # measured: 3 times faster on a software renderer
        self._data = mujoco.MjData(self._model)
        self._camera = environment.camera
        self._renderer = mujoco.Renderer(self._model, 480, 640)
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False

    def draw_as(self, model: mujoco.MjModel) -> None:
        """Draw the robot as a task leaves it, from now on; see `task_model`."""
        for name in _SHAPE:
            getattr(self._model, name)[...] = getattr(model, name)

    def picture(self, qpos: ArrayLike, mocap: ArrayLike | None = None) -> NDArray[np.uint8]:
        """Return the picture `(480, 640, 3)` of positions `(nq,)` and mocaps `(nmocap, 3)`."""
        self._data.qpos[:] = qpos
        if mocap is not None:
            self._data.mocap_pos[:] = mocap
        mujoco.mj_forward(self._model, self._data)
        self._renderer.update_scene(self._data, camera=self._camera)
        return self._renderer.render()

    def close(self) -> None:
        """Free the graphics context."""
        self._renderer.close()


class PoseWindow:
    """A window of MuJoCo's viewer that shows poses of one robot, in real time.

    Args:
        environment: whose robot.

    Raises:
        FastadaptError: this machine has no display, or the viewer cannot be opened.
    """

    def __init__(self, environment: type[Environment]) -> None:
        if sys.platform.startswith("linux") and not _has_display():
            raise FastadaptError(
                "render_mode = 'human' opens a window, and this machine has no display (DISPLAY is "
                "not set). Use render_mode = 'rgb_array'; Gymnasium's RecordVideo makes a video "
                "of it."
            )
        import mujoco.viewer

        self._model = copy.copy(environment.model())
        self._data = mujoco.MjData(self._model)
        try:
            self._viewer: Any = mujoco.viewer.launch_passive(
                self._model, self._data, show_left_ui=False, show_right_ui=False
            )
        except RuntimeError as error:  # macOS wants its own interpreter, mjpython
            raise FastadaptError(f"MuJoCo's viewer cannot be opened: {error}.") from None
        if self._model.ncam:
            self._viewer.cam.type = mujoco.mjtCamera.mjCAMERA_FIXED
            self._viewer.cam.fixedcamid = self._model.camera(environment.camera).id
        self._shown = time.monotonic()

    def draw_as(self, model: mujoco.MjModel) -> None:
        """Draw the robot as a task leaves it, from now on; see `task_model`."""
        with self._viewer.lock():
            for name in _SHAPE:
                getattr(self._model, name)[...] = getattr(model, name)

    def show(self, qpos: ArrayLike, mocap: ArrayLike | None, duration: float) -> None:
        """Show a pose, at the earliest `duration` seconds after the last one.

        A window that was closed stays closed.
        """
        if not self._viewer.is_running():
            return
        with self._viewer.lock():
            self._data.qpos[:] = qpos
            if mocap is not None:
                self._data.mocap_pos[:] = mocap
            mujoco.mj_forward(self._model, self._data)
        time.sleep(max(0.0, self._shown + duration - time.monotonic()))
        self._shown = time.monotonic()
        self._viewer.sync()

    def close(self) -> None:
        """Close the window."""
        self._viewer.close()


def _has_display() -> bool:
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
