"""A limb that is shorter than it was built."""

from __future__ import annotations

import functools
from typing import ClassVar, Literal

import mujoco
import numpy as np

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.model.names import match_suitable, names_of
from fastadapt.envs.model.solids import (
    SOLIDS,
    bounding_radius,
    half_extents,
    shortened,
)
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.inertia import move_inertial_frame
from fastadapt.envs.perturbations.limb_mass import shortened_inertia
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError

_NOTE = "shortened-limb"


class ShortenedLimb(Perturbation):
    """A body whose `length` is a multiple of what it was; it stays as thick and as dense.

    Everything on it comes nearer to its joint: geoms (`geom_pos`, and `geom_size` along their axis
    or longest side, with `geom_rbound` and `geom_aabb`), sites (`site_pos`) and the bodies that
    hang on it (`body_pos`). Mass and inertia become those of the shorter geoms at equal density
    (`body_mass`, `body_ipos`, `body_inertia`, `body_iquat`); where they are not those of the
    geoms in the first place, those of a shorter rod along the axis of least inertia. Writes all of
    these (and `disableflags`, see `move_inertial_frame`); meshes that touch nothing stay. Unit:
    multiple of the nominal value, in [0.1, 2]. Derived constants go stale. Source: MuJoCo
    documentation, Simulation, "mjModel changes".
    """

    kind: Literal["shortened-limb"]
    length: Law

    target_type: ClassVar = "body"
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
    stale: ClassVar = True
    stage: ClassVar = 0

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the bodies, out of those that move; their shapes must be primitive.

        Raises:
            FastadaptError: a geom that touches others is a mesh or the like.
        """
        moving = [n for n in names_of(model, "body") if model.body_weldid[model.body(n).id]]
        lack = "does not move and cannot be shortened"
        names = match_suitable(model, "body", self.targets, self.name, moving, lack)
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
        length = edit.notes.setdefault(_NOTE, np.ones((len(edit.ids), model.nbody)))
        length[:, targets] *= values[..., 0]
        for body in targets[(length[:, targets] != 1).any(axis=0)]:
            rows = np.flatnonzero(length[:, body] != 1)
            _shorten(edit, rows, int(body), length[rows, body])
        move_inertial_frame(edit, length != 1)


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
        nominal = getattr(model, field)[found] - fixed
        edit[field][np.ix_(rows, found)] = fixed + factor[:, None, None] * nominal
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


@functools.lru_cache(maxsize=256)
def _joint_of(model: mujoco.MjModel, body: int) -> Array:
    """Return what stays where it is: the body's joint, or else its origin, `(3,)`."""
    first = model.body_jntadr[body]
    return model.jnt_pos[first].copy() if first >= 0 else np.zeros(3)
