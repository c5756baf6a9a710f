"""MAML as an agent: what a shot changes, what a measured episode leaves alone."""

import warnings

import numpy as np
import pytest
import torch

from fastadapt.adaptation.trials.runner import run_trials
from fastadapt.agents import AdaptiveAgent, Transition, make_agent
from fastadapt.agents.maml.episodes import Episodes
from fastadapt.agents.maml.inner import inner_loss
from fastadapt.envs import FastadaptError, make_batch

SMALL_MAML = {
    "tasks": 3,
    "episodes": 2,
    "width": 8,
    "planned_iterations": 4,
    "inner": {"steps": 2},
    "outer": {"minibatches": 2, "epochs": 2},
}


@pytest.fixture
def maml(reacher):
    return make_agent("maml", reacher, seed=3, **SMALL_MAML)


def live(agent, envs, explore, steps=75, seed=0):
    """One episode; return the actions."""
    observation, _ = envs.reset(seed=seed)
    actions = []
    for _ in range(steps):
        action = agent.act(observation, explore)
        following, reward, terminated, truncated, _ = envs.step(action)
        agent.observe(Transition(observation, action, reward, following, terminated, truncated))
        observation = following
        actions.append(action)
    return np.stack(actions)


def parameters_of(agent):
    return agent.snapshot()[0].parameters


def all_of(envs):
    return np.ones(envs.num_envs, bool)


def test_a_shot_adapts_every_task_on_its_own_episode(maml, robots):
    assert isinstance(maml, AdaptiveAgent)
    maml.begin(6)
    before = parameters_of(maml)
    live(maml, robots, explore=True)
    maml.end_episode(all_of(robots))
    after = parameters_of(maml)
    moved = (after - before).norm(dim=1)
    assert (moved > 1e-4).all()
    assert len({round(float(m), 7) for m in moved}) == 6
    assert (after[:, -4:] != before[:, -4:]).all()  # the noise adapts too
    assert maml.adaptation_gradient_steps == 1


def test_a_new_trial_begins_with_the_meta_parameters(maml, robots):
    maml.begin(6)
    live(maml, robots, explore=True)
    maml.end_episode(all_of(robots))
    maml.begin(6)
    assert torch.equal(parameters_of(maml), maml.meta[: maml.policy.size].expand(6, -1))


def test_measured_episodes_never_adapt(maml, robots):
    maml.begin(6)
    first = parameters_of(maml)
    actions = live(maml, robots, explore=False)
    maml.end_episode(all_of(robots))
    assert parameters_of(maml) is first
    assert np.array_equal(actions, live(maml, robots, explore=False))
    assert maml.adaptation_gradient_steps == 0


def test_the_inner_step_descends_the_loss_of_the_shot(maml, robots):
    maml.begin(6)
    before = parameters_of(maml)
    live(maml, robots, explore=True)
    shot = maml.snapshot()[0].shot.episodes(all_of(robots))
    lived = maml._estimator.experience(shot, before, 75)
    leaf = before.clone().requires_grad_()
    assert maml.config.inner.unit == "noise"
    variance = float(np.exp(2 * maml.config.log_std))
    loss = variance * inner_loss(maml.policy, leaf, lived, "log-likelihood").sum()
    (gradient,) = torch.autograd.grad(loss, leaf)
    maml.end_episode(all_of(robots))
    rate = maml.config.inner.learning_rate / maml.config.episodes  # a share of a step
    expected = before - rate * gradient
    torch.testing.assert_close(parameters_of(maml), expected, atol=1e-5, rtol=1e-3)


@pytest.mark.parametrize(("episodes", "steps"), [(1, 2), (2, 1), (1, 1)])
def test_a_trial_goes_as_far_as_training_and_then_by_the_mean_of_its_shots(
    reacher, robots, episodes, steps
):
    options = SMALL_MAML | {"episodes": episodes, "inner": {"steps": steps}}
    maml = make_agent("maml", reacher, seed=3, **options)
    maml.begin(6)
    start = parameters_of(maml)
    asked, take = [[] for _ in range(6)], maml._inner_step

    def note(before, lived):
        after = take(before, lived)
        for robot, step in zip(np.flatnonzero(done), after - before, strict=True):
            asked[robot].append(step)
        return after

    maml._inner_step = note
    for shot in range(4):
        done = all_of(robots) & ((np.arange(6) > 0) | (shot > 0))  # the first begins a shot late
        live(maml, robots, explore=True, seed=shot)
        maml.end_episode(done)
        for robot, mine in enumerate(asked):
            expected = torch.zeros(1)
            if mine:
                expected = torch.stack(mine).mean(0) * min(len(mine) / episodes, steps)
            moved = parameters_of(maml)[robot] - start[robot]
            torch.testing.assert_close(moved, expected.expand_as(moved), rtol=1e-4, atol=1e-6)
    assert [len(mine) for mine in asked] == [3, 4, 4, 4, 4, 4]


def test_only_robots_whose_episode_ended_adapt(maml, robots):
    maml.begin(6)
    before = parameters_of(maml)
    some = np.array([True, False, True, False, False, False])
    live(maml, robots, explore=True, steps=20)
    maml.end_episode(some)
    after = parameters_of(maml)
    assert ((after != before).any(dim=1).numpy() == some).all()
    live(maml, robots, explore=True, steps=20, seed=1)
    maml.end_episode(~some)
    shot = maml.snapshot()[0].shot
    assert (np.array(shot.valid).sum(axis=0) == np.where(some, 20, 0)).all()


def test_what_follows_the_end_of_an_episode_teaches_nothing(maml, reacher):
    found = []
    for junk in (0.0, 7.0):
        maml.begin(1)
        maml.key_exploration(np.array([5], np.uint64))
        for t in range(10):
            observation = np.full((1, 16), 0.1 * t if t < 6 else junk)
            action = maml.act(observation, True)
            reward = np.array([np.sin(t) if t < 6 else junk])
            over = np.array([t >= 5])
            maml.observe(Transition(observation, action, reward, observation, over, ~over & False))
        maml.end_episode(np.ones(1, bool))
        found.append(parameters_of(maml))
    assert torch.equal(found[0], found[1])


def test_restore_leaves_no_trace(maml, robots):
    maml.begin(6)
    live(maml, robots, explore=True, steps=5)
    snapshot = maml.snapshot()
    once = live(maml, robots, explore=True)
    maml.end_episode(all_of(robots))
    maml.restore(snapshot)
    assert np.array_equal(once, live(maml, robots, explore=True))
    assert len(maml.snapshot()[0].shot.valid) == 80


def test_advantages_are_normalised_within_each_task(maml, robots):
    maml.begin(6)
    live(maml, robots, explore=True)
    shot = maml.snapshot()[0].shot.episodes(all_of(robots))
    scaled = Episodes(
        shot.observations,
        shot.actions,
        shot.rewards * [1, 2, 1, 1, 10, 1],
        shot.next_observations,
        shot.valid,
    )
    parameters = parameters_of(maml)
    one, two = (maml._estimator.experience(e, parameters, 75).advantages for e in (shot, scaled))
    torch.testing.assert_close(one, two, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(one.mean(1), torch.zeros(6), atol=1e-5, rtol=0)
    torch.testing.assert_close(one.square().mean(1), torch.ones(6), atol=1e-4, rtol=0)


def test_the_runner_counts_what_adaptation_costs(maml, reacher):
    tasks = reacher.tasks("test_iid")[:3]
    envs = make_batch(reacher, 3, 1)
    found = run_trials(maml, envs, tasks, (0, 1, 3), 1, 0)
    assert [m.ledger.gradient_steps for m in found] == [0, 1, 3]
    assert [m.ledger.env_steps.tolist() for m in found] == [[0] * 3, [75] * 3, [225] * 3]
    assert (found[0].episodes.returns != found[1].episodes.returns).all()


def test_a_diverged_inner_step_is_reported_and_not_taken(maml, robots):
    maml.begin(6)
    before = parameters_of(maml)
    live(maml, robots, explore=True)
    maml.meta.data[maml.policy.size : 2 * maml.policy.size] = float("inf")  # step sizes
    with pytest.warns(RuntimeWarning, match="diverged on 6 of 6 tasks"):
        maml.end_episode(all_of(robots))
    assert torch.equal(parameters_of(maml), before)
    assert maml.diverged_inner_steps == 6
    with pytest.raises(FastadaptError, match=r"Inner step 1 diverged.*inner.learning_rate"):
        maml.meta_train(robots, robots.task_set, 0)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"inner": {"steps": 0}}, "steps = 0; it must be greater than or equal to 1"),
        ({"inner": {"steps": 6}}, "steps = 6; it must be less than or equal to 5"),
        ({"tasks": 2}, "too small a batch"),
        ({"tasks": 0}, "tasks"),
        ({"inner": {"objective": "ratio"}}, "likelihood-ratio"),
        ({"inner": {"order": "third"}}, "'first' or 'second'"),
        ({"outer": {"method": "sgd"}}, "'ppo' or 'trpo'"),
        ({"outer": {"method": "trpo"}}, "learned advantage"),
        ({"inner": {"learning_rate": float("nan")}}, "finite"),
        ({"outer": {"kl_limit": 0.0}}, "kl_limit"),
        ({"inner": 5}, "table"),
        ({"action_scale": 0.0}, "action_scale"),
    ],
)
def test_impossible_settings_are_named(reacher, options, named):
    with pytest.raises(FastadaptError, match=named):
        make_agent("maml", reacher, **options)


def test_robots_that_cannot_be_shared_out_are_refused(reacher):
    agent = make_agent("maml", reacher, tasks=4, episodes=4)
    with pytest.raises(FastadaptError, match="multiple of 4"):
        agent.meta_train(make_batch(reacher, 6, 1), reacher, 0)


@pytest.mark.parametrize("method", ["ppo", "trpo"])
def test_training_resumes_bit_for_bit(reacher, robots, method):
    options = {**SMALL_MAML, "outer": {"method": method, "minibatches": 2, "epochs": 2}}
    if method == "trpo":
        options["inner"] = {"steps": 2, "signal": "advantages"}

    def new():
        return make_agent("maml", reacher, seed=3, **options)

    straight, first, second = new(), new(), new()
    for iteration in range(4):
        straight.meta_train(robots, reacher, iteration)
    for iteration in range(2):
        first.meta_train(robots, reacher, iteration)
    second.load_state(first.state())
    for iteration in range(2, 4):
        metrics = second.meta_train(robots, reacher, iteration)
    expected, got = straight.state(), second.state()
    for name, array in {**expected.model, **expected.optimizer}.items():
        assert np.array_equal(array, {**got.model, **got.optimizer}[name]), name
    assert {"env_steps", "return_mean", "seconds_simulating", "gain"} <= set(metrics)
    assert metrics["env_steps"] == 6 * 75 * 3


def test_a_checkpoint_of_another_policy_is_refused(reacher, maml):
    with pytest.raises(FastadaptError, match="do not fit"):
        make_agent("maml", reacher, width=9).load_state(maml.state())


def test_normaliser_and_baseline_are_frozen_while_measuring(maml, robots):
    maml.meta_train(robots, robots.task_set, 0)
    before = maml.state().model
    maml.begin(6)
    live(maml, robots, explore=True)
    maml.end_episode(all_of(robots))
    after = maml.state().model
    assert all(np.array_equal(before[name], after[name]) for name in before)


def test_the_action_scale_is_a_unit(reacher):
    """Ten times the scale with a tenth of the noise and of the output acts the same."""
    wide = make_agent("maml", reacher, width=8, action_scale=1.0, log_std=-1.0)
    narrow = make_agent("maml", reacher, width=8, action_scale=0.1, log_std=-1.0 + np.log(10))
    size = wide.policy.size
    last = slice(size - 4 - 4 - 8 * 4, size - 4)  # the output layer
    narrow.meta.data[:size] = wide.meta.data[:size]
    narrow.meta.data[last] *= 10
    narrow.meta.data[size - 4 : size] += np.log(10)
    observation = np.ones((2, 16))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for explore in (False, True):
            actions = []
            for agent in (wide, narrow):
                agent.begin(2)
                actions.append(agent.act(observation, explore))
            np.testing.assert_allclose(*actions, atol=1e-5)
