"""Success: verdicts by hand, declared by every environment, changed by a table."""

import numpy as np
import pytest

from fastadapt.envs import list_environments, list_task_sets, load_task_set, make_batch
from fastadapt.envs.catalogue import find_environment
from fastadapt.envs.environment import Environment
from fastadapt.envs.objectives.catalogue import OBJECTIVES, find_objective
from fastadapt.envs.success import Success, SuccessMeter, criterion_of
from fastadapt.envs.tasks.schema import parse_task_file
from fastadapt.envs.tasks.task_set import TaskSet
from fastadapt.errors import FastadaptError

STEP = 0.1


def verdict(criterion, values, fell=False, diverged=False):
    """The verdict on one robot with these values of `distance`, one for each control step."""
    meter = SuccessMeter(criterion, 1, STEP)
    meter.reset(np.array([0]))
    found = None
    for step, value in enumerate(values, 1):
        last = step == len(values)
        flags = (np.array([last and fell]), np.array([last and not fell]))
        broken = np.array([last and diverged])
        measures = {"distance": np.array([value]), "diverged": broken}
        found = meter.judge(measures, np.array([True]), np.array([step]), *flags)
        assert last or not found[0]  # no verdict before the end
    assert found is not None
    return bool(found[0])


def test_at_the_end_alone():
    rule = Success(at_least=5.0)
    assert verdict(rule, [0, 9, 5.0])
    assert not verdict(rule, [9, 9, 4.9])


def test_held_for_the_last_seconds():
    rule = Success(at_most=0.03, held=0.3)  # three steps
    assert verdict(rule, [1, 1, 0.03, 0.01, 0.02])
    assert not verdict(rule, [0, 0, 0, 0, 0.04])  # there, and away at the last moment
    assert not verdict(rule, [1, 1, 1, 0.0, 0.0])  # a moment too late
    assert not verdict(rule, [0, 0, 0.1, 0, 0])  # passed by, again and again
    assert verdict(rule, [0, 0])  # an episode that is shorter: all of it


def test_on_average_from_a_time_on():
    rule = Success(at_least=-0.2, at_most=0.2, average_after=0.2)
    assert verdict(rule, [-9, -9, 1, -1, 0.3])  # mean 0.1; the start does not count
    assert not verdict(rule, [0, 0, 1, 1, 1])
    assert not verdict(rule, [0, 0])  # nothing was measured


def test_a_fall_or_a_broken_simulation_is_no_success():
    rule = Success(at_least=1.0)
    assert verdict(rule, [2])
    assert not verdict(rule, [2], fell=True)
    assert not verdict(rule, [2], diverged=True)
    assert verdict(Success(at_least=1.0, may_fall=True), [2], fell=True)
    assert not verdict(rule, [np.nan])


def test_robots_are_judged_apart_and_keep_their_verdict():
    meter = SuccessMeter(Success(at_least=1.0, held=0.2), 2, STEP)
    none, both, first = np.zeros(2, bool), np.ones(2, bool), np.array([True, False])

    def judge(values, running, elapsed, truncated):
        measures = {"distance": np.array(values), "diverged": none}
        return meter.judge(measures, running, np.array(elapsed), none, truncated).tolist()

    meter.reset(np.arange(2))
    assert judge([2.0, 0.0], both, [1, 1], none) == [False, False]
    assert judge([2.0, 0.0], both, [2, 2], first) == [True, False]
    # The first robot waits, whatever is measured of it.
    assert judge([9.0, 2.0], ~first, [2, 3], first) == [True, False]
    assert judge([0.0, 2.0], ~first, [2, 4], both) == [True, True]
    meter.reset(np.array([0]))
    assert judge([0.0, 2.0], first, [1, 4], both) == [False, True]


@pytest.mark.parametrize("name", sorted(list_environments()))
def test_every_environment_has_a_criterion(name):
    assert isinstance(find_environment(name).success, Success)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_has_a_criterion(name):
    classes = find_objective(name).__mro__
    assert "success" in {
        attribute for c in classes if c is not Environment for attribute in vars(c)
    }


@pytest.mark.parametrize("name", ["cheetah-damage", "reacher-damage", "hopper-damage"])
def test_a_robot_that_does_nothing_has_no_success(name):
    """One line that would fake a success: stand still."""
    task_set = load_task_set(name)
    envs = make_batch(task_set, 4, 1)
    envs.reset(seed=0)
    done, info = np.zeros(4, bool), {}
    while not done.all():
        *_, terminated, truncated, info = envs.step(np.zeros((4, *envs.single_action_space.shape)))
        done = terminated | truncated
        assert info["success"].dtype == bool
        assert not info["success"].any()
        assert "success" in info


def test_a_tip_at_its_goal_succeeds_at_the_end_of_the_episode():
    """The goal of the first robot comes to its tip, half a second before the end."""
    envs = make_batch(load_task_set("reacher-dynamics"), 2, 1)
    envs.reset(seed=0)
    found = []
    for step in range(75):
        before = envs.sim.data("site_xpos")[0, 0].copy()
        *_, info = envs.step(np.zeros((2, 4)))
        if step >= 60:
            swing = envs.sim.data("site_xpos")[0, 0] - before
            envs.sim.data("mocap_pos")[0, 0] = envs.sim.data("site_xpos")[0, 0] + swing
        found.append((info["success"].tolist(), info["distance"][0] < 0.03))
    assert [verdict for verdict, _ in found[:-1]] == [[False, False]] * 74
    held = all(near for _, near in found[-13:])
    assert found[-1][0] == [held, False]
    assert held


SOURCE = """
name = "toy"
version = 0
environment = "cheetah"
[splits.train]
count = 2
"""


def toy(more=""):
    text = SOURCE + more
    return TaskSet(parse_task_file(text, "toy.toml"), text, None)


def test_a_table_changes_the_criterion_and_no_hash():
    plain, changed = toy(), toy("[success]\nat_least = 10.0\n")
    assert plain.success is not None
    assert changed.success is not None
    assert plain.success.at_least == 26.6
    assert changed.success == Success(at_least=10.0)
    assert plain.hash == changed.hash
    assert [t.id for t in plain.tasks("train")] == [t.id for t in changed.tasks("train")]
    other = toy('[success]\nmeasure = "x_velocity"\nat_least = 1.0\naverage_after = 2.0\n').success
    assert str(other) == "mean x_velocity at least 1, from 2 s on, without a fall"


def test_hashes_of_shipped_task_sets_are_those_of_their_frozen_tasks():
    for name in list_task_sets():
        task_set = load_task_set(name)
        assert task_set.frozen is not None
        assert task_set.frozen["hash"] == task_set.hash


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('measur = "distance"', "Did you mean 'measure'"),
        ("held = -1.0", "success.held must be at least 0"),
        ('at_least = "far"', "success.at_least must be a number"),
        ("at_least = 3.0\nat_most = 1.0", "'at_least' is more than 'at_most'"),
        ('measure = "x_velocity"', "give 'at_least', 'at_most' or both"),
        ("held = 0.5\naverage_after = 1.0", "exclude each other"),
    ],
)
def test_a_wrong_table_is_refused_in_one_sentence(table, words):
    with pytest.raises(FastadaptError, match=words) as caught:
        toy(f"[success]\n{table}\n")
    assert "\n" not in str(caught.value)


def test_an_unknown_measure_is_named_at_the_first_step():
    envs = make_batch(toy('[success]\nmeasure = "x_velocty"\nat_least = 1.0\n'), 1, 1)
    envs.reset(seed=0)
    with pytest.raises(FastadaptError, match="Did you mean 'x_velocity'"):
        envs.step(np.zeros((1, 6)))


def test_an_environment_without_a_criterion_has_no_success(monkeypatch):
    monkeypatch.setattr(find_environment("cheetah"), "success", None)
    envs = make_batch(toy(), 1, 1)
    envs.reset(seed=0)
    assert "success" not in envs.step(np.zeros((1, 6)))[-1]
    assert criterion_of(None, None) is None
    with pytest.raises(FastadaptError, match="declares success as"):
        criterion_of(lambda info: True, None)
