"""Objectives: environments without a robot.

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

Observation, actions, lockable joints and draws follow from the model. Parts of the robot are found
by name, never by their position in the model. An installed package adds objectives through the
entry-point group `fastadapt.objectives`; a table `[environment]` uses them by name.
"""
