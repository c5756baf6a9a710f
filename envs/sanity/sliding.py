"""Sliding distance of a block on the friction that MuJoCo gives a robot's own contact."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.perturbations.contact_friction import ContactFriction
from fastadapt.envs.sanity.bench import Bench
from fastadapt.envs.simulation.factory import make_simulation

_SCENE = """
<mujoco>
  <option timestep="0.004"/>
  <worldbody>
    <geom name="ground" type="plane" size="0 0 1"/>
    <body pos="0 0 0.05">
      <joint type="slide" axis="1 0 0"/>
      <joint type="slide" axis="0 0 1"/>
      <geom name="block" type="box" size="0.05 0.05 0.05" mass="1"/>
    </body>
  </worldbody>
</mujoco>
"""
_STEPS = 500


def sliding_distance(bench: Bench, targets: list[str]) -> NDArray[np.float64]:
    """Return the sliding distances of blocks from 1 m/s, with the friction of robots' contacts [m].

    The block and its ground get the friction and the priority of the two geoms of a named contact,
    which MuJoCo then combines as in the robot. Where the robot has no such contact (contacts are
    disabled, excluded or filtered) or its friction is overridden, nothing changes.

    Args:
        bench: the robots.
        targets: names of geoms, one for each robot.
    """
    friction = np.ones((len(targets), 2))
    priority = np.zeros((len(targets), 2), int)
    for row, target in enumerate(targets):
        pair = _contact_of(bench, target)
        if pair is not None:
            friction[row] = bench.sim.field("geom_friction")[row, pair, 0]
            priority[row] = bench.model.geom_priority[pair]
            explicit = _explicit(bench.model, pair)
            if explicit is not None:
                friction[row] = bench.sim.field("pair_friction")[row, explicit, 0]
            if bench.model.opt.enableflags & int(mujoco.mjtEnableBit.mjENBL_OVERRIDE):
                friction[row] = bench.model.opt.o_friction[0]
    scene = mujoco.MjModel.from_xml_string(_SCENE)
    found = np.zeros(len(targets))
    for order in np.unique(priority, axis=0):
        rows = np.flatnonzero((priority == order).all(axis=1))
        scene.geom_priority[:] = order
        sim = make_simulation(scene, len(rows), num_threads=1)
        sim.field("geom_friction")[:, :, 0] = friction[rows]
        sim.data("qvel")[:, 0] = 1.0
        sim.step(_STEPS)
        found[rows] = sim.data("qpos")[:, 0]
    return found


def _contact_of(bench: Bench, target: str) -> list[int] | None:
    """Return the two geoms of a named contact that can occur, None if there is none."""
    model = bench.model
    geom = model.geom(target).id
    for block in bench.batch.task_set.blocks:
        some = block.perturbation
        if isinstance(some, ContactFriction) and target in block.targets:
            for other in np.flatnonzero(some.named(model)[geom]):
                if _touch(model, geom, int(other)):
                    return [geom, int(other)]
    return None


def _touch(model: mujoco.MjModel, one: int, other: int) -> bool:
    """Return whether MuJoCo tests two geoms for contact, and acts on it."""
    off = mujoco.mjtDisableBit.mjDSBL_CONTACT | mujoco.mjtDisableBit.mjDSBL_CONSTRAINT
    if model.opt.disableflags & int(off):
        return False
    if _explicit(model, [one, other]) is not None:
        return True
    allowed = (model.geom_contype[one] & model.geom_conaffinity[other]) | (
        model.geom_contype[other] & model.geom_conaffinity[one]
    )
    first, second = sorted((int(model.geom_bodyid[one]), int(model.geom_bodyid[other])))
    excluded = (first << 16) + second in model.exclude_signature
    return bool(allowed) and not excluded and not _filtered(model, first, second)


def _filtered(model: mujoco.MjModel, one: int, other: int) -> bool:
    """Return whether two bodies are one, welded together, or parent and child."""
    weld, other_weld = model.body_weldid[one], model.body_weldid[other]
    if weld == other_weld:
        return True
    if model.opt.disableflags & int(mujoco.mjtDisableBit.mjDSBL_FILTERPARENT):
        return False
    parent, other_parent = (model.body_weldid[model.body_parentid[w]] for w in (weld, other_weld))
    related = weld == other_parent or other_weld == parent
    return bool(related and weld and other_weld)  # with the world, children do collide


def _explicit(model: mujoco.MjModel, pair: list[int]) -> Any:
    """Return the explicit contact pair of two geoms, None if there is none."""
    pairs = np.stack([model.pair_geom1, model.pair_geom2], axis=1)
    found = np.flatnonzero((np.sort(pairs, axis=1) == np.sort(pair)).all(axis=1))
    return int(found[0]) if len(found) else None
