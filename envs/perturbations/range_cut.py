"""A joint that has lost part of its range of motion."""

from __future__ import annotations

from typing import ClassVar, Literal

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.lock import refuse_unlimitable
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.errors import FastadaptError


class RangeCut(Perturbation):
    """A joint that keeps the `width` of its range of motion, at `place` within it.

    Writes `jnt_range`: the limits of the joint, as stiff as its own. Place 0 leaves the lower end
    of the range, 1 the upper end, 0.5 the middle. Units: multiple of the nominal range in
    [0.01, 1], and a pure number in [0, 1]. Derived constants stay valid. At reset a joint outside
    of what is left starts at its nearer end, at rest; within an episode it is driven there, with
    the time constant of its limit (20 ms by default). Source: MuJoCo documentation, XML reference,
    joint/range.
    """

    kind: Literal["range-cut"]
    width: Law
    place: Law | None = None

    target_type: ClassVar = "joint"
    parameters: ClassVar = (
        Parameter("width", "x", 1.0, 0.01, 1.0),
        Parameter("place", "-", 0.5, 0.0, 1.0, struck=0.5),
    )
    fields: ClassVar = ("jnt_range",)
    stale: ClassVar = False

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the joints; each must have a range."""
        names = super().resolve(model)
        refuse_unlimitable(model, names, self.name, "have its range cut")
        for name in names:
            joint = model.joint(name)
            if not model.jnt_limited[joint.id]:
                raise FastadaptError(
                    f"Perturbation '{self.name}': joint '{name}' has no range that could be cut. "
                    "Give it one in the model."
                )
        return names

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        width, place = values[..., 0], values[..., 1]
        limits = edit["jnt_range"]
        low, high = limits[:, targets, 0], limits[:, targets, 1]
        lost = (1 - width) * (high - low)
        limits[:, targets, 0] = low + place * lost
        limits[:, targets, 1] = high - (1 - place) * lost

    def pose(self, sim: Simulation, ids: Ids, targets: Ids) -> None:
        """Put joints that are outside of what is left of their range at its end, at rest."""
        model = sim.model
        limits = sim.field("jnt_range")[np.ix_(ids, targets)]
        position = sim.data("qpos")[np.ix_(ids, model.jnt_qposadr[targets])]
        within = np.clip(position, limits[..., 0], limits[..., 1])
        cut = (limits != model.jnt_range[targets]).any(axis=-1)
        rows, columns = np.nonzero(cut & (within != position))
        sim.data("qpos")[ids[rows], model.jnt_qposadr[targets[columns]]] = within[rows, columns]
        sim.data("qvel")[ids[rows], model.jnt_dofadr[targets[columns]]] = 0.0
