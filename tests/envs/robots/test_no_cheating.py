"""Versions 1 of cheetah and quadruped: what is not running or walking pays next to nothing."""

import numpy as np
import pytest

from fastadapt.envs import find_environment, make_batch
from fastadapt.envs.robots.cheetah_upright import lowest_point
from fastadapt.envs.tasks.catalogue import nominal_task_set

ROBOTS = 8
WALKING = {"cheetah-v1": 1000.0, "quadruped-v1": 400.0}
"""Returns of trained policies without a memory, of which none was trained for this reward: the
shipped `nominal-sac-0` has 1064, a recurrent policy for `quadruped-v0` 409."""


def returns(name, policy, steps=None):
    """Return the returns, `(N,)`, lengths, `(N,)`, and last info of one episode."""
    batch = make_batch(nominal_task_set(find_environment(name)), ROBOTS, 1)
    batch.reset(seed=0)
    shape, rng = batch.action_space.shape, np.random.default_rng(0)
    total, length, info = np.zeros(ROBOTS), np.zeros(ROBOTS), {}
    for _ in range(steps or batch.environment.horizon):
        _, reward, terminated, truncated, info = batch.step(policy(rng, shape))
        total, length = total + reward, length + ~(terminated | truncated)
    return total, length, info


def still(rng, shape):
    return np.zeros(shape)


def wild(rng, shape):
    return rng.uniform(-1.0, 1.0, shape)


def nervous(rng, shape):
    return 0.3 * rng.normal(size=shape)


def stretched(rng, shape):
    return np.ones(shape)


@pytest.mark.parametrize("name", WALKING)
@pytest.mark.parametrize("policy", [still, wild, nervous, stretched])
def test_one_line_policies_earn_clearly_less_than_walking(name, policy):
    total, *_ = returns(name, policy)
    assert total.mean() < 0.15 * WALKING[name]
    assert total.max() < 0.25 * WALKING[name]


@pytest.mark.parametrize("name", WALKING)
def test_living_badly_is_better_than_falling_at_once(name):
    """On v0, the return of random actions is negative: less than an early fall."""
    old = name.removesuffix("-v1")
    assert returns(old, wild)[0].mean() < 0 < returns(name, wild)[0].min()


def test_standing_is_paid_less_than_on_version_0():
    old, new = (returns(name, still)[0] for name in ("quadruped", "quadruped-v1"))
    assert old.mean() > 0.3 * 500
    np.testing.assert_allclose(new, 0.1 * 500, rtol=0.05)


def test_rocking_to_and_fro_is_paid_as_little_as_standing():
    """A trunk that is moved at twice the command, to and fro: half of the time at that speed."""
    batch = make_batch(nominal_task_set(find_environment("quadruped-v1")), ROBOTS, 1)
    batch.reset(seed=0)
    environment, qpos = batch.environment, batch.sim.data("qpos").copy()
    action, walked = np.zeros(batch.action_space.shape), []
    for step in range(200):
        qvel = np.zeros(batch.sim.data("qvel").shape)
        qvel[:, 0] = environment.command * (1 if step % 20 < 10 else -1)
        batch.set_state(qpos, qvel)
        before = environment.before_step()
        environment.remember(np.arange(ROBOTS), action)
        qvel[:, 0] = environment.command * (1 if (step + 1) % 20 < 10 else -1)
        batch.set_state(qpos, qvel)
        walked.append(environment.reward(before, action)[1]["reward_walk"])
    assert np.mean(walked[:9]) > 0.8  # its first swing forward is new ground
    assert np.abs(walked[10:]).max() < 1e-9


def test_walking_at_the_command_pays_in_full_and_falling_nothing_more():
    batch = make_batch(nominal_task_set(find_environment("quadruped-v1")), ROBOTS, 1)
    batch.reset(seed=0)
    environment, qvel = batch.environment, np.zeros(batch.sim.data("qvel").shape)
    action = np.zeros(batch.action_space.shape)
    for share, paid in ((0.0, 0.0), (0.5, 0.5), (1.0, 1.0), (1.5, 0.5), (2.5, 0.0)):
        qvel[:, 0] = share * environment.command
        batch.set_state(batch.sim.data("qpos").copy(), qvel)
        terms = environment.reward(environment.before_step(), action)[1]
        np.testing.assert_allclose(terms["reward_walk"], paid * terms["quality"], atol=1e-9)
        np.testing.assert_array_equal(terms["walking"], share >= 0.5)


def overturn(batch, forward=0.0):
    """Put every cheetah on its back."""
    qpos, qvel = batch.sim.data("qpos").copy(), np.zeros(batch.sim.data("qvel").shape)
    qpos[:, 1], qpos[:, 2], qpos[:, 3:], qvel[:, 0] = -0.3, np.pi, 0.0, forward
    batch.set_state(qpos, qvel)


def test_sliding_on_its_back_is_not_paid_and_ends_after_a_second():
    batch = make_batch(nominal_task_set(find_environment("cheetah-v1")), ROBOTS, 1)
    batch.reset(seed=0)
    overturn(batch, forward=5.0)
    for step in range(1, 25):
        _, reward, terminated, _, info = batch.step(np.zeros(batch.action_space.shape))
        assert terminated.all() == (step >= 20)
        if step <= 20:
            assert info["overturned"].all()
            assert (reward <= 0).all()
    assert info["distance"].min() > 0.5  # it did slide


def test_a_cheetah_that_rights_itself_runs_on():
    batch = make_batch(nominal_task_set(find_environment("cheetah-v1")), 2, 1)
    batch.reset(seed=0)
    upright = batch.sim.data("qpos").copy()
    for _ in range(3):
        overturn(batch)
        for _ in range(15):
            _, _, terminated, *_ = batch.step(np.zeros(batch.action_space.shape))
        batch.set_state(upright, np.zeros_like(batch.sim.data("qvel")))
        batch.step(np.zeros(batch.action_space.shape))
    assert not terminated.any()


def test_an_ant_on_its_back_is_reported():
    batch = make_batch(nominal_task_set(find_environment("ant")), 3, 1)
    batch.reset(seed=0)
    qpos = batch.sim.data("qpos").copy()
    qpos[:, 2], qpos[:, 3:7] = 0.6, [[1, 0, 0, 0], [0, 1, 0, 0], [0.8, 0, 0.6, 0]]
    batch.set_state(qpos, np.zeros_like(batch.sim.data("qvel")))
    *_, info = batch.step(np.zeros(batch.action_space.shape))
    assert info["overturned"].tolist() == [0, 1, 0]


def test_a_quadruped_that_stands_does_not_walk():
    for name in ("quadruped", "quadruped-v1"):
        assert not returns(name, still, 20)[2]["walking"].any()


def test_going_backward_on_its_back_is_charged():
    batch = make_batch(nominal_task_set(find_environment("cheetah-v1")), ROBOTS, 1)
    batch.reset(seed=0)
    overturn(batch, forward=-5.0)
    _, reward, *_ = batch.step(np.zeros(batch.action_space.shape))
    assert (reward < -1).all()


def test_cheetahs_start_on_the_ground_in_widely_different_poses():
    batch = make_batch(nominal_task_set(find_environment("cheetah-v1")), 200, 1)
    batch.reset(seed=0)
    model, qpos = batch.sim.model, batch.sim.data("qpos")
    np.testing.assert_allclose(lowest_point(model, qpos), 0.01, atol=1e-9)
    low, high = model.jnt_range[3:].T
    share = (qpos[:, 3:] - low) / (high - low)
    assert share.min() > 0.099
    assert share.max() < 0.901
    np.testing.assert_allclose(share.std(axis=0), 0.8 / np.sqrt(12), rtol=0.1)


def test_the_lowest_point_is_that_of_the_model():
    import mujoco

    model = find_environment("cheetah-v1").model()
    rng, data = np.random.default_rng(0), mujoco.MjData(model)
    qpos = rng.uniform(-1.5, 1.5, (20, model.nq))
    expected = []
    for pose in qpos:
        data.qpos[:] = pose
        mujoco.mj_kinematics(model, data)
        ends = []
        for geom in range(1, model.ngeom):
            radius, half = model.geom_size[geom, :2]
            axis = data.geom_xmat[geom].reshape(3, 3)[:, 2]
            ends.append(data.geom_xpos[geom][2] - abs(axis[2]) * half - radius)
        expected.append(min(ends))
    np.testing.assert_allclose(lowest_point(model, qpos), expected, atol=1e-9)
