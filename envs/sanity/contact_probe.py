"""The friction of contacts of a robot, as MuJoCo finds it in the robot's own model."""

from __future__ import annotations

import copy

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.perturbations.contact_friction import ContactFriction
from fastadapt.envs.sanity.bench import Bench
from fastadapt.envs.simulation.interface import model_field

_SOUGHT = ("geom_friction", "pair_friction")


def friction_of_contacts(bench: Bench, targets: list[str]) -> NDArray[np.float64]:
    """Return the coefficients of sliding friction of named contacts, `(n,)`.

    The two geoms are put onto one another in the robot's own model, and MuJoCo is asked for their
    contact: flags, exclusions, filters, priorities, explicit pairs and `override` all take part. 0
    where the robot can have no such contact.

    Args:
        bench: the robots.
        targets: names of geoms, one for each robot.
    """
    model = copy.copy(bench.model)
    data = mujoco.MjData(model)
    data.qpos[:] = bench.sim.data("qpos")[0]
    found = np.zeros(len(targets))
    if model.opt.disableflags & int(mujoco.mjtDisableBit.mjDSBL_CONSTRAINT):
        return found  # contacts are found, but exert no force
    for row, target in enumerate(targets):
        for field in _SOUGHT:
            model_field(model, field)[...] = bench.sim.field(field)[row]
        geom = model.geom(target).id
        for other in _named_with(bench, target):
            friction = _touching(model, data, geom, int(other))
            if friction is not None:
                found[row] = friction
                break
    return found


def _named_with(bench: Bench, target: str) -> NDArray[np.intp]:
    """Return the geoms whose contact with a target a perturbation names."""
    geom = bench.model.geom(target).id
    for block in bench.batch.task_set.blocks:
        some = block.perturbation
        if isinstance(some, ContactFriction) and target in block.targets:
            return np.flatnonzero(some.named(bench.model)[geom])
    return np.zeros(0, np.intp)


def _touching(model: mujoco.MjModel, data: mujoco.MjData, one: int, other: int) -> float | None:
    """Return the friction of two geoms that are put onto one another, None without a contact."""
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    moved, kept = (one, other) if model.geom_rbound[one] > 0 else (other, one)
    body, shift = model.geom_bodyid[moved], data.geom_xpos[kept] - data.geom_xpos[moved]
    data.geom_xpos[model.geom_bodyid == body] += shift
    data.xpos[body] += shift  # where MuJoCo looks for bodies that are near
    data.xipos[body] += shift
    mujoco.mj_collision(model, data)
    for contact in data.contact[: data.ncon]:
        if {int(geom) for geom in contact.geom} == {one, other}:
            return float(contact.friction[0]) if contact.dim > 1 else 0.0
    return None
