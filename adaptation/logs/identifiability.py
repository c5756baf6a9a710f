"""Verdicts on parameters: determined by the log, or not, and by what motion they would be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fastadapt.adaptation.logs.intervals import Spread
from fastadapt.adaptation.logs.unknowns import Unknown
from fastadapt.envs.arrays import Array

WIDE = 0.5
"""An interval wider than this share of the declared range has not determined a parameter."""
_TIED = 0.6
"""Correlation from which two parameters are told apart only together."""

_MOTIONS = {
    "mass": "lift and swing {target} fast, at several angles to gravity",
    "payload": "lift and swing {target} fast, at several angles to gravity",
    "com-shift": "turn {target} to several orientations and accelerate it about each axis",
    "contact-friction": "let {target} slide under load, slowly and fast",
    "joint-friction": "reverse {target} slowly, many times",
    "joint-damping": "move {target} at low and at high speed",
    "joint-armature": "accelerate {target} hard, in a sweep of rising frequency",
    "motor-strength": "drive {target} against a load, near the limit of its torque",
    "weak-actuator": "drive {target} against a load, near the limit of its torque",
    "controller-gains": "give {target} steps of its target, large and small",
    "tendon-friction": "reverse {target} slowly, many times",
    "tendon-tension": "load {target} and let it go",
    "gravity": "hold heavy parts at several angles",
    "slope": "stand and move in both directions on the slope",
    "sensor-offset": "hold {target} still at several known angles",
}


@dataclass(frozen=True)
class Verdict:
    """What the log says about one parameter.

    Attributes:
        unknown: the parameter.
        value: the estimate.
        low: of its 95 % interval.
        high: of its 95 % interval.
        determined: whether the log tells it.
        reason: why not, in words; empty where it does.
        advice: the motion that would excite it; empty where it does.
        outside: whether the estimate lies outside of the declared range.
    """

    unknown: Unknown
    value: float
    low: float
    high: float
    determined: bool
    reason: str
    advice: str
    outside: bool


def judge(unknowns: Sequence[Unknown], z: Array, spread: Spread) -> list[Verdict]:
    """Return the verdict on every parameter of an estimate."""
    deviation = np.sqrt(np.diag(spread.covariance))
    correlation = spread.covariance / np.outer(deviation, deviation)
    found = []
    for i, unknown in enumerate(unknowns):
        half = float(spread.half[i])
        determined = half <= WIDE
        low, high = unknown.limits()
        ends = np.clip([z[i] - half, z[i] + half], low, high)
        reason = "" if determined else _reason(i, unknowns, correlation, spread)
        target = unknown.target or "the robot"
        motion = _MOTIONS.get(unknown.kind, "move {target} in ways that it affects")
        bottom, top = (float(end) for end in unknown.value(ends))
        found.append(
            Verdict(
                unknown,
                float(unknown.value(z[i])),
                bottom,
                top,
                determined,
                reason,
                "" if determined else motion.format(target=target),
                determined and abs(float(z[i])) > 1,
            )
        )
    return found


def _reason(i: int, unknowns: Sequence[Unknown], correlation: Array, spread: Spread) -> str:
    widened = spread.alone[i] * np.sqrt(spread.disagreement)
    others = np.argsort(-np.abs(correlation[i]))
    tied = [unknowns[j].name for j in others if j != i and abs(correlation[i, j]) > _TIED][:3]
    if widened <= WIDE and tied:
        return f"not told apart from {' and '.join(tied)}"
    if widened <= 2 * WIDE:
        return "hardly excited by the log"
    return "not excited by the log"
