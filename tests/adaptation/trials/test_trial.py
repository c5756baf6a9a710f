"""The trial runner: what is measured, what it costs, and what it leaves behind."""

import copy

import numpy as np
import pytest

from fastadapt.adaptation.evaluation.evaluate import evaluate
from fastadapt.adaptation.trials import runner
from fastadapt.adaptation.trials.runner import run_trials
from fastadapt.agents import make_agent
from fastadapt.envs import FastadaptError, load_task_set, make_batch
from fastadapt.envs.rng import key_of

SMALL = {"num_envs": 4, "width": 16}


@pytest.fixture(scope="module")
def reacher():
    return load_task_set("reacher-damage")


class CountingAgent:
    """Says what was asked of it; its action depends on how many shots it has lived."""

    def __init__(self, actions):
        self.actions = actions
        self.calls = []

    def begin(self, num_tasks):
        self.calls.append("begin")
        self.num, self.shots, self.steps = num_tasks, 0, 0
        self.explored = False

    def act(self, observation, explore):
        self.explored |= explore
        return np.full((self.num, self.actions), 0.1 * self.shots)

    def observe(self, transition):
        self.steps += 1

    def end_episode(self, done):
        assert done.all()
        self.calls.append("shot" if self.explored else "measured")
        self.shots += self.explored
        self.explored = False

    def snapshot(self):
        return self.shots, self.steps, self.explored

    def restore(self, snapshot):
        self.shots, self.steps, self.explored = snapshot


def measured(agent, task_set, tasks, shots=(0, 2), episodes=2, seed=0):
    envs = make_batch(task_set, len(tasks), 1, context=getattr(agent, "context", "hidden"))
    return run_trials(agent, envs, tasks, shots, episodes, seed)


def test_a_trial_is_measure_shot_shot_measure(reacher):
    agent = CountingAgent(4)
    found = measured(agent, reacher, reacher.tasks("test_iid")[:3])
    assert agent.calls == ["begin", "measured", "measured", "shot", "shot", "measured", "measured"]
    assert [(m.shot, m.episode) for m in found] == [(0, 0), (0, 1), (2, 0), (2, 1)]
    horizon = reacher.environment.horizon
    assert agent.steps == 2 * horizon  # measured steps were undone
    assert [m.ledger.env_steps.tolist() for m in found[::2]] == [[0] * 3, [2 * horizon] * 3]


class Push:
    """Commands the same torques whatever happens."""

    def __init__(self, torque):
        self.torque = torque

    def begin(self, num_tasks):
        self.num = num_tasks

    def act(self, observation, explore):
        return np.full((self.num, 4), self.torque)

    def observe(self, transition):
        pass

    def end_episode(self, done):
        pass

    def snapshot(self):
        pass

    def restore(self, snapshot):
        pass


def test_energy_is_the_work_of_the_actuators(reacher):
    """By hand on plain mujoco, from the same start; a robot that does not push does no work."""
    tasks = [reacher.nominal, *reacher.tasks("test_iid")[:2]]
    assert (measured(Push(0.0), reacher, tasks, (0,), 1)[0].episodes.energy == 0).all()
    found = measured(Push(0.3), reacher, tasks, (0,), 1)[0].episodes.energy
    envs = make_batch(reacher, 1, 1, backend="reference")
    envs.set_tasks(tasks[1])
    envs.reset(seed=[key_of(0, tasks[1].id, "measure", 0)])
    data, work = envs.sim._datas[0], 0.0
    for _ in range(reacher.environment.horizon):
        envs.step(np.full((1, 4), 0.3))
        force, speed = data.actuator_force, data.actuator_velocity
        work += 0.04 * sum(abs(f * v) for f, v in zip(force, speed, strict=True))
    assert found[1] == pytest.approx(work, rel=1e-9)
    assert (found > 1).all()


def test_a_fall_ends_the_work_and_costs_a_whole_shot():
    """Shots are counted in episodes: who falls early gets no more of them."""
    hopper = load_task_set("hopper-damage")
    tasks = hopper.tasks("test_iid")[:4]
    agent = make_agent("rl2", hopper, **SMALL)
    found = measured(agent, hopper, tasks, (0, 1, 3), 1)
    assert found[0].episodes.fell.all()
    assert len(set(found[0].episodes.length)) > 1
    steps = [m.ledger.env_steps for m in found]
    assert (steps[0] == 0).all()
    assert (steps[2] > steps[1]).all()
    assert (steps[1] < hopper.environment.horizon).all()


def test_an_agent_that_needs_no_shots_is_measured_once_and_stands_at_all(reacher, monkeypatch):
    tasks = reacher.tasks("test_iid")[:3]
    agent = make_agent("domain-randomised", reacher, **SMALL)
    runs = []
    monkeypatch.setattr(runner, "run_episode", counted(runner.run_episode, runs))
    once = measured(agent, reacher, tasks, (0, 2, 5), 2)
    assert len(runs) == 2
    agent.needs_shots = True
    often = measured(agent, reacher, tasks, (0, 2, 5), 2)
    assert len(runs) == 2 + 6 + 5
    for a, b in zip(once, often, strict=True):
        assert (a.shot, a.episode) == (b.shot, b.episode)
        np.testing.assert_array_equal(a.episodes.returns, b.episodes.returns)
        assert (a.ledger.env_steps == 0).all()  # no shot was run, so none is charged


def counted(function, calls):
    def call(*args, **options):
        calls.append(None)
        return function(*args, **options)

    return call


def test_measuring_does_not_teach(reacher):
    tasks = reacher.tasks("test_iid")[:3]
    agent = make_agent("rl2", reacher, **SMALL)
    envs = make_batch(reacher, 3, 1)
    once = run_trials(agent, envs, tasks, (0, 1), 1, 0)
    often = run_trials(agent, envs, tasks, (0, 1), 4, 0)
    for a in once:
        b = next(m for m in often if (m.shot, m.episode) == (a.shot, 0))
        assert np.array_equal(a.episodes.returns, b.episodes.returns)


def test_shots_meet_the_same_starts_and_goals(reacher):
    """A memoryless agent measures the same before and after: differences are paired."""
    agent = make_agent("domain-randomised", reacher, **SMALL)
    agent.needs_shots = True  # or it would be measured once
    found = measured(agent, reacher, reacher.tasks("test_iid")[:3], (0, 2), 1)
    assert np.array_equal(found[0].episodes.returns, found[1].episodes.returns)
    assert len(set(found[0].episodes.returns)) == 3


def test_tasks_differ_and_their_order_does_not_matter(reacher):
    tasks = reacher.tasks("test_iid")[:4]
    agent = CountingAgent(4)
    forward = measured(agent, reacher, tasks, (0,), 1)[0].episodes
    backward = measured(agent, reacher, tasks[::-1], (0,), 1)[0].episodes
    assert np.array_equal(forward.returns, backward.returns[::-1])
    alone = measured(agent, reacher, tasks[2:3], (0,), 1)[0].episodes
    assert alone.returns[0] == forward.returns[2]


def test_the_same_seed_gives_the_same_numbers_and_another_does_not(reacher):
    tasks = reacher.tasks("test_iid")[:2]
    agent = make_agent("rl2", reacher, **SMALL)
    runs = [measured(agent, reacher, tasks, seed=seed) for seed in (0, 0, 1)]
    values = [np.stack([m.episodes.returns for m in run]) for run in runs]
    assert np.array_equal(values[0], values[1])
    assert not np.array_equal(values[0], values[2])


@pytest.mark.parametrize(
    ("shots", "episodes", "named"), [((), 1, "shots"), ((-1,), 1, "shots"), ((0,), 0, "episodes")]
)
def test_numbers_that_make_no_sense_are_named(reacher, shots, episodes, named):
    with pytest.raises(FastadaptError, match=named):
        measured(CountingAgent(4), reacher, reacher.tasks("test_iid")[:1], shots, episodes)


@pytest.mark.parametrize("name", ["rl2", "domain-randomised", "oracle"])
def test_every_agent_can_be_measured_before_any_training(name, reacher):
    found = measured(make_agent(name, reacher, **SMALL), reacher, reacher.tasks("validation")[:2])
    assert all(np.isfinite(m.episodes.returns).all() for m in found)


@pytest.mark.parametrize("name", ["rl2", "maml", "pearl"])
def test_the_table_does_not_depend_on_batch_size_or_threads(name, reacher):
    """Bit for bit: what one task gives alone is what it gives beside 39 others."""
    small = SMALL if name == "rl2" else {}
    agent = make_agent(name, reacher, **small)
    columns = ["task_id", "shot", "episode", "return", "distance", "energy", "length"]

    def table(count, threads):
        part = copy.copy(reacher)
        part.tasks = lambda split: reacher.tasks(split)[:count]
        found = evaluate(agent, part, "validation", (0, 1), 1, num_threads=threads)
        return found.table[columns]

    whole = table(20, 2)
    for count, threads in ((1, 1), (3, 1), (7, 2)):
        rows = table(count, threads)
        assert np.array_equal(rows, whole[np.isin(whole["task_id"], rows["task_id"])])
