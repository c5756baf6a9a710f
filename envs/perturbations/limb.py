"""Damage to limbs: severed, or shorter than built."""

from __future__ import annotations

import functools
from typing import ClassVar, Literal, NamedTuple

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.model.bodies import actuators_on, are_severed, tie_of
from fastadapt.envs.model.inertia import rotation, shortened_inertia
from fastadapt.envs.model.names import limb_names, match_suitable, names_of, subtree
from fastadapt.envs.model.solids import SOLIDS, bounding_radius, half_extents, shortened
from fastadapt.envs.perturbations.actuator import NO_DAMPING
from fastadapt.envs.perturbations.edit import Edit, in_use
from fastadapt.envs.perturbations.mass import refuse_compensated
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.errors import FastadaptError

_DUST = 0.01
"""Size of the remains of a severed limb; their mass is a millionth of the limb's."""

_REST = 20.0
"""Rate at which the joints of a severed limb come to rest [1/s]."""

_NEVER = -1e9
"""Margin of explicit pairs that never touch [m]."""


_SHORTENED = "shortened-limb"
"""Key of `Edit.scratch`: the lengths of the bodies, `(n, nbody)`."""


class SeveredLimb(Perturbation):
    """A limb cut off at the joint of its uppermost body: the rest of the robot is without it.

    Observations, actions and joints stay, and do not affect the rest. The remains shrink to a
    hundredth of the size at equal density (`body_mass`, `body_inertia`), touch nothing
    (`geom_contype`, `geom_conaffinity`, and their union over the body, `body_contype` and
    `body_conaffinity`; `pair_margin` of explicit pairs), and are invisible to cameras and range
    finders (`geom_rgba`, `geom_matid`). Pushes on them have no effect. Their actuators are dead
    (`actuator_forcelimited`, `actuator_forcerange`, `actuator_damping`, `actuator_dampingpoly`).
    Their joints have no springs and no limits (`jnt_stiffness`, `jnt_stiffnesspoly`,
    `jnt_limited`) and come to rest where they are: `dof_armature` as heavy as the limb was, which
    pulls on nothing else, and `dof_damping` (without `dof_dampingpoly`). Writes all of these; unit:
    a switch, 0 or 1. Derived constants go stale. At reset the joints start at rest. Source: MuJoCo
    documentation, Simulation, "mjModel changes".
    """

    kind: Literal["severed-limb"]

    target_type: ClassVar = "body"
    damage: ClassVar = True
    parameters: ClassVar = (Parameter("severed", "-", 0.0, 0.0, 1.0, default=1.0),)
    fields: ClassVar = (
        "body_mass",
        "body_inertia",
        "body_contype",
        "body_conaffinity",
        "geom_contype",
        "geom_conaffinity",
        "geom_rgba",
        "geom_matid",
        "pair_margin",
        "jnt_stiffness",
        "jnt_stiffnesspoly",
        "jnt_limited",
        "dof_armature",
        "dof_damping",
        "dof_dampingpoly",
        "actuator_forcelimited",
        "actuator_forcerange",
        "actuator_damping",
        "actuator_dampingpoly",
    )
    stale: ClassVar = frozenset({"body_mass", "body_inertia", "dof_armature"})
    stage: ClassVar = 3

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the limbs, which nothing but their joints may tie to the robot.

        Raises:
            FastadaptError: it is no limb (the message lists the limbs), or a tendon or an equality
                ties it.
        """
        limbs, lack = limb_names(model), "is no limb that could be severed"
        names = match_suitable(model, "body", self.targets, self.name, limbs, lack)
        for name in names:
            bodies = subtree(model, model.body(name).id)
            tie = tie_of(model, bodies)
            if tie:
                raise FastadaptError(
                    f"Perturbation '{self.name}': limb '{name}' cannot be severed, {tie} ties it "
                    "to the rest. Leave it out of the targets."
                )
            if model.geom_fluid[np.isin(model.geom_bodyid, bodies), 0].any():
                raise FastadaptError(
                    f"Perturbation '{self.name}': limb '{name}' cannot be severed, a fluid would "
                    'still drag on it (fluidshape="ellipsoid"). Leave it out of the targets.'
                )
        return names

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        severed = values[..., 0] > 0.5
        for column, body in enumerate(targets):
            rows = np.flatnonzero(severed[:, column])
            if len(rows):
                _sever(edit, rows, _parts(edit.model, int(body)))

    def pose(self, sim: Simulation, ids: Ids, targets: Ids) -> None:
        """Start the joints of severed limbs at rest."""
        model, mass = sim.model, sim.field("body_mass")
        for body in targets:
            limb = _parts(model, int(body))
            gone = are_severed(model, mass[ids], limb.bodies)
            sim.data("qvel")[np.ix_(ids[gone], limb.dofs)] = 0.0


class _Parts(NamedTuple):
    """The elements of a limb: MuJoCo ids of each type."""

    bodies: Ids
    geoms: Ids
    pairs: Ids
    joints: Ids
    dofs: Ids
    actuators: Ids


@functools.lru_cache(maxsize=256)
def _parts(model: mujoco.MjModel, body: int) -> _Parts:
    """Return the elements of a body and of all its descendants."""
    bodies = subtree(model, body)
    geoms = np.flatnonzero(np.isin(model.geom_bodyid, bodies))
    return _Parts(
        bodies,
        geoms,
        np.flatnonzero(np.isin(model.pair_geom1, geoms) | np.isin(model.pair_geom2, geoms)),
        np.flatnonzero(np.isin(model.jnt_bodyid, bodies)),
        np.flatnonzero(np.isin(model.dof_bodyid, bodies)),
        actuators_on(model, bodies),
    )


def _sever(edit: Edit, rows: Ids, limb: _Parts) -> None:
    """Cut a limb off in some of the robots, `(n,)`."""
    edit["body_mass"][np.ix_(rows, limb.bodies)] *= _DUST**3
    edit["body_inertia"][np.ix_(rows, limb.bodies)] *= _DUST**5
    for field in ("body_contype", "body_conaffinity"):
        edit[field][np.ix_(rows, limb.bodies)] = 0
    for field in ("geom_contype", "geom_conaffinity"):
        edit[field][np.ix_(rows, limb.geoms)] = 0
    edit["geom_rgba"][..., 3][np.ix_(rows, limb.geoms)] = 0.0
    edit["geom_matid"][np.ix_(rows, limb.geoms)] = -1
    edit["pair_margin"][np.ix_(rows, limb.pairs)] = _NEVER
    springs = ("jnt_stiffness", "jnt_stiffnesspoly")
    dampers = ("actuator_damping", "actuator_dampingpoly")
    for field in in_use(edit.model, springs):
        edit[field][np.ix_(rows, limb.joints)] = 0.0
    for field in in_use(edit.model, dampers):
        edit[field][np.ix_(rows, limb.actuators)] *= NO_DAMPING
    edit["jnt_limited"][np.ix_(rows, limb.joints)] = False
    held = np.ix_(rows, limb.dofs)
    edit["dof_armature"][held] += edit.model.dof_M0[limb.dofs]
    edit["dof_damping"][held] = _REST * edit["dof_armature"][held]
    for field in in_use(edit.model, ("dof_dampingpoly",)):
        edit[field][held] = 0.0
    edit["actuator_forcelimited"][np.ix_(rows, limb.actuators)] = True
    edit["actuator_forcerange"][np.ix_(rows, limb.actuators)] = 0.0
    if edit.has_signal("xfrc_applied"):  # nothing is left that could be pushed
        edit.signal("xfrc_applied")[np.ix_(rows, limb.bodies)] = 0.0


class ShortenedLimb(Perturbation):
    """A body whose `length` is a multiple of the nominal one, at equal thickness and density.

    Everything on it moves towards its joint: geoms (`geom_pos`, and `geom_size` along their axis or
    longest side, with `geom_rbound` and `geom_aabb`), sites (`site_pos`) and the joints of child
    bodies, together with these bodies (`body_pos`). Mass and inertia become those of the shorter
    geoms at equal density (`body_mass`, `body_ipos`, `body_inertia`, `body_iquat`); where the geoms
    do not explain the nominal inertia, those of a shorter rod along the axis of least inertia.
    Writes all of these (and `disableflags`, see `Edit.move_inertial_frame`); meshes that touch
    nothing stay. Unit: multiple of the nominal
    value, in [0.1, 2]. Derived constants go stale. Source: MuJoCo
    documentation, Simulation, "mjModel changes".
    """

    kind: Literal["shortened-limb"]
    length: Law

    target_type: ClassVar = "body"
    damage: ClassVar = True
    parameters: ClassVar = (Parameter("length", "x", 1.0, 0.1, 2.0),)
    fields: ClassVar = (
        "body_pos",
        "body_mass",
        "body_ipos",
        "body_inertia",
        "body_iquat",
        "geom_pos",
        "geom_size",
        "geom_rbound",
        "geom_aabb",
        "site_pos",
        "disableflags",
    )
    stale: ClassVar = frozenset(
        {
            "body_pos",
            "body_mass",
            "body_ipos",
            "body_inertia",
            "body_iquat",
            "geom_pos",
            "site_pos",
        }
    )
    stage: ClassVar = 0

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the targets, which must move and have primitive shapes.

        Raises:
            FastadaptError: a geom that touches others is a mesh or the like, or a body has gravity
                compensation.
        """
        moving = [n for n in names_of(model, "body") if model.body_weldid[model.body(n).id]]
        lack = "does not move and cannot be shortened"
        names = match_suitable(model, "body", self.targets, self.name, moving, lack)
        refuse_compensated(model, names, self.name)
        for name in names:
            for geom in np.flatnonzero(model.geom_bodyid == model.body(name).id):
                touches = model.geom_contype[geom] or model.geom_conaffinity[geom]
                if touches and model.geom_type[geom] not in SOLIDS:
                    kind = mujoco.mjtGeom(int(model.geom_type[geom])).name
                    raise FastadaptError(
                        f"Perturbation '{self.name}': body '{name}' cannot be shortened, its geom "
                        f"'{model.geom(geom).name}' is a {kind.removeprefix('mjGEOM_').lower()}. "
                        "Give it collision geoms that are spheres, capsules, cylinders or boxes."
                    )
        return names

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        model = edit.model
        length = edit.scratch.setdefault(_SHORTENED, np.ones((len(edit.ids), model.nbody)))
        length[:, targets] *= values[..., 0]
        for body in targets[(length[:, targets] != 1).any(axis=0)]:
            rows = np.flatnonzero(length[:, body] != 1)
            _shorten(edit, rows, int(body), length[rows, body])
        edit.move_inertial_frame(length != 1)


def _shorten(edit: Edit, rows: Ids, body: int, factor: Array) -> None:
    """Make a body `factor` `(n,)` times as long in some of the robots."""
    model = edit.model
    fixed = _joint_of(model, body)
    for field, owners in (
        ("geom_pos", model.geom_bodyid),
        ("site_pos", model.site_bodyid),
        ("body_pos", model.body_parentid),
    ):
        found = np.flatnonzero(owners == body)
        # A child goes along with its joint, which need not be at the origin of its frame.
        ahead = _joints_ahead(model, found) if field == "body_pos" else 0.0
        nominal = getattr(model, field)[found] + ahead - fixed
        edit[field][np.ix_(rows, found)] = fixed + factor[:, None, None] * nominal - ahead
    for geom in np.flatnonzero(model.geom_bodyid == body):
        kind = int(model.geom_type[geom])
        if kind in SOLIDS:
            size = shortened(kind, np.repeat(model.geom_size[geom][None], len(rows), 0), factor)
            edit["geom_size"][rows, geom] = size
            edit["geom_rbound"][rows, geom] = bounding_radius(kind, size)
            edit["geom_aabb"][rows, geom, 3:] = half_extents(kind, size)
    mass, ipos, inertia, iquat = shortened_inertia(model, body, fixed, factor)
    edit["body_mass"][rows, body] = mass
    edit["body_ipos"][rows, body] = ipos
    edit["body_inertia"][rows, body] = inertia
    edit["body_iquat"][rows, body] = iquat


def _joints_ahead(model: mujoco.MjModel, bodies: Ids) -> Array:
    """Return the places of the bodies' joints from their origins, in the parent's frame, `(k, 3)`.

    It is 0 for bodies without a joint.
    """
    places = np.array([_joint_of(model, int(body)) for body in bodies]).reshape(-1, 3)
    return np.einsum("kij,kj->ki", rotation(model.body_quat[bodies]), places)


@functools.lru_cache(maxsize=256)
def _joint_of(model: mujoco.MjModel, body: int) -> Array:
    """Return the fixed point of a shortened body: its joint, or else its origin, `(3,)`."""
    first = model.body_jntadr[body]
    return model.jnt_pos[first].copy() if first >= 0 else np.zeros(3)
