"""The channels of the observation that the columns of a log read too."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fastadapt.adaptation.logs.reading.mapping import Signal
from fastadapt.envs.arrays import Ids
from fastadapt.envs.environment import Environment

_PROBE = 1e-4


def offsets_of(environment: Environment, signals: Sequence[Signal]) -> Ids:
    """Return the channel that reads the same joint as each signal, `(signals,)`; -1: none.

    It is found by moving the joint: the channel that follows one to one, and that no other joint
    moves, reads it, whatever it is called.
    """
    sim = environment.sim
    everyone = np.arange(sim.num_sims)
    found = np.full(len(signals), -1, np.intp)
    sim.reset(everyone)
    environment.reset(everyone, np.full((sim.num_sims, environment.reset_draws), 0.5))
    sim.forward(everyone)
    still = environment.observation()[0].copy()
    taken: dict[int, int] = {}
    for i, signal in enumerate(signals):
        if signal.kind == "sensor":
            continue
        state = sim.data("qpos" if signal.kind == "position" else "qvel")
        before = state[0, signal.index]
        state[0, signal.index] = before + _PROBE
        sim.forward(everyone[:1])
        change = (environment.observation()[0] - still) / _PROBE
        state[0, signal.index] = before
        for channel in np.flatnonzero(np.abs(change - 1) < 1e-3):
            name = environment.observations[channel].name
            if signal.name.partition(" ")[2].split(" ")[0] in name and channel not in taken:
                found[i] = taken[int(channel)] = int(channel)
                break
    sim.forward(everyone[:1])
    return found
