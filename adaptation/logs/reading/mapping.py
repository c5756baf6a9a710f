"""The signals of a log: its columns as commands and measurements of a robot."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import mujoco
import numpy as np

from fastadapt.adaptation.logs.reading.recording import Recording, Series, check_present
from fastadapt.adaptation.logs.reading.units import unit_factor
from fastadapt.envs.model.names import names_of
from fastadapt.envs.tasks.log_keys import LogColumn, LogKeys
from fastadapt.errors import FastadaptError, unknown_name

Kind = Literal["position", "velocity", "sensor"]

OWN = LogKeys(
    velocities={"*": LogColumn(column="velocity/{name}")},
)
"""The columns of fastadapt's own recordings."""

_UNITS = {
    int(mujoco.mjtJoint.mjJNT_HINGE): "rad",
    int(mujoco.mjtJoint.mjJNT_SLIDE): "m",
}
_PARTS = ("x", "y", "z", "qw", "qx", "qy", "qz")
_SIZES = {"position": {0: 7, 1: 4, 2: 1, 3: 1}, "velocity": {0: 6, 1: 3, 2: 1, 3: 1}}
"""Numbers of a joint by its type: free, ball, slide, hinge."""


@dataclass(frozen=True)
class Signal:
    """One measured number of the robot.

    Attributes:
        name: e.g. `position FL_hip`.
        kind: where it stands in the simulation: `qpos`, `qvel` or `sensordata`.
        index: its position there.
        unit: its unit in the model.
        series: samples in that unit.
        noise: standard deviation of its noise, None where it is to be estimated.
    """

    name: str
    kind: Kind
    index: int
    unit: str
    series: Series
    noise: float | None


@dataclass(frozen=True)
class Measured:
    """A recording in the terms of the model.

    Attributes:
        name: of the recording.
        commands: series for each actuator, in the unit of `ctrl`.
        signals: the measurements, the same in every recording of a fit.
    """

    name: str
    commands: tuple[Series, ...]
    signals: tuple[Signal, ...]


def measure(recording: Recording, keys: LogKeys, model: mujoco.MjModel) -> Measured:
    """Return a recording in the terms of a model.

    Raises:
        FastadaptError: a name or column does not exist, an actuator has no command, or a free joint
            no position.
    """
    commands = _commands(recording, keys.commands, model)
    signals = [
        *_of_joints(recording, keys.positions, model, "position"),
        *_of_joints(recording, keys.velocities, model, "velocity"),
        *_of_sensors(recording, keys.sensors, model),
    ]
    if not signals:
        raise FastadaptError(
            f"'{recording.name}': [log] maps no measurement. Map at least the joint positions."
        )
    _check_free_joints(signals, model)
    return Measured(recording.name, commands, _continuous(signals, model))


def _commands(
    recording: Recording, columns: Mapping[str, LogColumn], model: mujoco.MjModel
) -> tuple[Series, ...]:
    names = names_of(model, "actuator")
    chosen = _matched(names, columns, "actuator")
    lacking = [name for name in names if name not in chosen]
    if lacking or len(names) < model.nu:
        raise FastadaptError(
            f"[log]: commands of {', '.join(lacking) or 'actuators without a name'} are not "
            "mapped. What was sent to every actuator must be known: add them under [log.commands]."
        )
    return tuple(
        _series(recording, chosen[name], _columns(chosen[name], name, 1)[0], "") for name in names
    )


def _of_joints(
    recording: Recording,
    columns: Mapping[str, LogColumn],
    model: mujoco.MjModel,
    kind: Literal["position", "velocity"],
) -> list[Signal]:
    found = []
    for name, column in _matched(names_of(model, "joint"), columns, "joint").items():
        joint = model.joint(name)
        size = _SIZES[kind][int(joint.type[0])]
        if size == 1 and _locks_only(recording, column, name):
            continue
        start = int((joint.qposadr if kind == "position" else joint.dofadr)[0])
        unit = _UNITS.get(int(joint.type[0]), "")
        unit = unit + "/s" if unit and kind == "velocity" else unit
        for i, source in enumerate(_columns(column, name, size)):
            part = f" {_PARTS[i]}" if size > 1 else ""
            found.append(
                Signal(f"{kind} {name}{part}", kind, start + i, unit or _free_unit(kind, i),
                       _series(recording, column, source, unit), column.noise)
            )  # fmt: skip
    return found


def _locks_only(recording: Recording, column: LogColumn, name: str) -> bool:
    """Return whether a pattern's column of a joint is missing because the log leaves the joint out.

    A pattern maps the joints that are there; a name must be there.
    """
    source = _columns(column, name, 1)[0]
    return "{name}" in str(column.column) and source not in recording.columns


def _of_sensors(
    recording: Recording, columns: Mapping[str, LogColumn], model: mujoco.MjModel
) -> list[Signal]:
    found = []
    for name, column in _matched(names_of(model, "sensor"), columns, "sensor").items():
        sensor = model.sensor(name)
        size, start = int(sensor.dim[0]), int(sensor.adr[0])
        for i, source in enumerate(_columns(column, name, size)):
            part = f" {i}" if size > 1 else ""
            series = _series(recording, column, source, "")
            found.append(Signal(f"sensor {name}{part}", "sensor", start + i, "", series,
                                column.noise))  # fmt: skip
    return found


def _matched(
    names: Sequence[str], columns: Mapping[str, LogColumn], what: str
) -> dict[str, LogColumn]:
    """Return the column of each name; a name of its own goes before a pattern."""
    found: dict[str, LogColumn] = {}
    for pattern in sorted(columns, key=lambda key: key in names):
        matches = [pattern] if pattern in names else fnmatch.filter(names, pattern)
        if not matches:
            raise FastadaptError(f"[log]: {unknown_name(what, pattern, names)}")
        found |= dict.fromkeys(matches, columns[pattern])
    return {name: found[name] for name in names if name in found}


def _columns(column: LogColumn, name: str, size: int) -> list[str]:
    """Return the names of the columns of a joint or sensor with `size` numbers."""
    if isinstance(column.column, str):
        base = column.column.replace("{name}", name)
        return [base] if size == 1 else [f"{base}[{i}]" for i in range(size)]
    if len(column.column) != size:
        raise FastadaptError(
            f"[log]: '{name}' has {size} numbers, but {len(column.column)} columns are mapped: "
            f"{', '.join(column.column)}."
        )
    return [part.replace("{name}", name) for part in column.column]


def _series(recording: Recording, column: LogColumn, source: str, wanted: str) -> Series:
    raw = recording.column(source)
    check_present(recording.name, source, raw)
    factor = column.sign * column.scale * unit_factor(column.unit, wanted, source)
    return Series(raw.time + column.time_offset, raw.value * factor + column.offset, raw.missing)


def _free_unit(kind: str, i: int) -> str:
    if kind == "velocity":
        return "m/s" if i < 3 else "rad/s"
    return "m" if i < 3 else "-"


def _check_free_joints(signals: Sequence[Signal], model: mujoco.MjModel) -> None:
    """Refuse a log that leaves the pose of a free body open: nothing could be simulated."""
    known = {signal.index for signal in signals if signal.kind == "position"}
    for j in range(model.njnt):
        if int(model.jnt_type[j]) > 1:
            continue
        if int(model.jnt_qposadr[j]) not in known:
            name = model.joint(j).name
            raise FastadaptError(
                f"[log]: the pose of '{name}' is not mapped, so that no segment has a start. Map "
                "the seven columns of its position and quaternion under [log.positions], or "
                "describe the robot with a fixed base."
            )


def _continuous(signals: Sequence[Signal], model: mujoco.MjModel) -> tuple[Signal, ...]:
    """Return signals whose quaternions do not jump between the two signs of one rotation."""
    found = list(signals)
    starts = {
        int(model.jnt_qposadr[j]) + (3 if model.jnt_type[j] == 0 else 0)
        for j in range(model.njnt) if model.jnt_type[j] < 2
    }  # fmt: skip
    for start in starts:
        at = [i for i, s in enumerate(found) if s.kind == "position"
              and start <= s.index < start + 4]  # fmt: skip
        if len({len(found[i].series.value) for i in at}) != 1:
            continue
        values = np.stack([found[i].series.value for i in at])
        jumps = np.where((values[:, 1:] * values[:, :-1]).sum(axis=0) < 0, -1.0, 1.0)
        sign = np.concatenate([[1.0], np.cumprod(jumps)])
        for row, i in enumerate(at):
            old = found[i]
            series = Series(old.series.time, values[row] * sign, old.series.missing)
            found[i] = Signal(old.name, old.kind, old.index, old.unit, series, old.noise)
    return tuple(found)
