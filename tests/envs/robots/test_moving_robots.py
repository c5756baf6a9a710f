"""Objectives with a moving root: memory, root motion, actions, errors."""

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from fastadapt.envs import FastadaptError, make_batch
from fastadapt.envs.objectives.moving_robot import force_limits
from fastadapt.envs.objectives.posed_robot import is_servo
from fastadapt.envs.objectives.root_motion import RootMotion
from fastadapt.envs.objectives.run_forward import RunForward
from fastadapt.envs.robots.quadruped import Quadruped
from fastadapt.envs.simulation.factory import make_simulation
from tests.support.declared import constant, declare

ROBOTS = {"quadruped": "trunk", "hexapod": "torso"}


@pytest.fixture(scope="module", params=sorted(ROBOTS))
def nominal(request):
    mass = {"name": "it", "kind": "mass", "targets": [ROBOTS[request.param]]}
    return declare(request.param, mass | {"scale": constant(1.0)})


def previous(batch):
    return batch.environment.previous_action()


def test_the_previous_action_belongs_to_one_robot_and_one_episode(nominal):
    batch = make_batch(nominal, 3, 1)
    batch.reset(seed=0)
    assert not previous(batch).any()
    action = np.random.default_rng(0).uniform(-1, 1, batch.action_space.shape)
    observation, *_ = batch.step(action)
    np.testing.assert_array_equal(previous(batch), action)
    np.testing.assert_array_equal(observation[:, -action.shape[1] :], action)
    observation, _ = batch.reset(options={"reset_mask": np.array([False, True, False])})
    expected = action * [[1], [0], [1]]
    np.testing.assert_array_equal(observation[:, -action.shape[1] :], expected)


def test_a_snapshot_of_the_state_has_the_memory(nominal):
    batch = make_batch(nominal, 2, 1)
    batch.reset(seed=0)
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (3, *batch.action_space.shape))
    batch.step(actions[0])
    state = batch.sim.states()
    first = [batch.step(action)[:2] for action in actions[1:]]
    batch.reset(seed=7)
    batch.sim.set_states(state, np.arange(2))
    batch.sim.forward()
    second = [batch.step(action)[:2] for action in actions[1:]]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one[0], other[0])
        np.testing.assert_array_equal(one[1], other[1])


def test_an_ended_episode_remembers_no_further_action(nominal):
    batch = make_batch(nominal, 2, 1)
    batch.reset(seed=0)
    qpos = batch.sim.data("qpos").copy()
    upside_down = Rotation.from_euler("x", 180, degrees=True).as_quat(scalar_first=True)
    qpos[0, 2], qpos[0, 3:7] = 0.5, upside_down
    batch.set_state(qpos, np.zeros_like(batch.sim.data("qvel")))
    ones = np.ones(batch.action_space.shape)
    last, _, terminated, *_ = batch.step(0.5 * ones)
    assert terminated.tolist() == [True, False]
    later, *_ = batch.step(ones)
    np.testing.assert_array_equal(later[0], last[0])
    assert (previous(batch) == [[0.5], [1.0]]).all()


def test_actions_beyond_the_limits_count_as_the_limit(nominal):
    batch = make_batch(nominal, 2, 1)
    batch.reset(seed=0)
    many = np.random.default_rng(0).uniform(-3, 3, (5, *batch.action_space.shape))
    loud = [batch.step(action) for action in many]
    batch.reset(seed=0)
    for action, one in zip(np.clip(many, -1, 1), loud, strict=True):
        for a, b in zip(batch.step(action)[:2], one[:2], strict=True):
            np.testing.assert_array_equal(a, b)


def test_gravity_is_what_an_inertial_unit_on_a_slope_reads(nominal):
    batch = make_batch(nominal, 2, 1)
    batch.reset(seed=0)
    angle = np.deg2rad(10)
    batch.sim.field("gravity")[1] = 9.81 * np.array([-np.sin(angle), 0, -np.cos(angle)])
    down = batch.environment.down(batch.environment.body.read())
    np.testing.assert_allclose(down[0], [0, 0, -1], atol=1e-12)
    np.testing.assert_allclose(down[1], [-np.sin(angle), 0, -np.cos(angle)], atol=1e-12)


SLIDES = """<mujoco><worldbody><body name="root" pos="0 0 0.4">
  <joint name="x" type="slide" axis="1 0 0"/><joint name="z" type="slide" axis="0 0 1"/>
  <joint name="pitch" axis="0 1 0"/>
  <geom size="0.1"/><body pos="0.3 0 0.1"><joint name="j" axis="0 1 0"/><geom size="0.05"/></body>
</body></worldbody></mujoco>"""
FREE = """<mujoco><worldbody><body name="root" pos="0 0 0.4"><freejoint/><geom size="0.1"/>
  <body pos="0.3 0 0.1"><joint name="j" axis="0 1 0"/><geom size="0.05"/></body>
</body></worldbody></mujoco>"""


def test_a_root_on_slides_and_hinges_moves_as_a_free_one():
    """Velocities from `cvel` are those of the body's origin, and angles agree."""
    rng = np.random.default_rng(0)
    x, z, pitch, joint, vx, vz, spin, speed = rng.normal(size=(8, 5))
    sims = [
        make_simulation(mujoco.MjModel.from_xml_string(xml), 5, num_threads=1, forward=True)
        for xml in (SLIDES, FREE)
    ]
    sims[0].data("qpos")[:] = np.stack([x, z, pitch, joint], axis=1)
    sims[0].data("qvel")[:] = np.stack([vx, vz, spin, speed], axis=1)
    turned = Rotation.from_rotvec(np.outer(pitch, [0, 1, 0])).as_quat(scalar_first=True)
    zero = np.zeros(5)
    qpos = [np.stack([x, zero, 0.4 + z], axis=1), turned, joint[:, None]]
    sims[1].data("qpos")[:] = np.concatenate(qpos, axis=1)
    sims[1].data("qvel")[:] = np.stack([vx, zero, vz, zero, spin, zero, speed], axis=1)
    readings = []
    for sim in sims:
        motion = RootMotion(sim, "root", sim.model.qpos0)
        motion.read()
        sim.forward()
        readings.append(motion.read())
    for one, other in zip(*readings, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_body_axes_are_the_worlds_in_the_nominal_pose():
    """However the maker of a robot has turned the frame of its root."""
    turned = Rotation.from_euler("xyz", [90, 20, -40], degrees=True)
    model = mujoco.MjModel.from_xml_string(FREE)
    sim = make_simulation(model, 4, num_threads=1)
    nominal = model.qpos0.copy()
    nominal[3:7] = turned.as_quat(scalar_first=True)
    rng = np.random.default_rng(0)
    moved = Rotation.from_rotvec(rng.normal(size=(4, 3)))
    sim.data("qpos")[:, 3:7] = (moved * turned).as_quat(scalar_first=True)
    spin = rng.normal(size=(4, 3))  # in the world
    sim.data("qvel")[:, 3:6] = (moved * turned).inv().apply(spin)
    motion = RootMotion(sim, "root", nominal).read()
    np.testing.assert_allclose(motion.axes, moved.as_matrix(), atol=1e-12)
    np.testing.assert_allclose(motion.spin, moved.inv().apply(spin), atol=1e-12)
    np.testing.assert_allclose(motion.to_body(spin), moved.inv().apply(spin), atol=1e-12)


CART = """<mujoco><worldbody><body name="root" pos="0 0 0.1">
  <joint name="slide" type="slide" axis="1 0 0" range="-1 1" limited="true"/><geom size="0.1"/>
  <body name="arm"><joint name="hinge" axis="0 1 0"/><geom type="capsule" fromto="0 0 0 0 0 1"
  size="0.02"/></body></body></worldbody><actuator>
  <motor name="push" joint="slide" gear="3" ctrlrange="-2 6" ctrllimited="true"/>
  <position name="turn" joint="hinge" kp="5"/></actuator></mujoco>"""


class Cart(RunForward):
    name, version, summary = "cart", 0, "a cart with a motor and a servo"
    physics_steps, horizon, root = 2, 10, "root"

    @staticmethod
    def spec():
        return mujoco.MjSpec.from_string(CART)


def test_motors_get_their_control_range_and_servos_an_angle():
    environment = Cart(make_simulation(Cart.model(), 2, num_threads=1))
    controls = environment.controls(np.array([[1.0, 1.0], [-0.5, -2.0]]))
    np.testing.assert_allclose(controls, [[6.0, 0.3], [0.0, -0.3]])
    assert [is_servo(Cart.model(), i) for i in range(2)] == [False, True]
    assert [(a.name, a.unit) for a in Cart.actions()] == [
        ("push", "12 N"),
        ("turn", "0.3 rad from nominal"),
    ]
    units = {c.name: c.unit for c in Cart.observations}
    assert units["slide - nominal"] == "m"
    assert units["hinge velocity"] == "rad/s"
    assert Cart.needs_forward
    assert Cart.lockable == ("slide", "hinge")


def test_the_largest_force_of_an_actuator_is_found_wherever_it_stands():
    joint = '<joint name="hinge" axis="0 1 0"'
    limited = f'{joint} actuatorfrcrange="-4 4" actuatorfrclimited="true"'
    for text, expected in (
        (CART, [6.0, 5.0]),
        (CART.replace(joint, limited), [6.0, 4.0]),
        (CART.replace('kp="5"', 'kp="5" forcerange="-2 2" forcelimited="true"'), [6.0, 2.0]),
    ):
        limits = force_limits(mujoco.MjModel.from_xml_string(text))
        np.testing.assert_allclose(limits, expected)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"keyframe": "stnd"}, "no keyframe 'stnd'.*'stand'"),
        ({"root": "tronk"}, "no root body 'tronk'.*'trunk'"),
        ({"action_scale": {"FL_*": 0.2}}, "no pattern that matches actuator 'FR_hip'"),
    ],
)
def test_wrong_names_get_a_sentence(changed, message):
    cls = type("Wrong", (Quadruped,), changed)
    with pytest.raises(FastadaptError, match=message):
        cls(make_simulation(cls.model(), 1, num_threads=1))


def test_a_motor_without_a_range_gets_a_sentence():
    text = CART.replace('ctrlrange="-2 6" ctrllimited="true"', "")
    cls = type(
        "Unlimited", (Cart,), {"spec": staticmethod(lambda: mujoco.MjSpec.from_string(text))}
    )
    with pytest.raises(FastadaptError, match=r"'push' is not a position servo and has no ctrl"):
        cls.actions()


@pytest.mark.parametrize(
    ("robot", "limb", "feet"),
    [("quadruped", "FL_calf", 4), ("quadruped", "FL_hip", 4), ("hexapod", "l1_tibia", 6)],
)
def test_a_severed_foot_costs_nothing(robot, limb, feet):
    """The remains move on at the height of the ground; the other feet cost what they did."""
    severed = {"name": "it", "kind": "severed-limb", "targets": [limb]}
    task_set = declare(robot, severed)
    environments = make_batch(task_set, 2, 1)
    environments.set_tasks([task_set.nominal, task_set.sample("train", 1)[0]])
    environments.reset(seed=[0, 0])
    objective = environments.environment
    environments.sim.data("qvel")[:, 0] = 0.8  # a robot that slides along as it stands
    environments.sim.forward()
    nominal, damaged = objective._drag()
    assert nominal == pytest.approx(0.8, rel=0.1)
    assert damaged == pytest.approx(nominal * (feet - 1) / feet, rel=0.05)
