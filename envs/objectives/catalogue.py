"""The objectives by name."""

from __future__ import annotations

from fastadapt.envs.environment import Environment


def objectives() -> dict[str, type[Environment]]:
    """Return the objectives by the name that task files call them by."""
    from fastadapt.envs.objectives.bring_object import BringObject
    from fastadapt.envs.objectives.reach_site import ReachSite
    from fastadapt.envs.objectives.run_forward import RunForward
    from fastadapt.envs.objectives.stay_upright import StayUpright
    from fastadapt.envs.objectives.track_velocity import TrackVelocity

    return {
        "run-forward": RunForward,
        "track-velocity": TrackVelocity,
        "reach-site": ReachSite,
        "bring-object": BringObject,
        "stay-upright": StayUpright,
    }
