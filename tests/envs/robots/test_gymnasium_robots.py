"""Hopper, walker and ant are Gymnasium's v5 when nothing is perturbed."""

from typing import NamedTuple

import gymnasium as gym
import mujoco
import numpy as np
import pytest

from fastadapt.envs import find_environment, make_batch
from tests.support.backends import BACKENDS
from tests.support.declared import constant, declare

STEPS = 199
WITHOUT_CONTACTS = {"include_cfrc_ext_in_observation": False, "contact_cost_weight": 0}
ROBOTS = {
    "hopper": ("Hopper-v5", {}),
    "walker2d": ("Walker2d-v5", {}),
    "ant": ("Ant-v5", WITHOUT_CONTACTS),
}


class Episode(NamedTuple):
    """One episode of Gymnasium's robot from a given state, each `(T, ...)` but the start."""

    start: tuple[np.ndarray, np.ndarray]
    actions: np.ndarray
    observations: np.ndarray
    rewards: np.ndarray
    terminated: np.ndarray
    infos: list


def theirs(gym_id, settings, size, seed):
    """Return episodes of random actions of all sizes, some beyond the limits."""
    env = gym.make(gym_id, **settings).unwrapped
    rng = np.random.default_rng(seed)
    found = []
    for i in range(8):
        env.reset(seed=seed + i)
        start = env.data.qpos.copy(), env.data.qvel.copy()
        actions = rng.uniform(-size, size, (STEPS, env.action_space.shape[0])) * 0.25 ** (i % 4)
        steps = []
        for action in actions:
            steps.append(env.step(action))
            if steps[-1][2]:
                break
        observations, rewards, terminated, _, infos = zip(*steps, strict=True)
        arrays = (np.array(a) for a in (observations, rewards, terminated))
        found.append(Episode(start, actions, *arrays, list(infos)))
    env.close()
    return found


def declared(robot):
    weak = {"name": "weak", "kind": "weak-actuator", "targets": ["*"], "strength": constant(0.5)}
    return declare(robot, weak)


@pytest.fixture(scope="module", params=ROBOTS)
def pair(request):
    """Return a task set of a robot and episodes of Gymnasium's."""
    gym_id, settings = ROBOTS[request.param]
    return declared(request.param), theirs(gym_id, settings, 1.3, 3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_same_numbers(pair, backend):
    task_set, episodes = pair
    batch = make_batch(task_set, len(episodes), 2, backend)
    batch.set_tasks(task_set.sample("train", len(episodes)))
    batch.reset(seed=0)
    batch.set_tasks(task_set.nominal)  # back to nominal: as if nothing had been
    batch.reset()
    qpos, qvel = (np.array(a) for a in zip(*(e.start for e in episodes), strict=True))
    batch.set_state(qpos, qvel)
    compared = 0
    for t in range(max(len(e.rewards) for e in episodes)):
        ours = batch.step(np.array([e.actions[t] for e in episodes]))
        for i, episode in enumerate(episodes):
            if t >= len(episode.rewards):
                assert ours[2][i]  # it stays terminated
                assert ours[1][i] == 0
                continue
            compared += 1
            np.testing.assert_array_equal(ours[0][i], episode.observations[t])
            assert ours[1][i] == pytest.approx(episode.rewards[t], rel=1e-13, abs=1e-13)
            assert ours[2][i] == episode.terminated[t]
            assert not ours[3][i]
            for name in set(ours[4]) & set(episode.infos[t]):
                known = pytest.approx(episode.infos[t][name], rel=1e-13, abs=1e-13)
                assert ours[4][name][i] == known, name
    assert compared > 4 * 50
    assert any(e.terminated[-1] for e in episodes)
    assert {"reward_forward", "reward_ctrl", "reward_survive", "x_velocity"} <= set(ours[4])


def test_a_perturbed_one_differs(pair):
    task_set, episodes = pair
    batch = make_batch(task_set, 1, 1)
    batch.set_tasks(task_set.sample("train", 1))
    batch.reset(seed=0)
    batch.set_state(*episodes[0].start)
    observation = batch.step(episodes[0].actions[:1])[0][0]
    assert not np.array_equal(observation, episodes[0].observations[0])


def test_reset_is_distributed_as_theirs(pair):
    task_set, _ = pair
    gym_id, settings = ROBOTS[task_set.environment.name]
    env = gym.make(gym_id, **settings).unwrapped
    seen = []
    for seed in range(400):
        env.reset(seed=seed)
        seen.append((env.data.qpos.copy(), env.data.qvel.copy()))
    env.close()
    qpos, qvel = (np.array(a) for a in zip(*seen, strict=True))
    batch = make_batch(task_set, 2000, 1)
    batch.reset(seed=0)
    for ours, known in ((batch.sim.data("qpos"), qpos), (batch.sim.data("qvel"), qvel)):
        scale = known.std(axis=0)
        np.testing.assert_allclose(ours.std(axis=0), scale, rtol=0.2)
        assert (np.abs(ours.mean(axis=0) - known.mean(axis=0)) < 0.3 * scale).all()
    assert np.abs(batch.sim.data("qpos") - batch.sim.model.qpos0).max() <= qpos.std() * 10


@pytest.mark.parametrize("robot", ROBOTS)
def test_time_limit_is_truncation(robot):
    task_set = declared(robot)
    cls = find_environment(robot)
    batch = make_batch(task_set, 1, 1)
    batch.reset(seed=0)
    upright = batch.sim.model.qpos0.copy()
    for t in range(cls.horizon):
        batch.set_state(upright, np.zeros(batch.sim.model.nv))  # held up by hand
        *_, terminated, truncated, info = batch.step(np.zeros((1, batch.sim.model.nu)))
        assert not terminated[0]
        assert truncated[0] == (t == cls.horizon - 1)
        assert not info["diverged"][0]
    seconds = cls.horizon * cls.control_step()
    assert seconds == pytest.approx({"hopper": 8, "walker2d": 8, "ant": 10}[robot])


@pytest.mark.parametrize("robot", ROBOTS)
def test_everything_has_a_name_and_names_change_no_physics(robot):
    cls = find_environment(robot)
    model = cls.model()
    for kind, count in (("body", model.nbody), ("joint", model.njnt), ("geom", model.ngeom)):
        names = [getattr(model, kind)(i).name for i in range(count)]
        assert all(names), (kind, names)
    joints = {model.joint(i).name for i in range(model.njnt)}
    actuators = [model.actuator(i).name for i in range(model.nu)]
    assert set(actuators) == set(cls.lockable) <= joints
    for i, name in enumerate(actuators):
        assert model.actuator_trnid[i, 0] == model.joint(name).id
    assert {model.geom(foot).name for foot in cls.feet} == set(cls.feet)
    plain = gym.make(ROBOTS[robot][0]).unwrapped.model
    for field in ("body_mass", "body_inertia", "geom_size", "dof_damping", "actuator_gear"):
        np.testing.assert_array_equal(getattr(model, field), getattr(plain, field), err_msg=field)


@pytest.mark.parametrize("robot", [*ROBOTS, "cheetah"])
def test_feet_touch_the_ground_first(robot):
    """Dropped from above in the nominal pose; the ant's legs spread out level, as it stands."""
    cls = find_environment(robot)
    model, data = cls.model(), mujoco.MjData(cls.model())
    data.qpos[1 if robot != "ant" else 2] += 0.3
    if robot == "ant":
        for leg, sign in zip((1, 2, 3, 4), (1, -1, -1, 1), strict=True):
            data.joint(f"ankle_{leg}").qpos[0] = sign * 1.0
    for _ in range(2000):
        mujoco.mj_step(model, data)
        touching = {model.geom(g).name for g in data.contact.geom.ravel()} - {"floor"}
        if touching:
            break
    assert touching
    assert touching <= set(cls.feet)


def test_hopper_ends_beyond_any_limit_of_its_state():
    batch = make_batch(declared("hopper"), 5, 1)
    batch.reset(seed=0)
    qpos, qvel = np.tile(batch.sim.model.qpos0, (5, 1)), np.zeros((5, 6))
    qpos[1, 1], qpos[2, 2] = 0.69, 0.21
    qvel[3, 4] = 101.0
    qpos[4, 0] = 500.0  # a hopper may have come far
    qpos[:, 1] += [0, 0, 0, 10, 0]  # high up: nothing hits a limit
    batch.sim.data("qpos")[:], batch.sim.data("qvel")[:] = qpos, qvel
    np.testing.assert_array_equal(batch.environment.terminated(), [False, True, True, True, False])


def test_walker_ends_when_it_has_fallen_or_flown():
    batch = make_batch(declared("walker2d"), 5, 1)
    batch.reset(seed=0)
    qpos = np.tile(batch.sim.model.qpos0, (5, 1))
    qpos[1, 1], qpos[2, 1], qpos[3, 2], qpos[4, 2] = 0.79, 2.01, 1.01, -1.01
    batch.sim.data("qpos")[:] = qpos
    np.testing.assert_array_equal(batch.environment.terminated(), [False, True, True, True, True])


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_first_look_at_a_written_field_moves_nothing(backend):
    """The ant's reward reads what the last physics step left, which `mj_forward` would renew."""
    task_set = declared("ant")
    rewards = []
    for look in (False, True):
        batch = make_batch(task_set, 2, 1, backend)
        batch.reset(seed=0)
        actions = np.random.default_rng(0).uniform(-1, 1, (6, 2, 8))
        seen = []
        for t, action in enumerate(actions):
            if look and t == 3:
                for name in ("xfrc_applied", "eq_active", "qacc_warmstart", "warning"):
                    batch.sim.data(name)
            seen.append(batch.step(action)[1])
        rewards.append(np.array(seen))
    np.testing.assert_array_equal(*rewards)
