"""A limb that is gone."""

from __future__ import annotations

import functools
from typing import ClassVar, Literal, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.model.names import limb_names, match_suitable, subtree
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.envs.simulation.interface import Simulation
from fastadapt.errors import FastadaptError

_DUST = 0.01
"""Size of what is left of a severed limb: of its mass a millionth."""

_REST = 20.0
"""Rate at which the joints of a severed limb come to rest [1/s]."""

_GONE = 3e-4
"""Less than this share of its mass no limb keeps that is not severed (see the bounds of others)."""

_NEVER = -1e9
"""Margin of explicit pairs that never touch [m]."""


class SeveredLimb(Perturbation):
    """A limb cut off at the joint of its uppermost body: the rest of the robot is without it.

    Observations, actions and joints stay; nothing that happens to them reaches the rest. What is
    left shrinks to a hundredth of its size at equal density (`body_mass`, `body_inertia`), touches
    nothing (`geom_contype`, `geom_conaffinity`, and their union over the body, `body_contype` and
    `body_conaffinity`; `pair_margin` of explicit pairs), is seen neither by cameras nor by range
    finders (`geom_rgba`, `geom_matid`), and its actuators are dead (`actuator_forcelimited`,
    `actuator_forcerange`). Its joints have no springs and no limits (`jnt_stiffness`,
    `jnt_limited`) and come to rest where they are: `dof_armature` as heavy as the limb was, which
    pulls on nothing else, and `dof_damping`. Writes all of these; unit: a switch, 0 or 1. Derived
    constants go stale. At reset the joints start at rest. Source: MuJoCo documentation, Simulation,
    "mjModel changes".
    """

    kind: Literal["severed-limb"]

    target_type: ClassVar = "body"
    parameters: ClassVar = (Parameter("severed", "-", 0.0, 0.0, 1.0, struck=1.0),)
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
        "jnt_limited",
        "dof_armature",
        "dof_damping",
        "actuator_forcelimited",
        "actuator_forcerange",
    )
    stale: ClassVar = True
    stage: ClassVar = 3

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the limbs; nothing else may hold on to them.

        Raises:
            FastadaptError: not a limb (the message lists them), or a tendon or an equality ties it.
        """
        limbs, lack = limb_names(model), "is no limb that could be severed"
        names = match_suitable(model, "body", self.targets, self.name, limbs, lack)
        for name in names:
            bodies = subtree(model, model.body(name).id)
            tie = _tied_by(model, bodies)
            if tie:
                raise FastadaptError(
                    f"Perturbation '{self.name}': limb '{name}' cannot be severed, {tie} holds on "
                    "to it. Leave it out of the targets."
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
        """Let the joints of severed limbs start at rest."""
        model, mass = sim.model, sim.field("body_mass")
        for body in targets:
            limb = _parts(model, int(body))
            left = mass[np.ix_(ids, limb.bodies)].sum(axis=1)
            gone = left < _GONE * model.body_mass[limb.bodies].sum()
            sim.data("qvel")[np.ix_(ids[gone], limb.dofs)] = 0.0


class _Parts(NamedTuple):
    """What belongs to a limb: ids of each kind."""

    bodies: Ids
    geoms: Ids
    pairs: Ids
    joints: Ids
    dofs: Ids
    actuators: Ids


@functools.lru_cache(maxsize=256)
def _parts(model: mujoco.MjModel, body: int) -> _Parts:
    """Return what hangs on a body, and itself."""
    bodies = subtree(model, body)
    geoms = np.flatnonzero(np.isin(model.geom_bodyid, bodies))
    return _Parts(
        bodies,
        geoms,
        np.flatnonzero(np.isin(model.pair_geom1, geoms) | np.isin(model.pair_geom2, geoms)),
        np.flatnonzero(np.isin(model.jnt_bodyid, bodies)),
        np.flatnonzero(np.isin(model.dof_bodyid, bodies)),
        np.flatnonzero(_acts_on(model, bodies)),
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
    edit["jnt_stiffness"][np.ix_(rows, limb.joints)] = 0.0
    edit["jnt_limited"][np.ix_(rows, limb.joints)] = False
    held = np.ix_(rows, limb.dofs)
    edit["dof_armature"][held] += edit.model.dof_M0[limb.dofs]
    edit["dof_damping"][held] = _REST * edit["dof_armature"][held]
    edit["actuator_forcelimited"][np.ix_(rows, limb.actuators)] = True
    edit["actuator_forcerange"][np.ix_(rows, limb.actuators)] = 0.0


def _acts_on(model: mujoco.MjModel, bodies: Ids) -> NDArray[np.bool_]:
    """Return which actuators act on these bodies, `(nu,)`."""
    target, kind = model.actuator_trnid[:, 0], mujoco.mjtTrn
    tendons = np.array([_within(model, bodies, t) == {True} for t in range(model.ntendon)], bool)
    acts = np.zeros(model.nu, bool)
    for transmissions, ours in (
        ((kind.mjTRN_JOINT, kind.mjTRN_JOINTINPARENT), np.isin(model.jnt_bodyid, bodies)),
        ((kind.mjTRN_SITE, kind.mjTRN_SLIDERCRANK), np.isin(model.site_bodyid, bodies)),
        ((kind.mjTRN_BODY,), np.isin(np.arange(model.nbody), bodies)),
        ((kind.mjTRN_TENDON,), tendons),
    ):
        these = np.isin(model.actuator_trntype, [int(one) for one in transmissions])
        acts[these] = ours[target[these]]
    return acts


def _tied_by(model: mujoco.MjModel, bodies: Ids) -> str:
    """Return what ties these bodies to others, "" if nothing but their joints does."""
    for tendon in range(model.ntendon):
        if _within(model, bodies, tendon) == {True, False}:
            name = model.tendon(tendon).name
            return f"tendon '{name}'" if name else "a tendon without a name"
    owners = {
        mujoco.mjtObj.mjOBJ_BODY: np.arange(model.nbody),
        mujoco.mjtObj.mjOBJ_SITE: model.site_bodyid,
        mujoco.mjtObj.mjOBJ_JOINT: model.jnt_bodyid,
    }
    for equality in range(model.neq):
        owner = owners.get(mujoco.mjtObj(int(model.eq_objtype[equality])))
        ends = (model.eq_obj1id[equality], model.eq_obj2id[equality])
        # Locks and other equalities of a single joint have no second end.
        if owner is not None and len({bool(owner[e] in bodies) for e in ends if e >= 0}) == 2:
            name = model.equality(equality).name
            return f"equality '{name}'" if name else "an equality without a name"
    return ""


def _within(model: mujoco.MjModel, bodies: Ids, tendon: int) -> set[bool]:
    """Return whether what a tendon runs through belongs to these bodies: yes, no, or both."""
    owners = {
        mujoco.mjtWrap.mjWRAP_JOINT: model.jnt_bodyid,
        mujoco.mjtWrap.mjWRAP_SITE: model.site_bodyid,
        mujoco.mjtWrap.mjWRAP_SPHERE: model.geom_bodyid,
        mujoco.mjtWrap.mjWRAP_CYLINDER: model.geom_bodyid,
    }
    first = model.tendon_adr[tendon]
    found: set[bool] = set()
    for wrap in range(first, first + model.tendon_num[tendon]):
        owner = owners.get(mujoco.mjtWrap(int(model.wrap_type[wrap])))
        if owner is not None:
            found.add(bool(owner[model.wrap_objid[wrap]] in bodies))
    return found
