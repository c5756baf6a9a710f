"""Elements that are added to a robot: every field set here, none taken from its defaults."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import mujoco
import numpy as np

_KEPT = {
    "alt", "classname", "compiler", "frame", "id", "info", "name", "parent", "plugin", "signature",
    "userdata",
}  # fmt: skip
"""Attributes of an element that are no values, or that no default class sets."""


def add_geom(body: Any, **values: Any) -> Any:
    """Add a geom to a body of a spec, with MuJoCo's own defaults instead of the model's."""
    return _with(body.add_geom(), mujoco.MjSpec().worldbody.add_geom(), values)


def add_equality(spec: mujoco.MjSpec, **values: Any) -> Any:
    """Add an equality, with MuJoCo's own defaults instead of the model's."""
    return _with(spec.add_equality(), mujoco.MjSpec().add_equality(), values)


def add_actuator(spec: mujoco.MjSpec, **values: Any) -> Any:
    """Add an actuator, with MuJoCo's own defaults instead of the model's."""
    return _with(spec.add_actuator(), mujoco.MjSpec().add_actuator(), values)


def add_camera(body: Any, **values: Any) -> Any:
    """Add a camera to a body of a spec, with MuJoCo's own defaults instead of the model's."""
    return _with(body.add_camera(), mujoco.MjSpec().worldbody.add_camera(), values)


def add_light(body: Any, **values: Any) -> Any:
    """Add a light to a body of a spec, with MuJoCo's own defaults instead of the model's."""
    return _with(body.add_light(), mujoco.MjSpec().worldbody.add_light(), values)


def add_goal(spec: mujoco.MjSpec, body: str, radius: float) -> None:
    """Add a mocap body with a translucent sphere, unless there is a body of that name.

    It has no mass, so that a total that the model asks for (`settotalmass`) is the robot's.

    Args:
        spec: the robot.
        body: name of the mocap body.
        radius: of the sphere [m].
    """
    if body in [some.name for some in spec.bodies]:
        return
    add_geom(
        spec.worldbody.add_body(name=body, mocap=True),
        name=free_name(body, {geom.name for geom in spec.geoms}),
        type=mujoco.mjtGeom.mjGEOM_SPHERE,
        size=[radius, 0.0, 0.0],
        mass=0.0,
        contype=0,
        conaffinity=0,
        rgba=[0.2, 0.7, 0.3, 0.5],
    )


def reserve_name(elements: Collection[Any], name: str) -> None:
    """Rename the element of that name, if there is one, so that an addition can have it."""
    for element in elements:
        if element.name == name:
            element.name = free_name(name, {other.name for other in elements})


def free_name(base: str, taken: Collection[str], numbers: dict[str, int] | None = None) -> str:
    """Return a name that no other element has: `base`, or else `base_2`, `base_3` and so on.

    Args:
        base: the wanted name.
        taken: the names of the other elements.
        numbers: the last number that was given to each base, kept from call to call so that many
            elements do not count from the start.
    """
    numbers = {} if numbers is None else numbers
    label, number = base, numbers.get(base, 1)
    while label in taken:
        number += 1
        label = f"{base}_{number}"
    numbers[base] = number
    return label


def _with(element: Any, pristine: Any, values: dict[str, Any]) -> Any:
    """Give an element the values of a new one, then its own."""
    for field in dir(pristine):
        if field.startswith("_") or field in _KEPT or callable(getattr(pristine, field)):
            continue
        value = getattr(pristine, field)
        setattr(element, field, value.copy() if isinstance(value, np.ndarray) else value)
    if hasattr(element, "alt"):  # an orientation in other words than a quaternion
        element.alt.type = mujoco.mjtOrientation.mjORIENTATION_QUAT
    for field, value in values.items():
        setattr(element, field, value)
    return element
