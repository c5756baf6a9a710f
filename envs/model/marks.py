"""Marks: what a picture shows of a perturbation beside the robot itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class Mark:
    """Something drawn for a perturbation. No observation ever sees it.

    Attributes:
        shape: a `ball` that is fixed to a body, an `arrow` that goes along with a body and keeps
            its direction in the world, or the `ground`, which is tinted.
        body: id of the body; 0, of an arrow: the one that carries the rest.
        position: of the centre of a ball, in the frame of the body [m].
        radius: of a ball [m].
        direction: of an arrow, along the axes of the world; 1 is drawn as long as the weight
            of the robot.
        amount: of the ground: below 1 it is drawn slippery, above 1 rough.
    """

    shape: Literal["ball", "arrow", "ground"]
    body: int = 0
    position: tuple[float, float, float] = (0.0, 0.0, 0.0)
    radius: float = 0.0
    direction: tuple[float, float, float] = (0.0, 0.0, 0.0)
    amount: float = 1.0


def vector(values: ArrayLike) -> tuple[float, float, float]:
    """Return three numbers as a tuple, for a mark."""
    x, y, z = np.asarray(values, float)
    return float(x), float(y), float(z)
