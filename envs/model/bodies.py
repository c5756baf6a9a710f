"""Relations between bodies and the other elements of a model: carriers, actuators, ties."""

from __future__ import annotations

import mujoco
import numpy as np
from numpy.typing import NDArray

from fastadapt.envs.arrays import Array, Ids, Mask

_GONE = 3e-4
"""Share of its mass below which a limb is severed: no other damage takes as much of it."""

_TRN = mujoco.mjtTrn
_ON_JOINTS = (int(_TRN.mjTRN_JOINT), int(_TRN.mjTRN_JOINTINPARENT))


def body_of(model: mujoco.MjModel, element: str, index: int) -> int | None:
    """Return the body that carries an element of a model, None if no single body does.

    Args:
        model: the compiled model.
        element: its type: body, geom, site, joint or actuator; others have no body.
        index: its MuJoCo id. The body of an actuator is that of the joint, site or body it acts on.
    """
    if element == "body":
        return int(index)
    owners = {"geom": "geom_bodyid", "site": "site_bodyid", "joint": "jnt_bodyid"}
    if element in owners:
        return int(getattr(model, owners[element])[index])
    if element != "actuator":
        return None
    kind, target = int(model.actuator_trntype[index]), int(model.actuator_trnid[index, 0])
    if kind in _ON_JOINTS:
        return int(model.jnt_bodyid[target])
    if kind in (int(_TRN.mjTRN_SITE), int(_TRN.mjTRN_SLIDERCRANK)):
        return int(model.site_bodyid[target])
    return target if kind == int(_TRN.mjTRN_BODY) else None


def actuators_on(model: mujoco.MjModel, bodies: Ids) -> Ids:
    """Return the actuators that act on these bodies alone, `(a,)`."""
    target = model.actuator_trnid[:, 0]
    tendons = np.array([_touches(model, bodies, t) == {True} for t in range(model.ntendon)], bool)
    acts = np.zeros(model.nu, bool)
    for transmissions, ours in (
        (_ON_JOINTS, np.isin(model.jnt_bodyid, bodies)),
        ((_TRN.mjTRN_SITE, _TRN.mjTRN_SLIDERCRANK), np.isin(model.site_bodyid, bodies)),
        ((_TRN.mjTRN_BODY,), np.isin(np.arange(model.nbody), bodies)),
        ((_TRN.mjTRN_TENDON,), tendons),
    ):
        these = np.isin(model.actuator_trntype, [int(one) for one in transmissions])
        acts[these] = ours[target[these]]
    return np.flatnonzero(acts)


def tie_of(model: mujoco.MjModel, bodies: Ids) -> str:
    """Return the tendon or equality that ties these bodies to others, in words; "" if none does."""
    for tendon in range(model.ntendon):
        if _touches(model, bodies, tendon) == {True, False}:
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


def _touches(model: mujoco.MjModel, bodies: Ids, tendon: int) -> set[bool]:
    """Return whether the elements of a tendon are on these bodies: {True}, {False}, or both."""
    owners: dict[mujoco.mjtWrap, NDArray] = {
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


def are_severed(model: mujoco.MjModel, mass: Array, bodies: Ids) -> Mask:
    """Return in which robots some bodies are the remains of a severed limb, `(n,)`.

    Args:
        model: the nominal model.
        mass: `(n, nbody)` the masses of the robots' bodies [kg].
        bodies: `(k,)` bodies that are severed together and have a mass together.
    """
    return mass[:, bodies].sum(axis=1) < _GONE * model.body_mass[bodies].sum()


def welded_to(model: mujoco.MjModel, body: int) -> Ids:
    """Return the bodies that move as one with a body, itself included, `(k,)`."""
    return np.flatnonzero(model.body_weldid == model.body_weldid[body])
