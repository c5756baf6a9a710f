"""Simulation of segments in the batch: one candidate and one segment to a robot."""

from __future__ import annotations

import mujoco
import numpy as np

from fastadapt.adaptation.logs.channels import offsets_of
from fastadapt.adaptation.logs.reading.mapping import Signal
from fastadapt.adaptation.logs.segments import Segments
from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.perturbations.signals import Signals
from fastadapt.envs.runtime.model_writer import ModelWriter
from fastadapt.envs.simulation.factory import make_simulation
from fastadapt.envs.tasks.task_set import TaskSet

MOST_ROBOTS = 256
"""Robots of the batch: more rows take several rounds."""


class SegmentSimulator:
    """Predicts the samples of segments for candidate tasks.

    Attributes:
        segments: what is simulated.
        rolled: number of segments simulated so far.
    """

    def __init__(
        self,
        task_set: TaskSet,
        segments: Segments,
        signals: tuple[Signal, ...],
        num_threads: int = 0,
        robots: int = MOST_ROBOTS,
    ) -> None:
        self.segments = segments
        self.rolled = 0
        cls = task_set.environment
        sensed = any(signal.kind == "sensor" for signal in signals)
        self._sim = make_simulation(cls.model(), robots, num_threads=num_threads, forward=sensed)
        environment = cls(self._sim)
        self._live = Signals(environment)
        self._writer = ModelWriter(task_set.blocks, self._sim, self._live)
        self._blocks = len(task_set.blocks)
        written = {name for block in task_set.blocks for name in block.perturbation.signals}
        self._delayed, self._shifted = "action_delay" in written, "sensor_offset" in written
        self._channels = offsets_of(environment, signals) if self._shifted else None
        names = {"position": "qpos", "velocity": "qvel", "sensor": "sensordata"}
        self._sources = [
            (self._sim.data(field), np.array([i for i, s in enumerate(signals) if s.kind == kind]),
             np.array([s.index for s in signals if s.kind == kind], np.intp))
            for kind, field in names.items() if any(s.kind == kind for s in signals)
        ]  # fmt: skip
        self._signals = signals

    def predict(self, vectors: Array, which: Ids, moved: Array | None = None) -> Array:
        """Return the predicted samples, `(n, M)`; not-a-number where a simulation diverged.

        Args:
            vectors: `(n, P)` a task for each row.
            which: `(n,)` the segment of each row.
            moved: `(n, 2 nv)` by how much the initial state differs from the measured one, as
                velocities times one second; default: nothing.
        """
        size = self._sim.num_sims
        parts = []
        for low in range(0, len(which), size):
            rows = slice(low, low + size)
            part = None if moved is None else moved[rows]
            parts.append(self._roll(vectors[rows], which[rows], part))
        self.rolled += len(which)
        return np.concatenate(parts)

    def _roll(self, vectors: Array, which: Ids, moved: Array | None) -> Array:
        sim, segments = self._sim, self.segments
        ids = np.arange(len(which))
        qpos, qvel = segments.qpos[which], segments.qvel[which]
        if moved is not None:
            nv = qvel.shape[1]
            qpos = displaced(sim.model, qpos, moved[:, :nv])
            qvel = qvel + moved[:, nv:]
        sim.reset(ids)
        self._writer.assign(ids, vectors)
        sim.data("qpos")[ids], sim.data("qvel")[ids] = qpos, qvel
        sim.forward(ids)  # a joint that locks in motion locks where it is
        self._writer.write(ids, vectors, np.ones((len(ids), self._blocks)), {}, at_reset=False)
        offsets = self._offsets(ids)
        if offsets is not None:  # what was measured at the start has the offset too
            for kind, field in (("position", "qpos"), ("velocity", "qvel")):
                for i, signal in enumerate(self._signals):
                    if signal.kind == kind:
                        sim.data(field)[ids, signal.index] -= offsets[:, i]
        late = np.zeros(len(ids), np.intp)
        if self._delayed:
            delay = np.rint(self._live["action_delay"][ids]).astype(np.intp)
            late = np.minimum(delay * segments.step_ticks, segments.before)
        self._activate(ids, segments.controls[which, segments.before - late])
        sim.forward(ids)
        track = self._step(ids, which, segments.before - late)
        rows = np.arange(len(ids))[:, None]
        tick, signal, weight = segments.tick[which], segments.signal[which], segments.weight[which]
        after = np.minimum(tick + 1, segments.ticks)
        predicted = track[rows, tick, signal] * (1 - weight) + track[rows, after, signal] * weight
        if offsets is not None:
            predicted = predicted + offsets[rows, signal]
        predicted[sim.diverged()[: len(ids)]] = np.nan
        return predicted

    def _step(self, ids: Ids, which: Ids, first: Ids) -> Array:
        """Step through a segment; return the signals at every tick, `(n, ticks + 1, signals)`."""
        sim, segments = self._sim, self.segments
        track = np.empty((len(ids), segments.ticks + 1, len(self._signals)))
        everyone = None if len(ids) == sim.num_sims else ids
        for now in range(segments.ticks + 1):
            for data, columns, index in self._sources:
                track[:, now, columns] = data[ids][:, index]
            if now < segments.ticks:
                sim.data("ctrl")[ids] = segments.controls[which, first + now]
                sim.step(segments.tick_steps, everyone)
        return track

    def _activate(self, ids: Ids, controls: Array) -> None:
        """Start filtered actuators at their command, as if it had been held."""
        model = self._sim.model
        for i in range(model.nu):
            if model.actuator_actnum[i] == 1:
                self._sim.data("act")[ids, model.actuator_actadr[i]] = controls[:, i]

    def _offsets(self, ids: Ids) -> Array | None:
        """Return the offsets of the sensors behind each signal, `(n, signals)`."""
        if self._channels is None:
            return None
        offset = self._live["sensor_offset"][ids]
        return np.where(self._channels >= 0, offset[:, np.maximum(self._channels, 0)], 0.0)


def displaced(model: mujoco.MjModel, qpos: Array, moved: Array) -> Array:
    """Return positions `(n, nq)` displaced by `(n, nv)`, rotations in the axes of the body."""
    found = qpos.copy()
    for j in range(model.njnt):
        q, v, kind = int(model.jnt_qposadr[j]), int(model.jnt_dofadr[j]), int(model.jnt_type[j])
        if kind > 1:
            found[:, q] += moved[:, v]
            continue
        if kind == 0:
            found[:, q : q + 3] += moved[:, v : v + 3]
            q, v = q + 3, v + 3
        found[:, q : q + 4] = _turned(qpos[:, q : q + 4], moved[:, v : v + 3])
    return found


def _turned(quaternion: Array, turn: Array) -> Array:
    angle = np.linalg.norm(turn, axis=1, keepdims=True)
    axis = turn / np.maximum(angle, 1e-12)
    w, x = np.cos(angle / 2), axis * np.sin(angle / 2)
    w0, x0 = quaternion[:, :1], quaternion[:, 1:]
    real = w0 * w - (x0 * x).sum(axis=1, keepdims=True)
    return np.concatenate([real, w0 * x + w * x0 + np.cross(x0, x)], axis=1)
