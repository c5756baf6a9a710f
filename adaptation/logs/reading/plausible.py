"""Checks that a log is one of this robot: units, signs and clock."""

from __future__ import annotations

import mujoco
import numpy as np

from fastadapt.adaptation.logs.reading.mapping import Measured, Signal
from fastadapt.adaptation.logs.reading.recording import Series
from fastadapt.envs.arrays import Array
from fastadapt.errors import FastadaptError

_BEYOND, _SHARE = 0.25, 0.05
"""A twentieth of the samples a quarter of the range beyond its ends is no overshoot."""
_LARGE_ANGLE, _LARGE_LENGTH = 60.0, 50.0  # ten turns [rad], and [m]
_DEGREES = np.pi / 180


def check_plausible(measured: Measured, model: mujoco.MjModel, control_step: float) -> None:
    """Refuse a log whose numbers cannot be those of the robot.

    Raises:
        FastadaptError: a clock in another unit, positions or commands out of range, or velocities
            that are not the derivatives of the positions.
    """
    _check_rate(measured, control_step)
    for signal in measured.signals:
        if signal.kind == "position":
            _check_range(measured.name, signal, model)
    for i, series in enumerate(measured.commands):
        if model.actuator_ctrllimited[i]:
            low, high = model.actuator_ctrlrange[i]
            name = model.actuator(i).name
            _check_within(measured.name, f"command of '{name}'", series.value, low, high)
    positions = {signal.name: signal for signal in measured.signals if signal.kind == "position"}
    for signal in measured.signals:
        partner = positions.get(signal.name.replace("velocity", "position", 1))
        if signal.kind == "velocity" and partner is not None and signal.unit != "-":
            _check_derivative(measured.name, signal, partner)


def _check_rate(measured: Measured, control_step: float) -> None:
    step = float(np.median(np.diff(measured.signals[0].series.time)))
    if not 1e-5 <= step <= 0.5:
        unit = "ms" if 0.5 < step < 500 else "us" if step < 5e5 else "ns"
        advice = f' A clock in another unit? Say time = {{ column = "...", unit = "{unit}" }}.'
        raise FastadaptError(
            f"'{measured.name}': its samples are {step:.3g} s apart, the control step of the robot "
            f"is {control_step:g} s.{advice if step > 0.5 else ''}"
        )


def _check_range(name: str, signal: Signal, model: mujoco.MjModel) -> None:
    joint = int(np.searchsorted(model.jnt_qposadr, signal.index, side="right")) - 1
    what = f"position of '{model.joint(joint).name}'"
    if signal.unit == "-":  # a quaternion
        if np.abs(signal.series.value).max() > 1.1:
            raise FastadaptError(
                f"'{name}': {signal.name} reaches {np.abs(signal.series.value).max():.3g}, but the "
                "parts of a quaternion are within 1. Check the order of the columns."
            )
        return
    if model.jnt_limited[joint] and int(model.jnt_type[joint]) > 1:
        _check_within(name, what, signal.series.value, *model.jnt_range[joint])
        return
    most = _LARGE_ANGLE if signal.unit == "rad" else _LARGE_LENGTH
    largest = float(np.abs(signal.series.value).max())
    if largest > most:
        advice = "Degrees? Say unit" if signal.unit == "rad" else "Millimetres? Say unit"
        unit = "deg" if signal.unit == "rad" else "mm"
        raise FastadaptError(
            f"'{name}': the {what} reaches {largest:.4g} {signal.unit}. {advice} = \"{unit}\"."
        )


def _check_within(name: str, what: str, values: Array, low: float, high: float) -> None:
    slack = _BEYOND * (high - low)
    outside = float(((values < low - slack) | (values > high + slack)).mean())
    if outside <= _SHARE:
        return
    turned = values * _DEGREES
    fits = float(((turned < low - slack) | (turned > high + slack)).mean()) <= _SHARE
    mirrored = float(((-values < low - slack) | (-values > high + slack)).mean()) <= _SHARE
    advice = "Is it the log of another robot? Check the names, signs and offsets in [log]."
    if mirrored:
        advice = "Does the log count the other way? Say sign = -1."
    elif fits and np.abs(values).max() > 2 * max(abs(low), abs(high)):
        advice = 'Degrees? Say unit = "deg".'
    raise FastadaptError(
        f"'{name}': the {what} goes from {values.min():.4g} to {values.max():.4g}, {outside:.0%} "
        f"of it far outside the range {low:.4g} to {high:.4g} of the model. {advice}"
    )


def _check_derivative(name: str, velocity: Signal, position: Signal) -> None:
    """Compare logged velocities with the slope of the positions, where there is motion."""
    slope, read = _slopes(position.series, velocity.series)
    if len(slope) < 10 or slope.std() < 0.05 or read.std() == 0:
        return
    correlation = float(np.corrcoef(slope, read)[0, 1])
    ratio = float(read.std() / slope.std())
    if correlation < -0.7:
        raise FastadaptError(
            f"'{name}': {velocity.name} runs against its position. Say sign = -1 for one of them."
        )
    if correlation > 0.7 and not 0.4 < ratio < 2.5:
        advice = 'Degrees? Say unit = "deg/s".' if 30 < ratio < 110 else "Check its unit."
        raise FastadaptError(
            f"'{name}': {velocity.name} is {ratio:.3g} times the change of its position. {advice}"
        )


def _slopes(position: Series, velocity: Series) -> tuple[Array, Array]:
    """Return slopes of positions over 0.1 s, and the mean velocities there."""
    rate = 1 / float(np.median(np.diff(position.time)))
    k = max(2, round(0.1 * rate))
    time = position.time[::k]
    slope = np.diff(position.value[::k]) / np.maximum(np.diff(time), 1e-9)
    inner = np.linspace(0, 1, 5)
    at = time[:-1, None] + np.diff(time)[:, None] * inner
    return slope, np.interp(at, velocity.time, velocity.value).mean(axis=1)
