"""Swapped-context control: shots are the agent's own, measurements use another task's context."""

import itertools
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastadapt.adaptation import evaluate
from fastadapt.adaptation.trials.runner import run_episode
from fastadapt.agents import make_agent
from fastadapt.agents.controls.swapped import SwappedContext, swap_order
from fastadapt.envs import FastadaptError, load_task_set, make_batch

SMALL = {
    "rl2": {"width": 8},
    "maml": {"width": 8},
    "pearl": {"width": 8, "encoder_width": 8, "num_tasks": 4},
}


@pytest.fixture
def robots(reacher):
    envs = make_batch(reacher, 3, 1)
    envs.set_tasks(reacher.sample("train", 3))
    return envs


def after_a_shot(agent, robots):
    agent.begin(3)
    agent.key_exploration(np.arange(3, dtype=np.uint64))
    run_episode(agent, robots, [0, 1, 2], True)
    return agent


@pytest.mark.parametrize("name", SMALL)
def test_measured_is_the_next_trial_and_shots_are_ones_own(name, reacher, robots):
    plain = after_a_shot(make_agent(name, reacher, seed=1, **SMALL[name]), robots)
    control = after_a_shot(SwappedContext(make_agent(name, reacher, seed=1, **SMALL[name])), robots)
    seen = np.ones((3, 16)) * [[0.3], [0.2], [0.1]]
    start = plain.snapshot()
    expected = [plain.act(np.tile(seen[i - 1], (3, 1)), False)[i] for i in (1, 2, 0)]
    plain.restore(start)
    kept = control.snapshot()
    assert not np.allclose(expected[0], expected[1])
    found = []
    for i in range(3):
        found.append(control.act(np.tile(seen[i], (3, 1)), False)[i])
        control.restore(kept)
        control.snapshot()
    control.restore(kept)
    if name != "rl2":  # whose memory runs on with every call of `act`
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    else:
        np.testing.assert_allclose(found[0], expected[0], rtol=1e-6)
    np.testing.assert_array_equal(control.act(seen, True), plain.act(seen, True))
    assert control.name == f"{name}-exchanged"
    assert control.adaptation_gradient_steps == plain.adaptation_gradient_steps


@given(st.lists(st.sampled_from("abcdef"), min_size=2, max_size=30))
def test_contexts_are_always_of_another_task(tasks):
    if len(set(tasks)) == 1:
        with pytest.raises(FastadaptError, match="cannot be swapped: evaluate at least 2"):
            swap_order(tasks)
        return
    order = swap_order(tasks)
    assert all(tasks[i] != tasks[j] for i, j in enumerate(order))


def test_different_tasks_pass_their_context_on_in_turn():
    assert swap_order(["c", "a", "b", "d"]).tolist() == [1, 2, 3, 0]
    assert swap_order(["c", "c", "c", "d", "a"]).tolist() == [3, 3, 3, 4, 0]


class Noted:
    """An agent that infers nothing, and records how contexts were swapped."""

    name, orders = "noted", None

    def begin(self, num_tasks):
        self.orders = []

    def act(self, observation, explore):
        return np.zeros((len(observation), 6))

    def swap_context(self, order):
        self.orders.append(order)

    def observe(self, transition): ...
    def end_episode(self, done): ...
    def snapshot(self): ...
    def restore(self, snapshot): ...


def test_a_split_that_repeats_tasks_swaps_between_different_ones():
    task_set, agent = load_task_set("l2a-cheetah-disabled-joint"), Noted()
    evaluate(SwappedContext(agent), task_set, "test_iid", (0,), 1, num_threads=1)
    ids = [task.id for task in task_set.tasks("test_iid")]
    assert any(one == other for one, other in itertools.pairwise(ids))  # some repeat
    assert agent.orders
    assert all(ids[i] != ids[j] for order in agent.orders for i, j in enumerate(order))


def test_a_split_too_small_for_swapping_is_refused(reacher, tmp_path):
    text = Path(str(files("fastadapt.assets") / "task_sets" / "reacher-damage.toml")).read_text()
    path = tmp_path / "small.toml"
    path.write_text(text.replace("count = 20", "count = 3"))
    agent = SwappedContext(make_agent("rl2", reacher, width=8))
    with pytest.raises(FastadaptError, match=r"'validation' has 3 tasks; .* at least 4"):
        evaluate(agent, load_task_set(path), "validation", (0,), 1, num_threads=1)


def test_a_single_task_and_a_memoryless_agent_are_refused(reacher):
    with pytest.raises(FastadaptError, match="evaluate at least 2"):
        SwappedContext(make_agent("rl2", reacher, width=8)).begin(1)
    with pytest.raises(FastadaptError, match="'oracle' holds no context"):
        SwappedContext(make_agent("oracle", reacher, width=8))
