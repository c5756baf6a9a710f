"""Probes: physical measures of the effect of a perturbation.

A probe compares robots that differ in one parameter, and returns one number for each.
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
from fastadapt.envs.sanity.contact_probe import friction_of_contacts
from fastadapt.registry import Registry

_FORCE = 10.0
"""Force of a push [N]."""
_SPIN = 5.0
"""Initial velocity of a joint that coasts [rad/s; m/s for slides, a tenth of it]."""

INTERMITTENT_SECONDS = 4.0
"""Duration over which intermittent faults are observed [s]."""


@dataclass(frozen=True)
class Probe:
    """A physical measure.

    Attributes:
        what: the measured quantity, in words for a table.
        unit: unit of the values.
        measure: function of robots that were reset on their tasks and of the names of their
            targets; returns the values `(n,)`.
        of_joint: whether it is a measure of a joint; the target is a joint or its actuator.
    """

    what: str
    unit: str
    measure: Callable[[Bench, list[str]], Array]
    of_joint: bool = False


def _push_acceleration(bench: Bench, targets: list[str]) -> Array:
    """Return the accelerations of bodies under a push at their nominal centre of mass [m/s^2]."""
    response, direction, jacobian, _ = _push(bench, targets)
    return np.einsum("ni,nij,nj->n", direction, jacobian, response)


def _spin_acceleration(bench: Bench, targets: list[str]) -> Array:
    """Return the angular accelerations of bodies under pushes in x, y and z, added up [rad/s^2]."""
    total = np.zeros(len(targets))
    for axis in np.eye(3):
        response, _, _, turning = _push(bench, targets, axis)
        total += np.linalg.norm(np.einsum("nij,nj->ni", turning, response), axis=1)
    return total


def _push(
    bench: Bench, targets: list[str], axis: Array | None = None
) -> tuple[Array, Array, Array, Array]:
    """Push each target in its most compliant direction (or along `axis`).

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


def _driven_travel(bench: Bench, targets: list[str]) -> Array:
    """Return the travel of joints that are driven to and fro one at a time [deg or m]."""
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


def _position(bench: Bench, targets: list[str]) -> Array:
    """Return the positions of joints after the reset [deg or m]."""
    addresses, scale = _joints(bench, targets)
    return bench.sim.data("qpos")[np.arange(len(targets)), addresses] * scale


def _coasting_distance(bench: Bench, targets: list[str]) -> Array:
    """Return the coasting distance of joints in 0.2 s without power and gravity [deg or m]."""
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


def _share_without_force(bench: Bench, targets: list[str]) -> Array:
    """Return the share of time in which actuators exert no force."""
    actuators = [bench.model.actuator(target).id for target in targets]
    rows = np.arange(len(targets))
    bench.sim.data("actuator_force")
    count = bench.steps(INTERMITTENT_SECONDS)
    idle = np.zeros(len(targets))
    for action in bench.random_actions(count):
        bench.batch.step(action)
        idle += bench.sim.data("actuator_force")[rows, actuators] == 0
    return idle / count


def _joint_acceleration(bench: Bench, targets: list[str]) -> Array:
    """Return the accelerations of joints under 1 N m (1 N for slides) [rad/s^2, m/s^2]."""
    dofs = bench.model.jnt_dofadr[[joint_of(bench.model, target) or 0 for target in targets]]
    force = np.zeros((bench.size, bench.model.nv))
    rows = np.arange(len(targets))
    force[rows, dofs] = 1.0
    return bench.response(force)[rows, dofs]


def _fall(bench: Bench) -> Array:
    """Return the accelerations of the robots' centres of mass, left to gravity, `(n, 3)` [m/s^2].

    Without power, contacts, springs and initial speed; gravity compensation takes part.
    """
    model, sim = bench.model, bench.sim
    gravity = sim.field("gravity").copy()
    sim.data("qvel")[:] = 0.0
    found: list[Array] = []
    for share in (0.0, 1.0):
        sim.field("gravity")[:] = share * gravity
        sim.data("qacc_smooth")
        sim.forward()
        found.append(sim.data("qacc_smooth").copy())
    data, jacobian = bench.nominal_data(), np.zeros((3, model.nv))
    mujoco.mj_jacSubtreeCom(model, data, jacobian, 0)
    return (found[1] - found[0]) @ jacobian.T


def _gravity(bench: Bench, targets: list[str]) -> Array:
    """Return the accelerations of the robots' centres of mass in a fall [m/s^2]."""
    return np.linalg.norm(_fall(bench), axis=1)


def _horizontal_gravity(bench: Bench, targets: list[str]) -> Array:
    """Return the horizontal part of these accelerations [m/s^2]."""
    return np.linalg.norm(_fall(bench)[:, :2], axis=1)


def _joints(bench: Bench, targets: list[str]) -> tuple[NDArray[np.intp], Array]:
    """Return the addresses of the targets' joints in `qpos`, and factors to degrees or metres."""
    model = bench.model
    joints = [joint_of(model, target) or 0 for target in targets]
    hinge = model.jnt_type[joints] == int(mujoco.mjtJoint.mjJNT_HINGE)
    addresses = model.jnt_qposadr[joints].astype(np.intp)
    return addresses, np.where(hinge, 180 / np.pi, 1.0)


def is_slide(model: mujoco.MjModel, target: str) -> bool:
    """Return whether the joint of a target is a slide, which is measured in metres."""
    joint = joint_of(model, target)
    return joint is not None and int(model.jnt_type[joint]) == int(mujoco.mjtJoint.mjJNT_SLIDE)


PUSH = Probe("acceleration when pushed with 10 N", "m/s²", _push_acceleration)
SPIN = Probe("angular acceleration when pushed with 10 N", "rad/s²", _spin_acceleration)
TURN = Probe("acceleration of the joint under 1 N m", "rad/s²", _joint_acceleration, of_joint=True)
DRIVE = Probe("travel of the joint, driven to and fro", "deg", _driven_travel, of_joint=True)
COAST = Probe("coasting distance of the joint in 0.2 s", "deg", _coasting_distance, of_joint=True)
POSITION = Probe("position of the joint", "deg", _position, of_joint=True)
POWER = Probe("share of time without force", "-", _share_without_force)
FALL = Probe("acceleration of the centre of mass in a fall", "m/s²", _gravity)
DOWNHILL = Probe("pull along the ground", "m/s²", _horizontal_gravity)
SLIDE = Probe("friction coefficient of the contact", "mu", friction_of_contacts)

FORCE = Probe("largest force, held still", "N", largest_force)
"""Measure of an actuator that moves no joint, in place of a measure of the joint."""

_HERE = "fastadapt.envs.sanity.probes"
PROBES: Registry[Probe] = Registry(
    "probe",
    group="fastadapt.probes",
    shipped={
        "push": f"{_HERE}:PUSH",
        "spin": f"{_HERE}:SPIN",
        "turn": f"{_HERE}:TURN",
        "drive": f"{_HERE}:DRIVE",
        "coast": f"{_HERE}:COAST",
        "position": f"{_HERE}:POSITION",
        "power": f"{_HERE}:POWER",
        "fall": f"{_HERE}:FALL",
        "downhill": f"{_HERE}:DOWNHILL",
        "slide": f"{_HERE}:SLIDE",
    },
)
"""The probes by the names that `Perturbation.probe` gives."""
