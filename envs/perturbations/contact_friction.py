"""Contact friction: exact coefficients for the named contacts."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple

import mujoco
import numpy as np
from numpy.typing import NDArray
from pydantic import field_validator

from fastadapt.envs.arrays import Array, Ids
from fastadapt.envs.distributions import Law
from fastadapt.envs.model.marks import Mark
from fastadapt.envs.model.names import ids_of, match_names
from fastadapt.envs.perturbations.edit import Edit
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation
from fastadapt.errors import FastadaptError

_SCALES = "contact-friction"
"""Key of `Edit.scratch`: the perturbations of this kind, and their scales `(n,)`."""
_FRICTIONLESS = 1


class ContactFriction(Perturbation):
    """Sliding friction between the target geoms and the geoms `against`, times `scale`.

    Writes column 0 of `geom_friction` on both sides of the contact, and both tangential columns of
    `pair_friction` where the model has explicit pairs. MuJoCo takes the larger of the two geoms'
    coefficients (or that of the geom of higher priority), so scaling one side alone has no effect
    until it is the larger one. Several of these may share geoms, such as the floor: every named
    contact gets the friction asked for, the product of the scales where it is named twice; a
    combination that no coefficients satisfy is refused. Contacts of these geoms with others change
    too, where theirs was the larger coefficient; not so those of the ground, where friction rises
    on parts that are as rough as the ground or rougher. The scale is shared by the targets. Unit:
    multiple of the nominal value, in [0.001, 100]. Derived constants stay valid. Source: MuJoCo
    documentation, Modeling, "Contact parameters".
    """

    kind: Literal["contact-friction"]
    scale: Law
    against: tuple[str, ...]
    """Names or patterns of the geoms on the other side."""
    shared: bool = True

    target_type: ClassVar = "geom"
    parameters: ClassVar = (Parameter("scale", "x", 1.0, 0.001, 100.0),)
    fields: ClassVar = ("geom_friction", "pair_friction")
    coupled: ClassVar = True
    probe: ClassVar = "slide"

    @field_validator("shared")
    @classmethod
    def _must_be_shared(cls, shared: bool) -> bool:
        if not shared:
            raise ValueError("contact friction is shared by its targets: leave 'shared' out")
        return shared

    def resolve(self, model: mujoco.MjModel) -> tuple[str, ...]:
        """Return the names of the geoms; the named contacts must exist and have friction."""
        names = super().resolve(model)
        named = self.named(model)
        if not named.any():
            raise FastadaptError(
                f"Perturbation '{self.name}': targets and 'against' are the same single geom "
                f"'{names[0]}'; a contact is between two."
            )
        if (_condim(model)[named] == _FRICTIONLESS).all():
            raise FastadaptError(
                f"Perturbation '{self.name}': contacts of '{names[0]}' have no friction (condim 1 "
                'in the model) that could be scaled. Give one of the geoms condim="3".'
            )
        return names

    def named(self, model: mujoco.MjModel) -> NDArray[np.bool_]:
        """Return which contacts are named, `(ngeom, ngeom)`, symmetric."""
        meant = np.zeros((model.ngeom, model.ngeom), bool)
        ours = ids_of(model, "geom", match_names(model, "geom", self.targets, self.name))
        others = ids_of(model, "geom", match_names(model, "geom", self.against, self.name))
        meant[np.ix_(ours, others)] = True
        meant |= meant.T
        np.fill_diagonal(meant, val=False)
        return meant

    def apply(self, edit: Edit, targets: Ids, values: Array) -> None:
        notes = edit.scratch.setdefault(_SCALES, [])
        notes.append((self, values[:, 0, 0]))
        wanted = tuple(some for some, _ in notes)
        scales = [scale for _, scale in notes]
        plan, model = _plan(edit.model, wanted), edit.model
        friction = edit["geom_friction"]
        nominal = np.logical_and.reduce([scale == 1 for scale in scales])[:, None]
        for orders, geoms in plan.geoms.items():
            scale = np.minimum.reduce([_product(scales, order) for order in orders])
            found = plan.carried[geoms] * scale[:, None]
            stays = plan.yields[geoms] & (scale[:, None] > 1)
            found = np.where(stays, model.geom_friction[geoms, 0], found)
            friction[:, geoms, 0] = np.where(nominal, model.geom_friction[geoms, 0], found)
        for pair, order in plan.pairs.items():
            tangential = model.pair_friction[pair, :2]
            edit["pair_friction"][:, pair, :2] = tangential * _product(scales, order)[:, None]

    def marks(self, model: mujoco.MjModel, targets: Ids, values: Array) -> list[Mark]:
        """Return the ground, slippery or rough, where the friction is that with the world."""
        named = np.flatnonzero(self.named(model).any(axis=1))
        on_ground = (model.body_weldid[model.geom_bodyid[named]] == 0).any()
        return [Mark("ground", amount=float(values[0, 0]))] if on_ground else []


class _Plan(NamedTuple):
    """The coefficients that set the friction of the named contacts.

    The order of a contact is the set of perturbations that name it, as bits. A geom whose contacts
    all have one order carries their friction; a geom with several orders gets the smallest
    coefficient and leaves the larger one to the other side.
    """

    carried: Array
    """Coefficient that the scale multiplies, `(ngeom,)`."""
    yields: NDArray[np.bool_]
    """Geoms of the ground that stay nominal where friction rises: all that touch them carry it."""
    geoms: dict[tuple[int, ...], Ids]
    """The geoms whose contacts have the same orders."""
    pairs: dict[int, int]
    """The order of each explicit pair."""


@functools.lru_cache(maxsize=32)
def _plan(model: mujoco.MjModel, wanted: tuple[ContactFriction, ...]) -> _Plan:
    """Return the coefficients that set the friction of the wanted contacts.

    Raises:
        FastadaptError: no coefficients of the geoms give every contact the friction wanted.
    """
    orders = np.zeros((model.ngeom, model.ngeom), np.int64)
    for r, some in enumerate(wanted):
        orders |= some.named(model).astype(np.int64) << r
    sides = zip(model.pair_geom1, model.pair_geom2, strict=True)
    pairs = {p: int(orders[a, b]) for p, (a, b) in enumerate(sides) if orders[a, b]}
    for p in pairs:  # an explicit pair has a friction of its own
        a, b = model.pair_geom1[p], model.pair_geom2[p]
        orders[a, b] = orders[b, a] = 0
    geoms = {
        g: sorted(set(orders[g].tolist()) - {0}) for g in range(model.ngeom) if orders[g].any()
    }
    mixed = np.array([len(geoms.get(g, ())) > 1 for g in range(model.ngeom)])
    friction, priority = model.geom_friction[:, 0], model.geom_priority
    equal = priority[:, None] == priority
    left = np.where((orders > 0) & equal & mixed, friction, 0.0)  # left by a mixed geom
    carried = np.where(mixed, friction, np.maximum(friction, left.max(axis=1, initial=0.0)))
    lower = priority[:, None] < priority
    ours = np.where(lower | mixed[:, None], 0.0, carried[:, None])
    higher = np.where(equal, np.maximum(friction[:, None], friction), 0.0)
    asked = np.where(equal, higher, np.where(lower, friction, friction[:, None]))
    wrong = (orders > 0) & (np.maximum(ours, ours.T) != asked)
    if wrong.any():
        _refuse(model, wanted, orders, wrong)
    alike: dict[tuple[int, ...], list[int]] = {}
    for geom, found in geoms.items():
        alike.setdefault(tuple(found), []).append(geom)
    ground = model.body_weldid[model.geom_bodyid] == 0
    carries = (orders == 0) | (equal & ~mixed & (carried >= friction[:, None])) | lower
    yields = ground & carries.all(axis=1)
    by_orders = {k: np.array(found, np.intp) for k, found in alike.items()}
    return _Plan(carried, yields, by_orders, pairs)


def _refuse(
    model: mujoco.MjModel,
    wanted: Sequence[ContactFriction],
    orders: NDArray[np.int64],
    wrong: NDArray[np.bool_],
) -> None:
    a, b = (int(geom) for geom in np.argwhere(wrong)[0])
    bits = np.bitwise_or.reduce(orders[[a, b]], axis=None)
    owners = [f"'{some.name}'" for r, some in enumerate(wanted) if bits >> r & 1]
    raise FastadaptError(
        f"Perturbations {' and '.join(owners)}: the friction between '{model.geom(a).name}' and "
        f"'{model.geom(b).name}' cannot be set apart from that of their other contacts. Name fewer "
        "contacts, or give the model an explicit <pair> for this one."
    )


def check_contact_frictions(perturbations: Sequence[Perturbation], model: mujoco.MjModel) -> None:
    """Refuse contact frictions of a task set that no coefficients satisfy together.

    Raises:
        FastadaptError: they share geoms in such a way.
    """
    wanted = tuple(some for some in perturbations if isinstance(some, ContactFriction))
    if wanted:
        _plan(model, wanted)


def _product(scales: Sequence[Array], order: int) -> Array:
    """Return the product of the scales in an order, `(n,)`."""
    return np.prod([scale for r, scale in enumerate(scales) if order >> r & 1], axis=0)


def _condim(model: mujoco.MjModel) -> NDArray[np.int32]:
    """Return the dimension of the contacts between geoms, `(ngeom, ngeom)`."""
    condim, priority = model.geom_condim, model.geom_priority
    equal = np.maximum(condim[:, None], condim)
    higher = np.where(priority[:, None] > priority, condim[:, None], condim)
    out = np.where(priority[:, None] == priority, equal, higher)
    for a, b, dim in zip(model.pair_geom1, model.pair_geom2, model.pair_dim, strict=True):
        out[a, b] = out[b, a] = dim
    return out
