"""Faults of sensors: only the observation changes, the physics stays nominal."""

from __future__ import annotations

import dataclasses
from abc import ABC
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.model.names import matching
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError

if TYPE_CHECKING:
    from fastadapt.envs.environment import Environment

_LARGEST = 1e6


class _Sensor(Perturbation, ABC):
    """Base of the faults of named channels of the observation."""

    target_type: ClassVar = "observation"
    fields: ClassVar = ()
    damage: ClassVar = True

    def targets_in(self, environment: type[Environment]) -> tuple[str, ...]:
        return matching(_names(environment), "observation", self.targets, self.name)

    def ids_in(self, environment: type[Environment], targets: tuple[str, ...]) -> Ids:
        names = _names(environment)
        return np.array([names.index(target) for target in targets], np.intp)


class _Shift(_Sensor, ABC):
    """Base of the faults with a number in the unit of the channel."""

    per: ClassVar[str] = ""
    """What the unit of the channel is divided by."""

    def targets_in(self, environment: type[Environment]) -> tuple[str, ...]:
        found = super().targets_in(environment)
        units = {self.parameters_of(environment, target)[0].unit for target in found}
        if self.shared and len(units) > 1:
            what = self.parameters[0].name
            raise FastadaptError(
                f"Perturbation '{self.name}': channels in {', '.join(sorted(units))} cannot share "
                f"one {what}. Leave 'shared' out, or name channels of one unit."
            )
        return found

    def parameters_of(self, environment: type[Environment], target: str) -> tuple[Parameter, ...]:
        unit = next(c.unit for c in environment.observations if c.name == target)
        return (dataclasses.replace(self.parameters[0], unit=f"{unit}{self.per}"),)


class SensorOffset(_Shift):
    """A sensor whose readings are `offset` too high.

    Writes the signal `sensor_offset`; unit: that of the channel, in [-1e6, 1e6]. Derived constants
    stay valid. Readings stay within the limits of the channel. Source: Kaushik et al. 2020, "Fast
    online adaptation in robotics through meta-learning embeddings", section V.
    """

    kind: Literal["sensor-offset"]
    offset: Law

    parameters: ClassVar = (Parameter("offset", "-", 0.0, -_LARGEST, _LARGEST),)
    signals: ClassVar = ("sensor_offset",)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        edit.signal("sensor_offset")[:, targets] += values[..., 0]


class SensorDrift(_Shift):
    """A sensor whose readings drift away by `rate` per second, from the onset of the fault on.

    Writes the signal `sensor_drift`; unit: that of the channel per second, in [-1e6, 1e6]. Derived
    constants stay valid. A repair ends the error as a whole. Readings stay within the limits of the
    channel. Source: Dulac-Arnold et al. 2021, "Challenges of real-world reinforcement learning",
    section 3.8.
    """

    kind: Literal["sensor-drift"]
    rate: Law

    per: ClassVar = "/s"
    parameters: ClassVar = (Parameter("rate", "-", 0.0, -_LARGEST, _LARGEST),)
    signals: ClassVar = ("sensor_drift",)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        edit.signal("sensor_drift")[:, targets] += values[..., 0]


class SensorNoise(_Shift):
    """A sensor with white Gaussian noise of standard deviation `std` in its readings.

    Writes the signal `sensor_noise`; unit: that of the channel, in [0, 1e6]. Derived constants stay
    valid. Variances of several add up. Draws are keyed by the robot's seed, its episode and the
    control step. Readings stay within the limits of the channel. Source: Dulac-Arnold et al. 2021,
    "Challenges of real-world reinforcement learning", section 3.8.
    """

    kind: Literal["sensor-noise"]
    std: Law

    parameters: ClassVar = (Parameter("std", "-", 0.0, 0.0, _LARGEST),)
    signals: ClassVar = ("sensor_noise",)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        noise = edit.signal("sensor_noise")
        noise[:, targets] = np.hypot(noise[:, targets], values[..., 0])


class SensorStuck(_Sensor):
    """A sensor whose reading stays at its value at the onset of the fault.

    Writes the signal `sensor_stuck`; unit: a switch, 0 or 1. Derived constants stay valid. With
    an onset at reset, that is the first reading of the episode. Source: Dulac-Arnold et al. 2021,
    "Challenges of real-world reinforcement learning", section 3.8.
    """

    kind: Literal["sensor-stuck"]

    parameters: ClassVar = (Parameter("stuck", "-", 0.0, 0.0, 1.0, default=1.0),)
    signals: ClassVar = ("sensor_stuck",)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        stuck = edit.signal("sensor_stuck")
        stuck[:, targets] = np.maximum(stuck[:, targets], values[..., 0] > 0.5)


class SensorDropped(_Sensor):
    """A sensor whose readings are lost with a `probability` (default: all) and then read 0.

    Writes the signal `sensor_dropped`; unit: pure number in [0, 1]. Derived constants stay valid.
    Draws are keyed by the robot's seed, its episode and the control step. Source: Dulac-Arnold et
    al. 2021, "Challenges of real-world reinforcement learning", section 3.8.
    """

    kind: Literal["sensor-dropped"]
    probability: Law | None = None

    parameters: ClassVar = (Parameter("probability", "-", 0.0, 0.0, 1.0, default=1.0),)
    signals: ClassVar = ("sensor_dropped",)

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        lost = edit.signal("sensor_dropped")
        lost[:, targets] = 1.0 - (1.0 - lost[:, targets]) * (1.0 - values[..., 0])


def _names(environment: type[Environment]) -> list[str]:
    return [channel.name for channel in environment.observations]
