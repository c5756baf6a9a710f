"""PEARL as an agent: what it believes, when, and from what."""

import numpy as np
import pytest
import torch

from fastadapt.adaptation.trials.runner import run_trials
from fastadapt.agents import (
    AdaptiveAgent,
    Transition,
    list_agents,
    make_agent,
)
from fastadapt.agents.pearl.trial import PEARLTrial
from fastadapt.agents.rollout.transitions import TransitionScale, pack
from fastadapt.envs import FastadaptError, make_batch
from tests.agents.ppo.test_rl2 import live

TINY = {
    "num_envs": 6,
    "num_tasks": 10,
    "width": 16,
    "encoder_width": 16,
    "latent": 3,
    "replay": 400,
    "sac": {"gradient_steps": 5, "tasks": 4, "batch": 8, "context": 16},
}


@pytest.fixture
def pearl(reacher):
    return make_agent("pearl", reacher, seed=3, **TINY)


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def live_a_shot(agent, envs):
    actions = live(agent, envs, 75, explore=True)
    agent.end_episode(np.ones(envs.num_envs, bool))
    return actions


def test_it_is_an_agent(pearl):
    assert "pearl" in list_agents()
    assert isinstance(pearl, AdaptiveAgent)


def test_a_trial_begins_with_the_prior_exactly(pearl, robots):
    pearl.begin(6)
    live_a_shot(pearl, robots)
    pearl.begin(6)
    mean, std = pearl.belief
    assert np.array_equal(mean, np.zeros((6, 3)))
    assert np.array_equal(std, np.ones((6, 3)))


def test_beliefs_change_at_the_end_of_an_episode_and_sharpen_with_shots(pearl, robots):
    pearl.begin(6)
    live(pearl, robots, 75, explore=True)
    assert (pearl.belief[1] == 1).all()
    pearl.end_episode(np.ones(6, bool))
    stds = [pearl.belief[1]]
    assert (stds[0] < 1).all()
    for _ in range(2):
        live_a_shot(pearl, robots)
        stds.append(pearl.belief[1])
    assert (stds[1] < stds[0]).all()
    assert (stds[2] < stds[1]).all()


def check_context_of_the_whole_trial(agent, envs):
    """The belief after two shots is the encoder's on all 150 transitions at once."""
    agent.begin(6)
    rows = []
    observe = agent.observe

    def listening(transition):
        rows.append(agent._pack(transition))
        observe(transition)

    agent.observe = listening
    for _ in range(2):
        live_a_shot(agent, envs)
    with torch.no_grad():
        expected = agent.networks.encoder(agent._scale.context(np.stack(rows, 1)))
    assert len(rows) == 150
    np.testing.assert_allclose(agent.belief[0], expected.mean, atol=1e-5)
    np.testing.assert_allclose(agent.belief[1], expected.variance.sqrt(), rtol=1e-4)


def test_beliefs_are_of_all_context_of_the_trial(pearl, robots):
    check_context_of_the_whole_trial(pearl, robots)


def test_z_is_drawn_anew_for_every_shot_and_stays_within_it(pearl, robots):
    pearl.begin(6)
    first = pearl.snapshot()[0].z
    live(pearl, robots, 75, explore=True)
    assert torch.equal(pearl.snapshot()[0].z, first)
    pearl.end_episode(np.ones(6, bool))
    assert (pearl.snapshot()[0].z != first).all()
    assert len(np.unique(first.numpy())) == first.numel()  # every robot its own


def test_measured_episodes_act_on_the_mean_and_leave_no_trace(pearl, robots):
    pearl.begin(6)
    live_a_shot(pearl, robots)
    snapshot, belief = pearl.snapshot(), pearl.belief
    observation, _ = robots.reset(seed=1)
    inputs = torch.cat([pearl._scale.observations(observation), pearl._trial.belief.mean], -1)
    with torch.no_grad():
        expected = torch.tanh(pearl.networks.policy(inputs)[0])
    np.testing.assert_allclose(pearl.act(observation, False), expected, atol=1e-6)
    once = live(pearl, robots, 75)
    pearl.end_episode(np.ones(6, bool))
    assert not np.array_equal(pearl.belief[0], belief[0])
    pearl.restore(snapshot)
    assert np.array_equal(pearl.belief[0], belief[0])
    assert np.array_equal(live(pearl, robots, 75), once)


def test_shots_may_act_on_the_mean(reacher, robots):
    agent = make_agent("pearl", reacher, seed=3, **{**TINY, "explore": "mean"})
    agent.begin(6)
    z = agent.snapshot()[0].z
    observation, _ = robots.reset(seed=0)
    agent._trial.z = z + 1.0
    first = agent.act(observation, True)
    agent._trial.z = z - 1.0
    assert np.array_equal(agent.act(observation, True), first)


def test_what_ended_robots_go_through_is_no_context(pearl):
    pearl.begin(2)
    observation = np.ones((2, 12))[:, : pearl._scale._observations]
    size = pearl._scale._observations
    observation, ended = np.ones((2, size)), np.array([True, False])

    def pass_by(value):
        pearl.observe(
            Transition(observation * value, np.zeros((2, 4)), np.ones(2), observation, ended, ended)
        )

    pass_by(1.0)
    snapshot = pearl.snapshot()
    beliefs = []
    for second in (2.0, -3.0):
        pearl.restore(snapshot)
        pass_by(second)
        pearl.end_episode(np.ones(2, bool))
        beliefs.append(pearl.belief[0])
    assert np.array_equal(beliefs[0][0], beliefs[1][0])
    assert not np.array_equal(beliefs[0][1], beliefs[1][1])


def test_episodes_that_end_apart_give_the_same_beliefs(pearl, robots):
    """Robots told one by one that their episode is over, as online trials do."""
    pearl.begin(6)
    live(pearl, robots, 75, explore=True)
    snapshot = pearl.snapshot()
    pearl.end_episode(np.ones(6, bool))
    expected = pearl.belief
    pearl.restore(snapshot)
    for robot in range(6):
        pearl.end_episode(np.arange(6) == robot)
    for got, wanted in zip(pearl.belief, expected, strict=True):
        np.testing.assert_allclose(got, wanted, atol=1e-6)


def test_a_trial_does_not_depend_on_its_neighbours(pearl, reacher):
    tasks = reacher.tasks("test_iid")[:5]
    returns = []
    for chosen in (tasks, tasks[2:4]):
        envs = make_batch(reacher, len(chosen), 1)
        found = run_trials(pearl, envs, chosen, (0, 1, 2), 1, 0)
        returns.append(np.array([m.episodes.returns for m in found]))
    np.testing.assert_allclose(returns[0][:, 2:4], returns[1], rtol=1e-3)


def test_it_can_be_measured_before_any_training(pearl, reacher):
    envs = make_batch(reacher, 3, 1)
    found = run_trials(pearl, envs, reacher.tasks("test_iid")[:3], (0, 2), 1, 0)
    assert all(np.isfinite(m.episodes.returns).all() for m in found)
    assert found[-1].ledger.env_steps.tolist() == [150] * 3


def test_next_observations_and_rewards_are_in_the_context(pearl):
    scale = pearl._scale
    size = scale._observations
    zeros = np.zeros((1, size))
    rows = pack(zeros, np.zeros((1, 4)), np.zeros(1), zeros, np.zeros(1, bool))
    plain = scale.context(rows)
    columns = {"s": 0, "s'": size, "a": 2 * size, "r": 2 * size + 4}
    for what, column in columns.items():
        changed = rows.copy()
        changed[0, column] += 0.5
        assert not torch.equal(scale.context(changed), plain), what
    failed = rows.copy()
    failed[0, -1] = 1.0
    assert torch.equal(scale.context(failed), plain)
    first = next(pearl.networks.encoder.parameters())
    assert first.shape[1] == scale.context_size == 2 * size + 4 + 1


def test_the_first_iteration_visits_every_training_task(pearl, reacher, robots):
    metrics = pearl.meta_train(robots, reacher, 0)
    assert (pearl.replay.filled > 0).all()
    assert metrics["env_steps"] == 12 * 150  # two rounds of six robots, ten tasks
    assert {"return_mean", "seconds_simulating", "kl", "critic_loss"} <= metrics.keys()
    filled = pearl.replay.filled.sum()
    pearl.meta_train(robots, reacher, 1)
    assert filled < pearl.replay.filled.sum() <= filled + 6 * 150


def test_training_tasks_are_the_frozen_ones_by_default(reacher):
    agent = make_agent("pearl", reacher, **{**TINY, "num_tasks": 0, "num_envs": 500})
    assert agent.num_envs == 100


def test_a_full_replay_goes_on(pearl, reacher, robots):
    for iteration in range(7):
        metrics = pearl.meta_train(robots, reacher, iteration)
    assert pearl.replay.filled.max() == 400
    assert 0.5 < metrics["replay_filled"] <= 1.0


def diverging(monkeypatch, envs, broken):
    """Let the simulations of robots `broken` diverge in every step."""
    step = envs.step

    def breaking(actions):
        observation, reward, terminated, truncated, info = step(actions)
        info["diverged"] = info["diverged"] | broken
        return observation, reward, terminated, truncated | broken, info

    monkeypatch.setattr(envs, "step", breaking)


def test_tasks_without_data_are_left_out_and_counted(pearl, reacher, robots, monkeypatch):
    with monkeypatch.context() as patch:
        diverging(patch, robots, np.arange(6) == 2)
        metrics = pearl.meta_train(robots, reacher, 0)
    assert metrics["tasks_without_data"] == 2  # the robot's, in both rounds
    assert metrics["diverged"] == 4
    assert np.isfinite(metrics["critic_loss"])
    for iteration in range(1, 5):
        metrics = pearl.meta_train(robots, reacher, iteration)
    assert metrics["tasks_without_data"] == 0


def test_no_data_at_all_is_reported(pearl, reacher, robots, monkeypatch):
    diverging(monkeypatch, robots, np.ones(6, bool))
    with pytest.raises(FastadaptError, match=r"every simulation diverged.*fastadapt check"):
        pearl.meta_train(robots, reacher, 0)


def test_statistics_are_frozen_while_measuring(pearl, reacher, robots):
    pearl.meta_train(robots, reacher, 0)
    before = {name: array.copy() for name, array in pearl.state().model.items()}
    pearl.begin(6)
    live_a_shot(pearl, robots)
    assert same(before, pearl.state().model)


def test_training_resumes_bit_for_bit_with_its_replay(reacher, robots):
    straight = make_agent("pearl", reacher, seed=3, **TINY)
    for iteration in range(4):
        straight.meta_train(robots, reacher, iteration)
    first = make_agent("pearl", reacher, seed=3, **TINY)
    for iteration in range(2):
        first.meta_train(robots, reacher, iteration)
    second = make_agent("pearl", reacher, seed=3, **TINY)
    second.load_state(first.state())
    second.begin(3)  # measuring in between changes nothing
    for iteration in range(2, 4):
        second.meta_train(robots, reacher, iteration)
    expected, got = straight.state(), second.state()
    assert same(expected.model, got.model)
    assert same(expected.optimizer, got.optimizer)
    assert same(expected.replay, got.replay)


def test_a_checkpoint_of_another_agent_is_refused(pearl, reacher):
    other = make_agent("pearl", reacher, **{**TINY, "width": 32})
    with pytest.raises(FastadaptError, match="do not fit"):
        pearl.load_state(other.state())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sac": {"context": 500}, "replay": 400}, "context = 500; it must be at most replay"),
        ({"encoder": "transformer"}, "'product', 'mean' or 'none'"),
        ({"explore": "never"}, "'sample' or 'mean'"),
        ({"latent": 0}, "latent = 0"),
        ({"sac": {"gamma": 1.0}}, "gamma"),
        ({"sac": {"kl_weight": -1.0}}, "kl_weight"),
        ({"sac": {"tau": 2.0}}, "tau"),
        ({"sac": {"prior_share": 1.0}}, "prior_share"),
    ],
)
def test_impossible_settings_are_refused(reacher, options, message):
    with pytest.raises(FastadaptError, match=message):
        make_agent("pearl", reacher, **options)


def test_a_posterior_from_the_last_episode_alone_is_caught(pearl, robots, monkeypatch):
    """A known mistake: context forgotten between the shots of a trial."""
    end_episode = PEARLTrial.end_episode

    def forgetful(self, done, scale):
        self._evidence = self._encoder.nothing(len(done))
        end_episode(self, done, scale)

    monkeypatch.setattr(PEARLTrial, "end_episode", forgetful)
    with pytest.raises(AssertionError):
        check_context_of_the_whole_trial(pearl, robots)


def test_a_change_hidden_in_the_observation_is_scaled_to_be_seen():
    scale = TransitionScale(1, 1)
    rng = np.random.default_rng(0)
    before = rng.normal(5.0, 3.0, (500, 1))
    after = before + rng.normal(0.01, 0.001, (500, 1))
    rows = pack(before, np.zeros((500, 1)), np.zeros(500), after, np.zeros(500, bool))
    scale.update(rows)
    change = scale.context(rows)[:, -1]
    assert abs(change.mean()) < 0.01
    assert change.std().item() == pytest.approx(1.0, abs=0.02)
