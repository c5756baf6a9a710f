"""The physics steps of a control step: all at once, or one by one where something has to act."""

from __future__ import annotations

import numpy as np

from fastadapt.envs.arrays import Ids, Mask
from fastadapt.envs.runtime.gears import Gears
from fastadapt.envs.runtime.touch_down import TouchDown
from fastadapt.envs.simulation.interface import Simulation


def take_physics_steps(
    sim: Simulation,
    num_steps: int,
    ids: Ids | None,
    waiting: Ids,
    touch_down: TouchDown | None,
    gears: Gears | None,
) -> Mask | None:
    """Step robots as `Simulation.step` does, one by one those that wait or have a worn gear.

    Args:
        sim: the simulations.
        num_steps: physics steps.
        ids: which robots take them (default: all).
        waiting: those of them that wait for a touch-down.
        touch_down: the detector of it, None if there are no events.
        gears: the worn gears, None if there are none.

    Returns:
        `(N,)` booleans: which of the waiting ones touched the ground after any step; None if none
        did.
    """
    loose = gears.loose(ids) if gears is not None else waiting[:0]
    singly = np.union1d(loose, waiting)
    if not len(singly):
        sim.step(num_steps, ids)
        return None
    others = np.setdiff1d(np.arange(sim.num_sims) if ids is None else ids, singly)
    if len(others):
        sim.step(num_steps, others)
    touched = np.zeros(sim.num_sims, bool)
    commands, loads = sim.data("ctrl")[loose], sim.data("qfrc_applied")[loose]
    for _ in range(num_steps):
        if gears is not None and len(loose):
            controls, blows = gears.transmit(loose, commands)
            sim.data("ctrl")[loose], sim.data("qfrc_applied")[loose] = controls, loads + blows
        sim.step(1, singly)
        if touch_down is not None and len(waiting):
            touched[waiting] |= touch_down.current(waiting)
    sim.data("ctrl")[loose], sim.data("qfrc_applied")[loose] = commands, loads
    return touched if touched.any() else None
