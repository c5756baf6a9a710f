"""Physical measures of what a perturbation does, one for each way of going wrong.

A probe looks at robots that differ in one parameter, and returns one number for each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array
from fastadapt.envs.sanity.actuation import joint_of, largest_force, mover_of
from fastadapt.envs.sanity.bench import Bench
from fastadapt.envs.sanity.sliding import sliding_distance

Targets = list[str]

_FORCE = 10.0
"""Force of a push [N]."""
_SPIN = 5.0
"""Initial velocity of a joint that coasts [rad/s; m/s for slides, a tenth of it]."""

FLICKER_SECONDS = 4.0
"""How long to look at what holds off and on [s]."""


@dataclass(frozen=True)
class Probe:
    """A physical measure.

    Attributes:
        what: words for a table.
        unit: of the numbers.
        measure: from robots that were put on their tasks and reset, and the names of their
            targets, to `(n,)` numbers.
    """

    what: str
    unit: str
    measure: Callable[[Bench, Targets], Array]
    of_joint: bool = False
    """Whether it is a measure of a joint: then the target is one, or an actuator of one."""


def _pushed(bench: Bench, targets: Targets) -> Array:
    """Return the accelerations of bodies under a push at their nominal centre of mass [m/s^2]."""
    response, direction, jacobian, _ = _push(bench, targets)
    return np.einsum("ni,nij,nj->n", direction, jacobian, response)


def _spun(bench: Bench, targets: Targets) -> Array:
    """Return the angular accelerations of bodies under pushes in x, y and z, added up [rad/s^2]."""
    total = np.zeros(len(targets))
    for axis in np.eye(3):
        response, _, _, turning = _push(bench, targets, axis)
        total += np.linalg.norm(np.einsum("nij,nj->ni", turning, response), axis=1)
    return total


def _push(
    bench: Bench, targets: Targets, axis: Array | None = None
) -> tuple[Array, Array, Array, Array]:
    """Push each target where it gives way most (or along `axis`), and return what follows.

    Returns:
        Accelerations `(n, nv)`, directions `(n, 3)`, and the Jacobians of position and rotation at
        the nominal centre of mass, `(n, 3, nv)`.
    """
    model, data = bench.model, bench.nominal_data()
    mass = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, mass)
    inverse = np.linalg.pinv(mass)
    known: dict[str, tuple[Array, Array, Array]] = {}
    for target in set(targets):
        place, turn = np.zeros((3, model.nv)), np.zeros((3, model.nv))
        mujoco.mj_jacBodyCom(model, data, place, turn, model.body(target).id)
        way = np.linalg.eigh(place @ inverse @ place.T)[1][:, -1] if axis is None else axis
        known[target] = way, place, turn
    direction, jacobian, turning = (
        np.array([known[target][k] for target in targets]) for k in range(3)
    )
    force = _FORCE * np.einsum("ni,nij->nj", direction, jacobian)
    return bench.response(force), direction, jacobian, turning


def _driven(bench: Bench, targets: Targets) -> Array:
    """Return how far joints travel when they alone are driven to and fro [deg or m]."""
    batch = bench.batch
    movers = {target: mover_of(bench, target) for target in set(targets)}
    actuators = [movers[target] for target in targets]
    space: Any = batch.single_action_space
    rows = np.flatnonzero([a is not None for a in actuators])
    columns = np.array([a for a in actuators if a is not None], np.intp)
    addresses, scale = _joints(bench, targets)
    seen: list[Array] = []
    count = bench.steps(0.4)
    for edge in (space.high, space.low, space.high):
        actions = bench.idle()
        actions[rows, columns] = np.clip(edge, -10, 10)[columns]
        for _ in range(count):
            batch.step(actions)
            seen.append(bench.sim.data("qpos")[np.arange(len(targets)), addresses].copy())
    return np.ptp(seen, axis=0) * scale


def _standing(bench: Bench, targets: Targets) -> Array:
    """Return where joints stand after the reset [deg or m]."""
    addresses, scale = _joints(bench, targets)
    return bench.sim.data("qpos")[np.arange(len(targets)), addresses] * scale


def _coasting(bench: Bench, targets: Targets) -> Array:
    """Return how far joints coast in 0.2 s without power and gravity [deg or m]."""
    model, sim = bench.model, bench.sim
    addresses, scale = _joints(bench, targets)
    rows = np.arange(len(targets))
    joints = [joint_of(model, target) or 0 for target in targets]
    slides = model.jnt_type[joints] == int(mujoco.mjtJoint.mjJNT_SLIDE)
    bench.lift()
    bench.unpower()
    gravity = sim.field("gravity").copy()
    sim.field("gravity")[:] = 0.0
    sim.data("qvel")[:] = 0.0
    sim.data("qvel")[rows, model.jnt_dofadr[joints]] = np.where(slides, 0.1 * _SPIN, _SPIN)
    start = sim.data("qpos")[rows, addresses].copy()
    for _ in range(bench.steps(0.2)):
        bench.batch.step(bench.idle())
    sim.field("gravity")[:] = gravity
    bench.power()
    return np.abs(sim.data("qpos")[rows, addresses] - start) * scale


def _powerless(bench: Bench, targets: Targets) -> Array:
    """Return the share of time in which actuators have no force at all."""
    actuators = [bench.model.actuator(target).id for target in targets]
    rows = np.arange(len(targets))
    bench.sim.data("actuator_force")
    count = bench.steps(FLICKER_SECONDS)
    idle = np.zeros(len(targets))
    for action in bench.random_actions(count):
        bench.batch.step(action)
        idle += bench.sim.data("actuator_force")[rows, actuators] == 0
    return idle / count


def _turned(bench: Bench, targets: Targets) -> Array:
    """Return the accelerations of joints under 1 N m (1 N for slides) [rad/s^2, m/s^2]."""
    dofs = bench.model.jnt_dofadr[[joint_of(bench.model, target) or 0 for target in targets]]
    force = np.zeros((bench.size, bench.model.nv))
    rows = np.arange(len(targets))
    force[rows, dofs] = 1.0
    return bench.response(force)[rows, dofs]


def _falling(bench: Bench, targets: Targets) -> Array:
    """Return the acceleration of a free body that is let go, from the gravity in force [m/s^2]."""
    return np.linalg.norm(bench.sim.field("gravity"), axis=1)


def _downhill(bench: Bench, targets: Targets) -> Array:
    """Return the pull along the ground that a body feels [m/s^2]."""
    return np.linalg.norm(bench.sim.field("gravity")[:, :2], axis=1)


def _joints(bench: Bench, targets: Targets) -> tuple[NDArray[np.intp], Array]:
    """Return the addresses of the targets' joints in `qpos`, and factors to degrees or metres."""
    model = bench.model
    joints = [joint_of(model, target) or 0 for target in targets]
    hinge = model.jnt_type[joints] == int(mujoco.mjtJoint.mjJNT_HINGE)
    addresses = model.jnt_qposadr[joints].astype(np.intp)
    return addresses, np.where(hinge, 180 / np.pi, 1.0)


def is_slide(model: mujoco.MjModel, target: str) -> bool:
    """Return whether the joint of a target slides, so that it is measured in metres."""
    joint = joint_of(model, target)
    return joint is not None and int(model.jnt_type[joint]) == int(mujoco.mjtJoint.mjJNT_SLIDE)


_PUSHED = Probe("acceleration when pushed with 10 N", "m/s²", _pushed)
_DRIVEN = Probe("travel of the joint, driven to and fro", "deg", _driven, of_joint=True)
_COASTING = Probe("way that the joint coasts in 0.2 s", "deg", _coasting, of_joint=True)

PROBES: dict[str, Probe] = {
    "mass": _PUSHED,
    "payload": _PUSHED,
    "com-shift": Probe("angular acceleration when pushed with 10 N", "rad/s²", _spun),
    "joint-friction": _COASTING,
    "joint-damping": _COASTING,
    "joint-armature": Probe(
        "acceleration of the joint under 1 N m", "rad/s²", _turned, of_joint=True
    ),
    "motor-strength": _DRIVEN,
    "weak-actuator": _DRIVEN,
    "dead-actuator": _DRIVEN,
    "stuck-torque": _DRIVEN,
    "intermittent-actuator": Probe("share of time without force", "-", _powerless),
    "locked-joint": _DRIVEN,
    "range-cut": _DRIVEN,
    "gravity": Probe("acceleration in free fall", "m/s²", _falling),
    "slope": Probe("pull along the ground", "m/s²", _downhill),
    "contact-friction": Probe("sliding distance from 1 m/s", "m", sliding_distance),
}
"""What is measured for each kind of perturbation; for the others, how the motion deviates."""

FORCE = Probe("largest force, held still", "N", largest_force)
"""What is measured of an actuator that moves no joint, in place of the joint's travel."""

STANDING = Probe("where the joint stands", "deg", _standing, of_joint=True)
"""What is measured for the place of a lock."""
