"""Short stretches of a log, laid on the steps of the simulation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.adaptation.logs.reading.clock import unbroken
from fastadapt.adaptation.logs.reading.mapping import Measured
from fastadapt.adaptation.logs.reading.recording import Series
from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.environment import Environment
from fastadapt.errors import FastadaptError

_ALIGNED = 0.02
"""Samples this close to a step, as a share of it, are at the step."""
_HELD_OUT = 4
"""Every fourth segment is held out."""


@dataclass(frozen=True)
class Segments:
    """S segments of logs: initial states, commands and samples.

    Attributes:
        qpos: `(S, nq)` measured at the start.
        qvel: `(S, nv)` measured, or by differences of the positions.
        controls: `(S, before + ticks, nu)` command at each tick, `before` of them earlier.
        before: ticks before the start, for delayed commands.
        timestep: of the physics [s].
        tick_steps: physics steps of a tick.
        step_ticks: ticks of a control step, the unit of delays.
        tick: `(S, M)` tick before each sample.
        weight: `(S, M)` share of the tick after it, in [0, 1).
        signal: `(S, M)` number of the signal.
        value: `(S, M)` the samples.
        valid: `(S, M)` false where a segment has fewer samples than others.
        start: `(S,)` time in the recording [s].
        recording: `(S,)` number of the recording.
        position_of: `(nv,)` signal that measures the position of each degree of freedom, -1: none.
        velocity_of: `(nv,)` the same of its velocity; -1: by differences.
        difference: seconds over which these are taken.
    """

    qpos: Array
    qvel: Array
    controls: Array
    before: int
    timestep: float
    tick_steps: int
    step_ticks: int
    tick: Ids
    weight: Array
    signal: Ids
    value: Array
    valid: NDArray[np.bool_]
    start: Array
    recording: Ids
    position_of: Ids
    velocity_of: Ids
    difference: float

    @property
    def count(self) -> int:
        """Number of segments."""
        return len(self.start)

    @property
    def ticks(self) -> int:
        """Ticks of a segment."""
        return self.controls.shape[1] - self.before

    def held_out(self) -> Ids:
        """Return the segments that are kept for the check."""
        return np.arange(_HELD_OUT - 1, self.count, _HELD_OUT)

    def fitted(self) -> Ids:
        """Return the segments that are fitted."""
        return np.setdiff1d(np.arange(self.count), self.held_out())


def cut(
    logs: Sequence[Measured],
    environment: type[Environment],
    seconds: float = 0.5,
    count: int = 24,
    most_delay: int = 0,
) -> Segments:
    """Cut logs into segments, spread evenly over what is not interrupted.

    Args:
        logs: the recordings.
        environment: the robot.
        seconds: length of a segment.
        count: most segments, a quarter of which is held out.
        most_delay: most control steps by which commands may come late.

    Raises:
        FastadaptError: the logs are too short for four segments.
    """
    step, physics = environment.control_step(), environment.physics_steps
    places = _places(logs, seconds, most_delay * step)
    if len(places) < _HELD_OUT:
        length = sum(s.time[-1] - s.time[0] for s in (log.signals[0].series for log in logs))
        raise FastadaptError(
            f"The log is too short: {length:.2g} s without gaps give {len(places)} segments of "
            f"{seconds:g} s, and {_HELD_OUT} are needed. Record more, or give --seconds."
        )
    chosen = np.unique(np.linspace(0, len(places) - 1, min(count, len(places))).round().astype(int))
    places = [places[i] for i in chosen]
    tick_steps = _tick_steps(logs, places, environment.model().opt.timestep, physics)
    tick = tick_steps * environment.model().opt.timestep
    before, ticks = most_delay * physics // tick_steps, round(seconds / tick)
    at = np.arange(-before, ticks) * tick
    controls = np.stack([_held(logs[r].commands, t + at) for r, t in places])
    starts = [_state(logs[r], environment.model(), t) for r, t in places]
    samples = [_samples(logs[r], t, ticks, tick) for r, t in places]
    most = max(len(s[0]) for s in samples)
    padded = [np.stack([np.pad(s[k], (0, most - len(s[k]))) for s in samples]) for k in range(4)]
    valid = np.stack([np.arange(most) < len(s[0]) for s in samples])
    position_of, velocity_of = _sensed(logs[0], environment.model())
    return Segments(
        qpos=np.stack([q for q, _ in starts]),
        qvel=np.stack([v for _, v in starts]),
        controls=controls,
        before=before,
        timestep=environment.model().opt.timestep,
        tick_steps=tick_steps,
        step_ticks=physics // tick_steps,
        tick=padded[0].astype(np.intp),
        weight=padded[1],
        signal=padded[2].astype(np.intp),
        value=padded[3],
        valid=valid,
        start=np.array([t for _, t in places]),
        recording=np.array([r for r, _ in places], np.intp),
        position_of=position_of,
        velocity_of=velocity_of,
        difference=_difference(logs[0]),
    )


def _places(logs: Sequence[Measured], seconds: float, earlier: float) -> list[tuple[int, float]]:
    """Return recording and start of segments side by side; each starts at a sample."""
    found: list[tuple[int, float]] = []
    for number, log in enumerate(logs):
        clock = log.signals[0].series.time
        margin = _difference(log)
        for low, high in unbroken([*log.commands, *(s.series for s in log.signals)]):
            now = low + max(earlier, margin) - 1e-9
            while True:
                at = int(np.searchsorted(clock, now))
                if at >= len(clock) or clock[at] + seconds > high + 1e-9:
                    break
                found.append((number, float(clock[at])))
                now = clock[at] + seconds
    return found


def _tick_steps(
    logs: Sequence[Measured], places: Sequence[tuple[int, float]], timestep: float, physics: int
) -> int:
    """Return the most physics steps of a tick on which samples and commands of all logs fall."""
    for steps in [k for k in range(physics, 1, -1) if physics % k == 0]:
        tick = steps * timestep
        if all(_aligned(logs[r], t, tick) for r, t in places[:8]):
            return steps
    return 1


def _aligned(log: Measured, start: float, tick: float) -> bool:
    for series in (*log.commands, *(s.series for s in log.signals)):
        near = series.time[np.searchsorted(series.time, start) :][:20]
        share = (near - start) / tick
        if np.abs(share - share.round()).max(initial=0.0) > _ALIGNED:
            return False
    return True


def _held(commands: Sequence[Series], at: Array) -> Array:
    """Return the last command before each time, `(n, nu)`."""
    columns = []
    for series in commands:
        last = np.searchsorted(series.time, at + 1e-6, side="right") - 1
        columns.append(series.value[np.maximum(last, 0)])
    return np.stack(columns, axis=1)


def _difference(log: Measured) -> float:
    return float(np.median(np.diff(log.signals[0].series.time)))


def _state(log: Measured, model: mujoco.MjModel, start: float) -> tuple[Array, Array]:
    """Return the measured state at a time; velocities without a signal by central differences."""
    half = _difference(log)
    before, now, after = (_positions(log, model, start + shift) for shift in (-half, 0.0, half))
    qvel = np.zeros(model.nv)
    mujoco.mj_differentiatePos(model, qvel, 2 * half, before, after)
    for signal in log.signals:
        if signal.kind == "velocity":
            qvel[signal.index] = np.interp(start, signal.series.time, signal.series.value)
    return now, qvel


def _positions(log: Measured, model: mujoco.MjModel, time: float) -> Array:
    qpos = model.qpos0.copy() if model.nkey == 0 else model.key_qpos[0].copy()
    for signal in log.signals:
        if signal.kind == "position":
            qpos[signal.index] = np.interp(time, signal.series.time, signal.series.value)
    mujoco.mj_normalizeQuat(model, qpos)
    return qpos


def _samples(log: Measured, start: float, ticks: int, tick: float) -> tuple[Array, ...]:
    """Return tick, weight, signal and value of the samples after the start of a segment."""
    parts = []
    for number, signal in enumerate(log.signals):
        time, value = signal.series.time, signal.series.value
        low = np.searchsorted(time, start + _ALIGNED * tick, side="right")
        high = np.searchsorted(time, start + (ticks + _ALIGNED) * tick, side="right")
        at = (time[low:high] - start) / tick
        whole = np.where(np.abs(at - at.round()) <= _ALIGNED, at.round(), at)
        floor = np.floor(whole)
        parts.append((floor, whole - floor, np.full(len(at), number), value[low:high]))
    tick_of, weight, signal_of, values = (np.concatenate(part) for part in zip(*parts, strict=True))
    return tick_of, weight, signal_of, values


def _sensed(log: Measured, model: mujoco.MjModel) -> tuple[Ids, Ids]:
    """Return the signals of position and velocity of each degree of freedom, -1: none."""
    position = np.full(model.nv, -1, np.intp)
    velocity = np.full(model.nv, -1, np.intp)
    qpos = {s.index: i for i, s in enumerate(log.signals) if s.kind == "position"}
    for j in range(model.njnt):
        q, v, kind = int(model.jnt_qposadr[j]), int(model.jnt_dofadr[j]), int(model.jnt_type[j])
        size = {0: 3, 1: 0}.get(kind, 1)
        for i in range(size):
            position[v + i] = qpos.get(q + i, -1)
        if kind < 2:
            for i in range(3):
                position[v + size + i] = qpos.get(q + size + 1 + i, -1)
    for i, signal in enumerate(log.signals):
        if signal.kind == "velocity":
            velocity[signal.index] = i
    return position, velocity
