"""Emptied memory, constant context, calibrated: what each takes away, and what it leaves."""

import numpy as np
import pytest
import torch

from fastadapt.agents import Transition, make_agent
from fastadapt.agents.controls.calibrated import Calibrated
from fastadapt.agents.controls.constant import ConstantContext
from fastadapt.agents.controls.emptied import EmptiedMemory
from fastadapt.envs import FastadaptError

N, SEEN = 4, 16
SMALL = {
    "rl2": {"width": 8},
    "rl2-continuing": {"width": 8},
    "rma": {"width": 8},
    "window": {"width": 8, "frames": 3},
    "recurrent": {"width": 8},
    "pearl": {"width": 8, "encoder_width": 8, "num_tasks": 4},
    "maml": {"width": 8},
    "fine-tune": {"width": 8},
}
WITH_MEMORY = ("rl2", "rl2-continuing", "rma", "window", "recurrent")
FLAGS = np.zeros(N, bool)


def lively(name, task_set):
    """Return an agent whose actions depend visibly on what it sees."""
    agent = make_agent(name, task_set, seed=1, **SMALL.get(name, {"width": 8}))
    for part in ("network", "policy"):
        module = getattr(agent, part, None)
        for layer in module.modules() if isinstance(module, torch.nn.Module) else ():
            if isinstance(layer, torch.nn.Linear):
                torch.nn.init.normal_(layer.weight, std=0.7)
    return agent


def live(agent, observations):
    """Act on observations `(T, N, SEEN)` in turn; the last action and reward are always alike."""
    actions = []
    for seen in observations:
        actions.append(agent.act(seen, False))
        action = np.full_like(actions[-1], 0.1)
        agent.observe(Transition(seen, action, np.ones(N), seen, FLAGS, FLAGS))
    return np.stack(actions)


def paths(steps, seed=0):
    return np.random.default_rng(seed).normal(size=(steps, N, SEEN))


@pytest.mark.parametrize("name", WITH_MEMORY)
def test_an_emptied_memory_is_blind_to_what_lies_before_and_to_nothing_else(name, reacher):
    now = paths(3, 5)
    for every in (1, 2, 50):
        control = EmptiedMemory(lively(name, reacher), every)
        ends = []
        for seed in (1, 2):  # two pasts of four steps: emptied before step 4 if 4 % every == 0
            control.begin(N)
            live(control, paths(4, seed))
            ends.append(live(control, now))
        same = np.array_equal(*ends)
        assert same == (every < 50), every
    plain, control = lively(name, reacher), EmptiedMemory(lively(name, reacher), 50)
    for agent in (plain, control):
        agent.begin(N)
    expected, found = live(plain, now), live(control, now)
    np.testing.assert_array_equal(expected, found)  # 50 steps are never over
    assert control.name == f"{name}-memory-50"


@pytest.mark.parametrize("name", ["rl2", "recurrent", "rma"])
def test_the_last_reward_and_action_are_inputs_and_stay(name, reacher):
    control, ends = EmptiedMemory(lively(name, reacher), 1), []
    for done in (-1.0, 1.0):
        control.begin(N)
        seen = np.zeros((N, SEEN))
        action = np.full_like(control.act(seen, False), done)
        control.observe(Transition(seen, action, np.ones(N), seen, FLAGS, FLAGS))
        ends.append(control.act(seen, False))
    assert not np.array_equal(*ends)


def test_measuring_leaves_the_count_of_steps_alone(reacher):
    control = EmptiedMemory(lively("rl2", reacher), 3)
    control.begin(N)
    live(control, paths(2))
    kept = control.snapshot()
    once = live(control, paths(5, 3))
    control.restore(kept)
    np.testing.assert_array_equal(once, live(control, paths(5, 3)))


@pytest.mark.parametrize("name", SMALL)
def test_what_is_held_is_what_it_acts_on(name, reacher):
    agent = lively(name, reacher)
    agent.begin(N)
    live(agent, paths(4))
    inferred, seen = agent.inferred(), paths(1, 9)[0]
    if name in ("pearl", "maml", "fine-tune"):  # they infer at the end of a shot: invent something
        inferred = inferred + np.arange(N)[:, None]
    assert len(inferred) == N
    agent.hold(inferred)
    np.testing.assert_allclose(agent.inferred(), inferred, rtol=1e-5, atol=1e-6)
    expected = agent.act(seen, False)
    agent.begin(N)
    fresh = agent.act(seen, False)
    agent.begin(N)
    agent.hold(inferred[::-1])
    swapped = agent.act(seen[::-1], False)[::-1]
    if name not in ("rl2", "recurrent", "rl2-continuing", "rma", "window"):
        np.testing.assert_allclose(swapped, expected, rtol=1e-5, atol=1e-6)
    assert not np.allclose(expected, fresh)


@pytest.mark.parametrize("name", SMALL)
def test_a_constant_context_ignores_the_past_and_its_tasks(name, reacher):
    agent = lively(name, reacher)
    agent.begin(N)
    control = ConstantContext(agent, agent.inferred()[0] + 0.3)
    seen, ends = np.tile(paths(1, 9)[0][:1], (N, 1)), []
    for seed in (1, 2):
        control.begin(N)
        live(control, paths(4, seed))
        ends.append(control.act(seen, False))
        np.testing.assert_allclose(ends[-1], np.tile(ends[-1][:1], (N, 1)), rtol=1e-4)
    np.testing.assert_array_equal(*ends)
    assert not control.needs_shots
    assert control.name == f"{name}-constant-context"


def test_who_has_nothing_to_take_away_is_refused(reacher):
    for name in ("domain-randomised", "oracle-sac", "nominal-continuing", "pearl", "maml"):
        with pytest.raises(FastadaptError, match="no memory of control steps"):
            EmptiedMemory(make_agent(name, reacher, **SMALL.get(name, {"width": 8})), 1)
    for name in ("domain-randomised", "oracle-sac", "nominal-continuing"):
        with pytest.raises(FastadaptError, match="infers nothing"):
            ConstantContext(make_agent(name, reacher, width=8), np.zeros(3))
    with pytest.raises(FastadaptError, match="--every 0"):
        EmptiedMemory(make_agent("rl2", reacher, width=8), 0)
    with pytest.raises(FastadaptError, match="has a memory or adapts"):
        Calibrated(make_agent("rl2", reacher, width=8), np.arange(2), np.zeros(2))


class Copies:
    """A memoryless policy whose action is what it sees."""

    name, needs_shots = "copies", False

    def begin(self, num_tasks): ...
    def act(self, observation, explore):
        return observation.copy()

    def observe(self, transition):
        self.observed = transition

    def end_episode(self, done): ...
    def snapshot(self): ...
    def restore(self, snapshot): ...


def test_the_first_reading_of_each_episode_is_zero():
    agent = Copies()
    control = Calibrated(agent, np.array([0, 2]), np.array([0.5, -0.5]))
    control.begin(2)
    first = np.array([[1.0, 7.0, 1.0], [2.0, 8.0, 2.0]])
    np.testing.assert_allclose(control.act(first, False), [[0.5, 7.0, -0.5], [0.5, 8.0, -0.5]])
    later = first + 0.25
    expected = [[0.75, 7.25, -0.25], [0.75, 8.25, -0.25]]
    np.testing.assert_allclose(control.act(later, False), expected)
    control.observe(Transition(first, first, np.ones(2), later, FLAGS[:2], FLAGS[:2]))
    np.testing.assert_allclose(agent.observed.next_observation, expected)
    kept = control.snapshot()
    control.end_episode(np.array([True, False]))
    again = control.act(later, False)
    np.testing.assert_allclose(again, [[0.5, 7.25, -0.5], [0.75, 8.25, -0.25]])
    control.restore(kept)
    np.testing.assert_allclose(control.act(later, False), expected)
    np.testing.assert_allclose(first, [[1.0, 7.0, 1.0], [2.0, 8.0, 2.0]])  # untouched
