"""Names of bodies, geoms, joints and actuators, and glob patterns over them."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Mapping

import mujoco
import numpy as np

from fastadapt.envs.arrays import Ids
from fastadapt.errors import FastadaptError, unknown_name

_COUNTS = {
    "body": "nbody",
    "geom": "ngeom",
    "joint": "njnt",
    "actuator": "nu",
    "site": "nsite",
    "tendon": "ntendon",
    "equality": "neq",
    "camera": "ncam",
    "light": "nlight",
    "sensor": "nsensor",
}
"""Fields of `MjModel` with the number of elements of each type."""


def fits(name: str, pattern: str) -> bool:
    """Return whether a name matches a glob pattern, or is the pattern itself: `arm[1]`."""
    return name == pattern or fnmatch.fnmatchcase(name, pattern)


def names_of(model: mujoco.MjModel, target_type: str) -> list[str]:
    """Return the names of all bodies (but the world), geoms, joints, actuators, sites, ...

    The target type "world", the robot as a whole, has the single name "world".

    Raises:
        FastadaptError: a MuJoCo model has no elements of that type.
    """
    if target_type == "world":
        return ["world"]
    if target_type not in _COUNTS:
        raise unknown_name("type of targets", target_type, ["world", *_COUNTS])
    count = getattr(model, _COUNTS[target_type])
    access = getattr(model, target_type)
    names = [access(i).name for i in range(count)]
    if target_type == "body":  # a mocap body shows a goal; it has no physics
        names = [n for i, n in enumerate(names) if i > 0 and model.body_mocapid[i] < 0]
    return [name for name in names if name]


def match_names(
    model: mujoco.MjModel, target_type: str, patterns: tuple[str, ...], owner: str
) -> tuple[str, ...]:
    """Return the names that match any of the glob patterns, in the model's order."""
    return matching(names_of(model, target_type), target_type, patterns, owner)


def matching(
    names: list[str], target_type: str, patterns: tuple[str, ...], owner: str
) -> tuple[str, ...]:
    """Return those names that match any of the glob patterns, in their order.

    Raises:
        FastadaptError: a pattern matches nothing; the message lists the valid names.
    """
    if not names:
        raise FastadaptError(
            f"Perturbation '{owner}': the model has no {target_type} with a name. Give names to "
            "those that are meant."
        )
    for pattern in patterns:
        if not any(fits(name, pattern) for name in names):
            raise FastadaptError(
                f"Perturbation '{owner}': {unknown_name(target_type, pattern, names)}"
            )
    return tuple(n for n in names if any(fits(n, p) for p in patterns))


def match_suitable(
    model: mujoco.MjModel,
    target_type: str,
    patterns: tuple[str, ...],
    owner: str,
    suitable: Collection[str],
    lack: str,
) -> tuple[str, ...]:
    """Return the names that match and are suitable, in the model's order.

    Args:
        model: the compiled model.
        target_type: kind of element: body, geom, joint or actuator.
        patterns: glob patterns.
        owner: name of the perturbation, for messages.
        suitable: the names that are allowed.
        lack: why a name may not be suitable, for messages: "has no limited range".

    Raises:
        FastadaptError: a pattern matches nothing, or nothing suitable; the message lists the
            suitable names.
    """
    for pattern in patterns:
        found = match_names(model, target_type, (pattern,), owner)
        if not set(found) & set(suitable):
            raise FastadaptError(
                f"Perturbation '{owner}': {target_type} '{found[0]}' {lack}. Suitable: "
                f"{', '.join(sorted(suitable)) or 'none'}."
            )
    return tuple(n for n in match_names(model, target_type, patterns, owner) if n in suitable)


def ids_of(model: mujoco.MjModel, target_type: str, names: tuple[str, ...]) -> Ids:
    """Return the MuJoCo ids of named elements, `(k,)`; 0 for the world."""
    if target_type == "world":
        return np.zeros(len(names), np.intp)
    access = getattr(model, target_type)
    return np.array([access(name).id for name in names], np.intp)


def limb_names(model: mujoco.MjModel) -> list[str]:
    """Return the names of the bodies that are limbs, or parts of limbs.

    A limb's parent moves, which excludes the trunk of a walking robot, the base of an arm and free
    objects.
    """
    moving = model.body_weldid[model.body_parentid] != 0
    return [name for name in names_of(model, "body") if moving[model.body(name).id]]


def subtree(model: mujoco.MjModel, body: int) -> Ids:
    """Return the ids of a body and of all its descendants, `(b,)`."""
    found = np.zeros(model.nbody, bool)
    found[body] = True
    for child in range(body + 1, model.nbody):  # parents come first
        found[child] |= found[model.body_parentid[child]]
    return np.flatnonzero(found)


def value_by_pattern(key: str, values: Mapping[str, float], actuator: str) -> float:
    """Return the value of the first pattern that matches the name of an actuator.

    Args:
        key: what the values are, for the message.
        values: by glob pattern.
        actuator: the name.

    Raises:
        FastadaptError: no pattern matches.
    """
    for pattern, value in values.items():
        if fits(actuator, pattern):
            return float(value)
    raise FastadaptError(
        f"{key} has no pattern that matches actuator '{actuator}'. Add a last pattern \"*\"."
    )
