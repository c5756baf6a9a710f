"""Gears with backlash between actuators and joints, for N robots at once."""

from __future__ import annotations

import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.perturbations.backlash import rotor_inertia
from fastadapt.envs.perturbations.signals import Signals
from fastadapt.envs.simulation.interface import Simulation


class Gears:
    """The angles of the motors behind gears with a gap, and the forces that pass.

    Before every physics step, motors with a gap move by their own force, as far as the gap lets
    them; the control is then set so that the actuator gives the force that passes. All quantities
    are those of the actuator: length is gear ratio times joint position.
    """

    def __init__(self, sim: Simulation, signals: Signals) -> None:
        model = sim.model
        self._sim, self._signals = sim, signals
        joints = np.maximum(model.actuator_trnid[:, 0], 0)
        self._qpos, self._qvel = model.jnt_qposadr[joints], model.jnt_dofadr[joints]
        self._onto = np.eye(model.nv)[self._qvel]
        self._ratio = model.actuator_gear[:, 0].copy()
        ratio = np.where(self._ratio == 0, 1.0, self._ratio)
        self._inertia = rotor_inertia(model) / ratio**2
        limited = model.actuator_ctrllimited.astype(bool)
        self._low, self._high = np.where(limited, model.actuator_ctrlrange.T, [[-np.inf], [np.inf]])
        shape = (sim.num_sims, model.nu)
        self._angle, self._speed = np.zeros((2, *shape))
        self._engaged = np.zeros(shape, bool)
        self._revision = -1
        self._loose = np.zeros(0, np.intp)

    def reset(self, ids: Ids) -> None:
        """Begin episodes: motors start in the middle of their gaps."""
        self._engaged[ids] = False

    def loose(self, ids: Ids | None) -> Ids:
        """Return which of the robots `ids` (default: all) have any gap."""
        if self._revision != self._signals.revision:
            gapped = self._signals["backlash"] > 0
            self._engaged &= gapped  # a gap that opens again finds its motor in the middle
            self._loose = np.flatnonzero(gapped.any(axis=1))
            self._revision = self._signals.revision
        return self._loose if ids is None else np.intersect1d(self._loose, ids)

    def transmit(self, ids: Ids, commands: Array) -> tuple[Array, Array]:
        """Advance motors by a physics step.

        Returns:
            Controls `(n, nu)` that give the force that passes, and forces `(n, nv)` of the motors
            that hit an end of their gap in this step: they hand on their momentum.
        """
        sim, step = self._sim, self._sim.model.opt.timestep
        half = np.abs(self._ratio) * self._signals["backlash"][ids] / 2
        length = self._ratio * sim.data("qpos")[ids][:, self._qpos]
        velocity = self._ratio * sim.data("qvel")[ids][:, self._qvel]
        gapped = half > 0
        fresh = gapped & ~self._engaged[ids]
        self._engaged[ids] = gapped
        angle = np.where(fresh, length, self._angle[ids])
        carried = fresh | (np.abs(angle - length) >= half)  # a motor at an end moves on with it
        angle = np.clip(angle, length - half, length + half)
        speed = np.where(carried, velocity, self._speed[ids])

        gain = sim.field("actuator_gainprm")[ids][..., 0]
        bias, spring, damper = np.moveaxis(sim.field("actuator_biasprm")[ids][..., :3], 2, 0)
        affine = sim.model.actuator_biastype != 0
        bias, spring, damper = (np.where(affine, term, 0.0) for term in (bias, spring, damper))
        drive = gain * np.clip(commands, self._low, self._high) + bias
        free, fast = self._free(ids, angle, speed, (drive, spring, damper))

        ahead, behind = length + step * velocity + half, length + step * velocity - half
        side = (free > ahead).astype(float) - (free < behind)
        force = drive + spring * (length + side * half) + damper * velocity
        passed = side * np.maximum(side * force, 0.0)  # it pushes and does not pull
        self._angle[ids], self._speed[ids] = free, fast
        hits = (side != 0) & ~carried
        blow = np.where(hits, self._inertia * (speed - velocity) / step, 0.0)
        blows = (self._ratio * blow) @ self._onto
        needed = passed - bias - spring * length - damper * velocity
        control = np.divide(needed, gain, out=np.zeros_like(needed), where=gain != 0)
        return np.where(gapped, control, commands), blows

    def _free(
        self, ids: Ids, angle: Array, speed: Array, law: tuple[Array, Array, Array]
    ) -> tuple[Array, Array]:
        """Return angles and speeds of motors `(n, nu)` after a physics step without any load.

        Implicit in speed and angle, so that stiff servos without inertia are stable.
        """
        drive, spring, damper = law
        sim, step, inertia = self._sim, self._sim.model.opt.timestep, self._inertia
        resistance = inertia - step * damper - step**2 * spring
        pull = drive + spring * angle
        moved = np.divide(inertia * speed + step * pull, resistance,
                          out=speed.copy(), where=resistance > 0)  # fmt: skip
        limited = sim.model.actuator_forcelimited.astype(bool) & (inertia > 0)
        low, high = np.moveaxis(sim.field("actuator_forcerange")[ids], 2, 0)
        force = pull + step * spring * moved + damper * moved
        cut = np.clip(force, low, high)
        slow = speed + step * cut / np.where(inertia > 0, inertia, 1.0)
        moved = np.where(limited & (cut != force), slow, moved)
        return angle + step * moved, moved
