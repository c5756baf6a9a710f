"""Agents that cheat are caught; every shipped agent keeps the rules."""

import dataclasses

import numpy as np
import pytest

from fastadapt.adaptation.trials.agent_check import check_agent
from fastadapt.adaptation.trials.runner import measure, run_episode
from fastadapt.agents import make_agent
from fastadapt.agents.external import RandomAgent
from fastadapt.agents.interface import Transition
from fastadapt.agents.registry import AGENTS
from fastadapt.envs import FastadaptError, load_task_set, make_batch


@pytest.fixture(scope="module")
def reacher():
    return load_task_set("reacher-damage")


class Honest:
    """Remembers the mean observation of its shots, and nothing else."""

    name = "honest"

    def begin(self, num_tasks):
        self.mean, self.count = np.zeros((num_tasks, 16)), 0
        self.explored = False

    def act(self, observation, explore):
        self.explored |= explore
        return np.tanh(self.mean[:, :4] + observation[:, :4])

    def observe(self, transition):
        self.count += 1
        self.mean = self.mean + (transition.observation - self.mean) / self.count

    def end_episode(self, done):
        self.explored = False

    def snapshot(self):
        return self.mean.copy(), self.count, self.explored

    def restore(self, snapshot):
        self.mean, self.count, self.explored = snapshot[0].copy(), *snapshot[1:]


class CountsMeasuredEpisodes(Honest):
    episodes = 0

    def begin(self, num_tasks):
        super().begin(num_tasks)
        self.episodes = 0

    def end_episode(self, done):
        self.episodes += 1

    def act(self, observation, explore):
        return super().act(observation, explore) + 0.01 * self.episodes


class ForgetsToRestore(Honest):
    def restore(self, snapshot):
        pass


class KeepsStateOverBegin(Honest):
    kept = None

    def begin(self, num_tasks):
        super().begin(num_tasks)
        if self.kept is not None:
            self.mean[:] = self.kept

    def end_episode(self, done):
        self.kept = self.mean.mean(axis=0)


class RemembersItsThirdTrial(Honest):
    trials = 0

    def begin(self, num_tasks):
        super().begin(num_tasks)
        self.trials += 1

    def act(self, observation, explore):
        return super().act(observation, explore) + 0.1 * (self.trials > 4)


class ReadsInfo(Honest):
    def observe(self, transition):
        self.told = transition.info["task"]


class LooksAtItsNeighbours(Honest):
    def act(self, observation, explore):
        return super().act(observation, explore) - observation[:, :4].mean(axis=0)


class DrawsFromTheProcess(Honest):
    def act(self, observation, explore):
        return super().act(observation, explore) + np.random.default_rng().normal()


class WrongShape(Honest):
    def act(self, observation, explore):
        return np.zeros(4)


class Diverged(Honest):
    def act(self, observation, explore):
        return np.full((len(observation), 4), np.nan)


def test_an_honest_agent_passes(reacher):
    check_agent(Honest(), reacher)
    check_agent(RandomAgent(reacher), reacher)


@pytest.mark.parametrize(
    ("cheat", "told"),
    [
        (CountsMeasuredEpisodes, "learns from measured episodes"),
        (ForgetsToRestore, "learns from measured episodes"),
        (KeepsStateOverBegin, "is not reproducible"),
        (RemembersItsThirdTrial, "remembers tasks of earlier trials"),
        (LooksAtItsNeighbours, "depend on the tasks beside it"),
        (DrawsFromTheProcess, "is not reproducible"),
        (WrongShape, r"shape \(4,\)"),
        (Diverged, "not finite"),
    ],
)
def test_a_cheat_is_caught(cheat, told, reacher):
    with pytest.raises(FastadaptError, match=told):
        check_agent(cheat(), reacher)


def test_nothing_but_what_it_lived_reaches_an_agent(reacher):
    """There is no info to read, and info holds nothing about the task anyway."""
    names = {field.name for field in dataclasses.fields(Transition)}
    assert names == {
        "observation", "action", "reward", "next_observation", "terminated", "truncated"
    }  # fmt: skip
    with pytest.raises(AttributeError, match="info"):
        check_agent(ReadsInfo(), reacher)
    envs = make_batch(reacher, 2, 1)
    envs.set_tasks(reacher.tasks("test_iid")[:2])
    _, info = envs.reset(seed=0)
    *_, later = envs.step(np.zeros((2, 4)))
    parameters = {name.split(".")[0] for name in reacher.names}
    assert not parameters & {*info, *later}


@pytest.mark.parametrize("name", [*AGENTS, "random"])
def test_every_shipped_agent_keeps_the_rules(name, reacher):
    small = {} if name in ("random", "maml", "pearl") else {"num_envs": 2, "width": 16}
    agent = RandomAgent(reacher) if name == "random" else make_agent(name, reacher, **small)
    check_agent(agent, reacher)


def equal(one, other):
    """Compare snapshots, whatever they are made of, bit for bit."""
    if dataclasses.is_dataclass(one):
        pairs = ((getattr(one, f.name), getattr(other, f.name)) for f in dataclasses.fields(one))
        return all(equal(a, b) for a, b in pairs)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    if hasattr(one, "detach"):
        one, other = one.detach().numpy(), other.detach().numpy()
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=True)
    if hasattr(one, "__dict__") and vars(one):
        return equal(vars(one), vars(other))
    return one == other


@pytest.mark.parametrize("name", [*AGENTS, "random"])
def test_measuring_leaves_the_snapshot_as_it_was(name, reacher):
    small = {} if name in ("random", "maml", "pearl") else {"num_envs": 2, "width": 16}
    agent = RandomAgent(reacher) if name == "random" else make_agent(name, reacher, **small)
    envs = make_batch(reacher, 2, 1, context=getattr(agent, "context", "hidden"), horizon=15)
    envs.set_tasks(reacher.tasks("test_iid")[:2])
    agent.begin(2)
    run_episode(agent, envs, [1, 2], True)
    before = agent.snapshot()
    for number in range(3):
        measure(agent, envs, [number, number + 10])
    after = agent.snapshot()
    assert equal(before, after)
    run_episode(agent, envs, [3, 4], True)
    if name in ("rl2", "maml", "pearl", "random"):
        assert not equal(before, agent.snapshot())  # a shot does leave a trace
