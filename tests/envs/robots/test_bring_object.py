"""Bringing an object to a goal with a custom robot: a gantry with a turning finger."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs.objectives.bring_object import BringObject
from fastadapt.envs.simulation.factory import make_simulation
from fastadapt.errors import FastadaptError

GANTRY = """
<mujoco>
  <option timestep="0.005" integrator="implicitfast"/>
  <worldbody>
    <geom name="floor" type="plane" size="1 1 0.1"/>
    <body name="object" pos="0.2 0 0.02"><freejoint/><geom type="box" size="0.02 0.02 0.02"/></body>
    <body name="fixed" pos="2 0 0.02"><geom type="box" size="0.02 0.02 0.02"/></body>
    <body name="x" pos="0 0 0.02" gravcomp="1">
      <joint name="x" type="slide" axis="1 0 0" range="-1 1"/>
      <geom type="sphere" size="0.01" mass="1"/>
      <body name="turn" gravcomp="1">
        <joint name="turn" axis="0 0 1"/>
        <geom type="capsule" fromto="0 0 0 0.1 0 0" size="0.01" mass="0.1"/>
        <site name="tip" pos="0.1 0 0"/>
      </body>
    </body>
  </worldbody>
  <actuator>
    <position name="x" joint="x" kp="1000" kv="60" gear="2" CTRL/>
    <position name="turn" joint="turn" kp="10" kv="1"/>
  </actuator>
  <keyframe><key name="start" qpos="0.2 0.1 0.02 1 0 0 0 0 0.5" ctrl="0 0.5"/></keyframe>
</mujoco>
"""


def gantry(ctrl="", xml=GANTRY, **attributes):
    """Return an environment class for the gantry."""

    class Gantry(BringObject):
        name, version, summary = "gantry", 0, "a gantry"
        lockable = ()
        physics_steps, horizon = 4, 50
        joints = ("x", "turn")
        keyframe = "start"
        increments = (0.02, 0.1)

        @staticmethod
        def spec():
            return mujoco.MjSpec.from_string(xml.replace("CTRL", ctrl))

    for name, value in attributes.items():
        setattr(Gantry, name, value)
    return Gantry


def made(cls, robots=3):
    sim = make_simulation(cls.model(), robots, num_threads=1, forward=True)
    env = cls(sim)
    ids = np.arange(robots)
    env.reset(ids, np.random.default_rng(0).random((robots, cls.reset_draws)))
    sim.forward(ids)
    return env, sim


def test_everything_follows_from_the_attributes():
    cls = gantry()
    env, sim = made(cls)
    assert cls.reset_draws == 8
    assert env.observation().shape == (3, len(cls.observations))
    units = {channel.name: channel.unit for channel in cls.observations}
    assert units["x position"] == units["x target - position"] == "m"
    assert units["turn velocity"] == "rad/s"
    assert [(a.unit, a.low, a.high) for a in cls.actions()] == [
        ("0.02 m", -1, 1),
        ("0.1 rad", -1, 1),
    ]
    away = sim.data("qpos")[:, :2] - [0.2, 0.1]  # of the keyframe, not of the model
    assert 0 < np.abs(away).max() <= 0.05
    np.testing.assert_allclose(env.distance(), np.linalg.norm(env._to_goal(), axis=1))
    assert (env.distance() >= 0.1).all()
    goal = cls.model().body("goal")  # added: the model has none
    assert cls.model().geom_contype[goal.geomadr[0]] == 0


def test_targets_follow_the_initial_joints_through_the_gear():
    _, sim = made(gantry())
    np.testing.assert_allclose(sim.data("ctrl")[:, 0], 2 * sim.data("qpos")[:, 7])
    np.testing.assert_allclose(sim.data("ctrl")[:, 1], sim.data("qpos")[:, 8])


@pytest.mark.parametrize(("ctrl", "limit"), [("", np.inf), ('ctrlrange="-0.05 0.05"', 0.05)])
def test_targets_stay_in_the_control_range_if_there_is_one(ctrl, limit):
    env, sim = made(gantry(ctrl, joint_noise=0.0))
    for _ in range(5):
        sim.data("ctrl")[:] = env.controls(np.ones((3, 2)))
    np.testing.assert_allclose(sim.data("ctrl")[:, 0], min(0.1, limit))


def test_without_increments_an_action_is_the_control():
    xml = GANTRY.replace('kv="1"/>', 'kv="1" ctrlrange="-2 2"/>')
    cls = gantry('ctrlrange="-1 1"', xml, increments=())
    env, _ = made(cls)
    action = np.array([[0.3, -0.2]])
    np.testing.assert_array_equal(env.controls(action), action)
    assert [(a.low, a.high) for a in cls.actions()] == [(-1, 1), (-2, 2)]
    assert not [c for c in cls.observations if "target" in c.name]


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        (
            {"object_body": "fixed"},
            "Body 'fixed' cannot be brought to a goal: it has no free joint",
        ),
        ({"object_body": "objekt"}, "no body 'objekt'.*'object'"),
        ({"tip": "top"}, "no site 'top'.*'tip'"),
        ({"keyframe": "stat"}, "no keyframe 'stat'.*'start'"),
        ({"goal_body": "fixed"}, "Body 'fixed' cannot show the goal: it is not a mocap body"),
    ],
)
def test_what_is_missing_gets_a_sentence(attributes, message):
    cls = gantry(**attributes)
    with pytest.raises(FastadaptError, match=message):
        cls(make_simulation(cls.model(), 1, num_threads=1, forward=True))


def test_a_control_without_a_range_gets_a_sentence():
    with pytest.raises(FastadaptError, match=r"Actuator 'x' has no ctrlrange.*increments"):
        gantry(increments=()).actions()
