"""Parts of a custom robot's MJCF to leave out, with everything that refers to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import mujoco

from fastadapt.errors import FastadaptError, unknown_name

_OBJ, _TRN, _EQ, _WRAP = mujoco.mjtObj, mujoco.mjtTrn, mujoco.mjtEq, mujoco.mjtWrap
_LISTS = {
    "body": lambda spec: spec.bodies[1:],
    "joint": lambda spec: spec.joints,
    "geom": lambda spec: spec.geoms,
    "site": lambda spec: spec.sites,
    "actuator": lambda spec: spec.actuators,
    "tendon": lambda spec: spec.tendons,
    "equality": lambda spec: spec.equalities,
    "sensor": lambda spec: spec.sensors,
}
_OBJECTS = {
    "joint": (_OBJ.mjOBJ_JOINT,),
    "geom": (_OBJ.mjOBJ_GEOM,),
    "site": (_OBJ.mjOBJ_SITE,),
    "actuator": (_OBJ.mjOBJ_ACTUATOR,),
    "tendon": (_OBJ.mjOBJ_TENDON,),
}
_TRANSMISSIONS = {
    "joint": (_TRN.mjTRN_JOINT, _TRN.mjTRN_JOINTINPARENT),
    "site": (_TRN.mjTRN_SITE, _TRN.mjTRN_SLIDERCRANK),
    "tendon": (_TRN.mjTRN_TENDON,),
}
_WRAPS = {
    "joint": (_WRAP.mjWRAP_JOINT,),
    "site": (_WRAP.mjWRAP_SITE,),
    "geom": (_WRAP.mjWRAP_SPHERE, _WRAP.mjWRAP_CYLINDER),
}
_EQUALITIES = {_EQ.mjEQ_JOINT: "joint", _EQ.mjEQ_TENDON: "tendon"}


class Part(NamedTuple):
    """An element of a spec."""

    kind: str
    element: Any


def remove(spec: mujoco.MjSpec, names: Iterable[str]) -> None:
    """Delete named parts, and what refers to them.

    Args:
        spec: the robot.
        names: names of bodies, joints, geoms, sites, actuators, tendons, equalities or sensors, or
            `<kind>:<name>` where several parts have that name. A body takes along what is in it.

    Raises:
        FastadaptError: no part has that name, or several have it.
    """
    for name in names:
        delete(spec, _part_called(spec, name))


def delete(spec: mujoco.MjSpec, part: Part) -> None:
    """Delete a part, and what refers to it."""
    if part.kind != "body":  # MuJoCo deletes what refers to a body itself
        for other in list(_referring(spec, part)):
            delete(spec, other)
    spec.delete(part.element)


def _part_called(spec: mujoco.MjSpec, name: str) -> Part:
    parts = [Part(kind, e) for kind, listed in _LISTS.items() for e in listed(spec)]
    found = [part for part in parts if part.element.name == name]
    kind, _, rest = name.partition(":")
    if not found and kind in _LISTS:
        found = [part for part in parts if part.kind == kind and part.element.name == rest]
    if not found:
        raise unknown_name(
            "part to remove called", name, {part.element.name for part in parts} - {""}
        )
    others = [p for p in found if p.kind != "body" and not _inside(p, found[0])]
    if found[0].kind == "body" and not others:
        return found[0]
    if len(found) > 1:
        kinds = " and ".join(f"{'an' if p.kind[0] in 'ae' else 'a'} {p.kind}" for p in found)
        choices = " or ".join(f'"{p.kind}:{name}"' for p in found)
        raise FastadaptError(
            f"environment.remove: '{name}' is the name of {kinds}. Write {choices}."
        )
    return found[0]


def _inside(part: Part, body: Part) -> bool:
    """Return whether a joint, geom or site is on a body or below it."""
    if body.kind != "body" or part.kind not in ("joint", "geom", "site"):
        return False
    above = part.element.parent
    while above is not None and above.name != body.element.name:
        above = above.parent
    return above is not None


def _referring(spec: mujoco.MjSpec, part: Part) -> Iterator[Part]:
    """Yield the actuators, tendons, equalities, sensors and pairs that refer to a part."""
    kind, name = part.kind, part.element.name
    for actuator in spec.actuators:
        ends = (actuator.target, actuator.refsite, actuator.slidersite)
        if actuator.trntype in _TRANSMISSIONS.get(kind, ()) and name in ends:
            yield Part("actuator", actuator)
    for tendon in spec.tendons:
        if any(wrap.type in _WRAPS.get(kind, ()) and _target(wrap) == name for wrap in tendon.path):
            yield Part("tendon", tendon)
    for equality in spec.equalities:
        if name in (equality.name1, equality.name2) and _kind_of_ends(equality) == kind:
            yield Part("equality", equality)
    for sensor in spec.sensors:
        ends = ((sensor.objname, sensor.objtype), (sensor.refname, sensor.reftype))
        if any(end == name and _is(objtype, kind) for end, objtype in ends):
            yield Part("sensor", sensor)
    if kind == "geom":
        pairs = (p for p in spec.pairs if name in (p.geomname1, p.geomname2))
        yield from (Part("pair", pair) for pair in pairs)


def _kind_of_ends(equality: Any) -> str:
    """Return the kind of the parts that an equality ties."""
    if equality.type in _EQUALITIES:
        return _EQUALITIES[equality.type]
    return "site" if _is(equality.objtype, "site") else "body"


def _is(objtype: Any, kind: str) -> bool:
    return objtype in _OBJECTS.get(kind, ())


def _target(wrap: Any) -> str:
    return wrap.target.name if hasattr(wrap.target, "name") else str(wrap.target)
