"""The goals of the meta-RL literature: rewards by hand, and nothing tells the goal but them."""

import numpy as np
import pytest

from fastadapt.envs import find_environment, make_batch
from tests.support.backends import BACKENDS
from tests.support.declared import constant, declare, with_values
from tests.support.rolls import random_actions, roll

FAMILIES = {
    "cheetah-velocity": ("cheetah", {"velocity": (-0.5, 2.5)}),
    "cheetah-direction": ("cheetah", {"direction": (-1.0, 1.0)}),
    "ant-direction": ("ant", {"direction": (0.7, 4.0)}),
    "ant-goal": ("ant", {"direction": (0.7, 4.0), "squared_distance": (1.0, 9.0)}),
}


def declared(family):
    """Return a task set of a family, and the nominal task and one for each row of its goals."""
    goals = FAMILIES[family][1]
    blocks = [
        {"name": name, "kind": "goal", "targets": [name], "value": constant(values[0])}
        for name, values in goals.items()
    ]
    task_set = declare(family, *blocks)
    rows = zip(*goals.values(), strict=True)
    tasks = [
        with_values(task_set, **{f"{n}__value__{n}": v for n, v in zip(goals, row, strict=True)})
        for row in rows
    ]
    return task_set, [task_set.nominal, *tasks]


def goals_of(family):
    """Return the goals of the tasks of `declared`, by name, each `(tasks,)`."""
    nominal = {goal.name: goal.nominal for goal in find_environment(family).goals}
    return {n: np.array([nominal[n], *values]) for n, values in FAMILIES[family][1].items()}


@pytest.fixture(params=FAMILIES)
def family(request):
    return request.param


def test_the_goal_is_hidden(family):
    """Robots with other goals see and do the same; the observation is that of the base robot."""
    task_set, tasks = declared(family)
    actions = 0.3 * np.repeat(random_actions(task_set, 20, 1), 3, axis=1)  # gently: nobody falls
    batch = make_batch(task_set, 3, 1)
    batch.set_tasks(tasks)
    observation, info = batch.reset(seed=[4] * 3)
    assert info == {}
    base = find_environment(FAMILIES[family][0])
    own = find_environment(family)
    assert own.observations[-len(base.observations) :] == base.observations
    assert "goal" not in " ".join(channel.name for channel in own.observations)
    seen, rewards, infos = [observation], [], []
    for action in actions:
        observation, reward, _, _, info = batch.step(action)
        seen.append(observation)
        rewards.append(reward)
        infos.append(info)
    for one in seen:
        np.testing.assert_array_equal(one, np.repeat(one[:1], 3, axis=0))
    assert all(len(set(reward)) == 3 or family == "cheetah-direction" for reward in rewards)
    told = {"distance", "speed_over_command", "success"}
    told |= {name for name in info if name.startswith("reward_")}
    for name in set(info) - told:  # what does not measure success is the same for all
        np.testing.assert_array_equal(info[name], np.repeat(info[name][:1], 3), err_msg=name)


def test_the_robot_is_the_base_robot(family):
    """Same start, same motion as without any goal."""
    task_set, tasks = declared(family)
    base = declare(
        FAMILIES[family][0],
        {"name": "weak", "kind": "weak-actuator", "targets": ["*"], "strength": constant(0.5)},
    )
    actions = random_actions(task_set, 30, 3)
    ours, theirs = roll(task_set, tasks, actions), roll(base, base.nominal, actions)
    np.testing.assert_array_equal(ours.qpos[0], theirs.qpos[0])
    if family != "ant-goal":  # which never terminates
        np.testing.assert_array_equal(ours.qpos, theirs.qpos)
        np.testing.assert_array_equal(ours.observations, theirs.observations)
        assert not np.array_equal(ours.rewards, theirs.rewards)


def by_hand(family, goals, before, after, action, height):
    """Return the reward by the formula of the paper from positions in the plane, `(N, 2)`."""
    velocity = (after - before) / 0.05
    square = np.sum(np.clip(action, -np.inf, np.inf) ** 2, axis=1)
    if family == "cheetah-velocity":
        return -np.abs(velocity[:, 0] - goals["velocity"]) - 0.05 * square
    if family == "cheetah-direction":
        return goals["direction"] * velocity[:, 0] - 0.05 * square
    angle = goals["direction"]
    if family == "ant-direction":
        ahead = velocity[:, 0] * np.cos(angle) + velocity[:, 1] * np.sin(angle)
        return ahead - 0.5 * square + ((height >= 0.2) & (height <= 1.0))
    radius = np.sqrt(goals["squared_distance"])
    place = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return -np.abs(after - place).sum(axis=1) - 0.1 * square


@pytest.mark.parametrize("backend", BACKENDS)
def test_rewards_by_hand(family, backend):
    task_set, tasks = declared(family)
    batch = make_batch(task_set, 3, 1, backend)
    batch.set_tasks(tasks)
    batch.reset(seed=0)
    sim, goals = batch.sim, goals_of(family)
    torso = sim.model.body("torso").id

    def place():
        return (
            sim.data("xpos")[:, torso, :2] if "ant" in family else sim.data("qpos")[:, :2]
        ).copy()

    place()
    height = sim.data("qpos")[:, 2]
    for action in random_actions(task_set, 20, 3) * 0.3:
        before = place()
        _, reward, terminated, _, info = batch.step(action)
        expected = by_hand(family, goals, before, place(), action, height)
        np.testing.assert_allclose(reward[~terminated], expected[~terminated], rtol=1e-12)
        parts = sum(value for name, value in info.items() if name.startswith("reward_"))
        np.testing.assert_allclose(reward[~terminated], parts[~terminated], rtol=1e-12, atol=1e-12)


def test_distance_is_measured_towards_the_goal(family):
    task_set, tasks = declared(family)
    batch = make_batch(task_set, 3, 1)
    batch.set_tasks(tasks)
    batch.reset(seed=0)
    plane = np.array([[1.0, 0.0], [0.5, 2.0], [-1.0, -3.0]])
    batch.sim.data("qpos")[:, : 2 if "ant" in family else 1] = plane[
        :, : 2 if "ant" in family else 1
    ]
    goals, distance = goals_of(family), batch.environment.distance()
    if family == "cheetah-velocity":
        np.testing.assert_array_equal(distance, plane[:, 0])
    elif family == "cheetah-direction":
        np.testing.assert_array_equal(distance, goals["direction"] * plane[:, 0])
    else:
        unit = np.stack([np.cos(goals["direction"]), np.sin(goals["direction"])], axis=1)
        if family == "ant-direction":
            np.testing.assert_allclose(distance, (unit * plane).sum(axis=1))
        else:
            to = unit * np.sqrt(goals["squared_distance"])[:, None] - plane
            np.testing.assert_allclose(distance, np.hypot(*to.T))


def test_a_goal_may_change_within_an_episode(family):
    task_set, tasks = declared(family)
    batch = make_batch(task_set, 2, 1)
    batch.set_tasks(tasks[1])
    batch.reset(seed=[1, 1])
    action = np.repeat(random_actions(task_set, 2, 1), 2, axis=1)
    first = batch.step(action[0])
    assert first[1][0] == first[1][1]
    batch.set_tasks(tasks[2], mask=[False, True])
    observation, reward, *_ = batch.step(action[1])
    np.testing.assert_array_equal(observation[0], observation[1])
    assert reward[0] != reward[1]


def test_horizons_and_ends():
    for family in FAMILIES:
        assert find_environment(family).horizon == 200
        assert find_environment(family).control_step() == pytest.approx(0.05)
    for family, ends in (("ant-direction", True), ("ant-goal", False), ("ant", True)):
        cls = find_environment(family)
        set_of = declared(family)[0] if cls.goals else None
        if set_of is None:
            continue
        batch = make_batch(set_of, 1, 1)
        batch.reset(seed=0)
        batch.sim.data("qpos")[:, 2] = 0.1
        assert batch.environment.terminated()[0] == ends
