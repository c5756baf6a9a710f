"""Pictures of a robot in a pose, without a display."""

from __future__ import annotations

from collections.abc import Mapping

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastadapt.envs.environment import Environment

DAMAGED = (0.85, 0.15, 0.15, 1.0)
"""Colour of damaged parts: in pictures only, no observation ever sees it."""


def tinted(environment: type[Environment], colours: Mapping[int, ArrayLike]) -> mujoco.MjModel:
    """Return a copy of the nominal model for rendering, with some bodies in other colours.

    Args:
        environment: whose model.
        colours: RGBA by body id.
    """
    import copy

    model = copy.copy(environment.model())
    for body, colour in colours.items():
        geoms = np.flatnonzero(model.geom_bodyid == body)
        model.geom_rgba[geoms] = colour
        model.geom_matid[geoms] = -1
    return model


class PoseRenderer:
    """Renders poses of one robot from its first camera."""

    def __init__(
        self, environment: type[Environment], colours: Mapping[int, ArrayLike] | None = None
    ) -> None:
        self._model = tinted(environment, colours or {})
        self._model.vis.quality.offsamples = 0  # measured: 3 times faster on a software renderer
        self._data = mujoco.MjData(self._model)
        self._renderer = mujoco.Renderer(self._model, 480, 640)
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False

    def picture(self, qpos: ArrayLike, mocap: ArrayLike | None = None) -> NDArray[np.uint8]:
        """Return the picture `(480, 640, 3)` of positions `(nq,)` and mocaps `(nmocap, 3)`."""
        self._data.qpos[:] = qpos
        if mocap is not None:
            self._data.mocap_pos[:] = mocap
        mujoco.mj_forward(self._model, self._data)
        self._renderer.update_scene(self._data, camera=0)
        return self._renderer.render()

    def close(self) -> None:
        """Free the graphics context."""
        self._renderer.close()
