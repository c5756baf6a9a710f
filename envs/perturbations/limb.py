"""Limbs of a robot: what hangs on a body that moves itself."""

from __future__ import annotations

import mujoco
import numpy as np

from fastadapt.envs.perturbations.target_names import names_of
from fastadapt.envs.simulation import Ids


def limb_names(model: mujoco.MjModel) -> list[str]:
    """Return the names of the bodies that are limbs or parts of one.

    Their parent moves: the trunk of a walking robot, the base of an arm and free objects are none.
    """
    moving = model.body_weldid[model.body_parentid] != 0
    return [name for name in names_of(model, "body") if moving[model.body(name).id]]


def subtree(model: mujoco.MjModel, body: int) -> Ids:
    """Return the ids of a body and of everything that hangs on it, `(b,)`."""
    found = np.zeros(model.nbody, bool)
    found[body] = True
    for child in range(body + 1, model.nbody):  # parents come first
        found[child] |= found[model.body_parentid[child]]
    return np.flatnonzero(found)
