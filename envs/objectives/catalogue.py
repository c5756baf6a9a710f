"""The registry of objectives."""

from __future__ import annotations

from fastadapt.envs.objectives.objective import Objective
from fastadapt.errors import FastadaptError
from fastadapt.registry import Registry

_HERE = "fastadapt.envs.objectives"

OBJECTIVES: Registry[type[Objective]] = Registry(
    "objective",
    group="fastadapt.objectives",
    shipped={
        "run-forward": f"{_HERE}.run_forward:RunForward",
        "track-velocity": f"{_HERE}.track_velocity:TrackVelocity",
        "walk-at-command": f"{_HERE}.walk_at_command:WalkAtCommand",
        "reach-site": f"{_HERE}.reach_site:ReachSite",
        "bring-object": f"{_HERE}.bring_object:BringObject",
        "stay-upright": f"{_HERE}.stay_upright:StayUpright",
    },
)
"""Objectives by the name that the key `objective` of a task-set file takes."""


def find_objective(name: str) -> type[Objective]:
    """Return an objective by its name, or by `"module:Class"`.

    Raises:
        FastadaptError: there is none of that name, or it is not an `Objective`.
    """
    found = OBJECTIVES.find(name)
    if not (isinstance(found, type) and issubclass(found, Objective)):
        raise FastadaptError(
            f"The objective '{name}' is not a subclass of fastadapt's `Objective`. Derive it from "
            f"{_HERE}.objective.Objective or from one of the shipped objectives."
        )
    return found


def objectives() -> dict[str, type[Objective]]:
    """Return all objectives by name; every one of them is imported."""
    return {name: find_objective(name) for name in OBJECTIVES}
