"""Feet that slide, measured with plain MuJoCo."""

import mujoco
import numpy as np


def drag(model, data, feet, ground, clearance):
    """Return the mean over feet of horizontal speed times (1 - share of the clearance)^2.

    Args:
        model: plain model.
        data: after a step.
        feet: names of geoms.
        ground: height of their centres when they stand [m].
        clearance: how high they should be lifted [m].
    """
    each = []
    for name in feet:
        geom, velocity = model.geom(name).id, np.zeros(6)
        mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_GEOM, geom, velocity, 0)
        lift = np.clip((data.geom_xpos[geom, 2] - ground) / clearance, 0, 1)
        each.append(np.hypot(velocity[3], velocity[4]) * (1 - lift) ** 2)
    return np.mean(each)
