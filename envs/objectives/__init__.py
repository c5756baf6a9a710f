"""What robots are asked to do: environments without a robot.

An objective is an abstract `Environment`, parameterised by class attributes: a subclass gives it a
robot (`spec`), the robot's `root` body, a nominal pose and numbers, and needs no code:

    class Hexapod(RunForward):
        name, version, summary = "hexapod", 0, "..."
        root = "torso"
        keyframe = "stand"
        horizon, physics_steps = 250, 10
        weights = {**RunForward.weights, "action_rate": 0.1}

        @staticmethod
        def spec() -> mujoco.MjSpec: ...

Observation, actions, lockable joints and draws follow from the model. Robots are found through
names, never through positions in the model.
"""

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
