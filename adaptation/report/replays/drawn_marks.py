"""The marks of perturbations in a replay: payloads, arrows, the tint of the ground."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from fastadapt.envs.model.marks import Mark

if TYPE_CHECKING:
    import viser

Colour = tuple[int, int, int]
Tint = Callable[[Colour], Colour]
"""Function from the plain colour of a floor tile to the one shown."""

PAYLOAD: Colour = (230, 150, 30)
ARROW: Colour = (120, 60, 200)
SLIPPERY: Colour = (90, 170, 255)
ROUGH: Colour = (150, 100, 60)
_SCALE, _SHORTEST, _LONGEST = 0.3, 0.1, 0.6
"""Length of an arrow of 1 m, which would end below the ground, and of any arrow [m]."""


def ground_tint(marks: Sequence[Mark]) -> Tint:
    """Return the tint of the ground: the bluer the more slippery, the browner the rougher.

    Half of the colour at half or twice the nominal friction, none at the nominal one.
    """
    amount = float(np.prod([mark.amount for mark in marks if mark.shape == "ground"]))
    share = 1 - 2.0 ** -abs(np.log2(max(amount, 1e-6)))
    towards = SLIPPERY if amount < 1 else ROUGH

    def tinted(colour: Colour) -> Colour:
        mixed = (1 - share) * np.array(colour) + share * np.array(towards)
        red, green, blue = np.round(mixed).astype(int).tolist()
        return red, green, blue

    return tinted


def add_balls(
    scene: viser.SceneApi, lane: str, marks: Sequence[Mark], frames: dict[int, viser.FrameHandle]
) -> None:
    """Add the balls of a lane to the frames of their bodies; a body that is not drawn gets one."""
    for k, mark in enumerate(marks):
        if mark.shape != "ball":
            continue
        if mark.body not in frames:
            frames[mark.body] = scene.add_frame(f"{lane}/body{mark.body}", False)
        name = f"{lane}/body{mark.body}/ball{k}"
        scene.add_icosphere(name, mark.radius, PAYLOAD, position=mark.position)


def add_arrow(scene: viser.SceneApi, name: str, mark: Mark) -> viser.ArrowsHandle:
    """Add an arrow that begins at the origin of its node."""
    way = np.array(mark.direction)
    length = float(np.linalg.norm(way))
    end = way / max(length, 1e-9) * min(max(_SCALE * length, _SHORTEST), _LONGEST)
    points = np.array([[np.zeros(3), end]], np.float32)
    return scene.add_arrows(name, points, ARROW, shaft_radius=0.02, head_radius=0.05,
                            head_length=0.1)  # fmt: skip
