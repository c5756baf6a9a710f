"""Agents that Stable-Baselines3 trains: they act as its models do, and resume bit for bit."""

import numpy as np
import pytest
import torch

from fastadapt.adaptation.trials.agent_check import check_agent
from fastadapt.agents import make_agent
from fastadapt.agents.determinism import keyed_randomness
from fastadapt.agents.interface import Transition
from fastadapt.agents.registry import AGENTS
from fastadapt.envs import FastadaptError, make_batch

PPO = {"num_envs": 4, "width": 16, "episodes": 1, "planned_iterations": 4}
SAC = {"num_envs": 4, "width": 16, "batch": 32, "gradient_steps": 1, "warm_up": 350, "replay": 800}
SMALL = {
    "domain-randomised-sb3-ppo": PPO,
    "oracle-sb3-ppo": PPO,
    "nominal-sb3-ppo": PPO,
    "recurrent": PPO | {"episodes": 2},
    "domain-randomised-sb3-sac": SAC,
    "oracle-sb3-sac": SAC,
    "nominal-sb3-sac": SAC,
}
rand, STATE = np.random.mtrand.rand, np.random.mtrand.get_state()  # the library draws from them
ONE_OF_EACH = [
    "domain-randomised-sb3-ppo",
    "oracle-sb3-sac",
    pytest.param("recurrent", marks=pytest.mark.slow),
]


def new(name, task_set, seed=3):
    return make_agent(name, task_set, seed, **SMALL[name])


def train(agent, task_set, *iterations):
    envs = make_batch(task_set, agent.num_envs, 1, context=agent.context)
    return [agent.meta_train(envs, task_set, i) for i in iterations]


def everything(state):
    return {**state.model, **state.optimizer, **state.replay}


def assert_same(one, other):
    assert one.values == other.values
    one, other = everything(one), everything(other)
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name], err_msg=name)


def test_all_of_them_are_tested():
    assert {n for n in AGENTS if "sb3" in n or n == "recurrent"} == SMALL.keys()


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_what_goes_on_from_a_state_equals_what_never_stopped(name, reacher):
    whole, first, second = (new(name, reacher) for _ in range(3))
    metrics = train(whole, reacher, 0, 1, 2)
    train(first, reacher, 0, 1)
    torch.randn(3)  # the global generators of a new process stand elsewhere
    rand(3)
    second.load_state(first.state())
    assert_same(first.state(), second.state())
    (last,) = train(second, reacher, 2)
    assert_same(whole.state(), second.state())
    assert last["return_mean"] == metrics[2]["return_mean"] != metrics[1]["return_mean"]
    before = everything(first.state())
    changed = [k for k, v in everything(whole.state()).items() if not np.array_equal(v, before[k])]
    assert any(k.startswith("policy.") for k in changed)


@pytest.mark.parametrize("name", SMALL)
def test_they_keep_the_rules_of_a_trial(name, reacher):
    agent = new(name, reacher)
    train(agent, reacher, 0)
    check_agent(agent, reacher)


@pytest.mark.parametrize("name", [n for n in SMALL if n != "recurrent"])
def test_they_act_as_the_model_of_the_library_does(name, reacher):
    agent = new(name, reacher)
    train(agent, reacher, 0, 1)
    _, robots = agent._robots
    robots.training = False
    seen = np.random.default_rng(0).normal(size=(4, *agent.model.observation_space.shape))
    shown = robots.normalize_obs(seen.astype(np.float32))
    expected, _ = agent.model.predict(shown, deterministic=True)
    agent.begin(4)
    np.testing.assert_allclose(agent.act(seen, False), expected, atol=1e-6)
    with torch.no_grad():
        mean, std = (x.double().numpy() for x in agent._gaussian(agent._see(seen)))
    tried = agent._commanded(mean + std * agent._noise.draw())
    np.testing.assert_array_equal(agent.act(seen, True), tried)
    assert not np.allclose(tried, expected, atol=1e-3)


def test_a_recurrent_one_sees_what_it_saw_in_training(reacher):
    """Through the face and by itself, it must come to the same actions in both episodes."""
    agent = new("recurrent", reacher)
    train(agent, reacher, 0)
    face, robots = agent._robots
    robots.training = False
    face.seed(5)
    shown, state, start = robots.reset(), None, np.ones(4, bool)
    alone = make_batch(reacher, 4, 1)
    alone.set_tasks(reacher.sample("train", 4, 5))
    observation, _ = alone.reset(seed=5)
    agent.begin(4)
    for _ in range(2):
        done = np.zeros(4, bool)
        while not done.all():
            expected, state = agent.model.predict(shown, state, start, deterministic=True)
            action = agent.act(observation, False)
            np.testing.assert_allclose(action, expected, atol=1e-5)
            shown, _, start, _ = robots.step(expected)
            following, reward, terminated, truncated, _ = alone.step(expected)
            done = terminated | truncated
            agent.observe(
                Transition(observation, expected, reward, following, terminated, truncated)
            )
            observation = following
        agent.end_episode(done)
        observation, _ = alone.reset()
    assert start.all()  # after two episodes, and not before


@pytest.mark.parametrize("kind", ["ppo", "sac"])
def test_each_arm_trains_on_its_own_tasks(kind, reacher):
    nominal, randomised, oracle = (
        new(f"{arm}-sb3-{kind}", reacher) for arm in ("nominal", "domain-randomised", "oracle")
    )
    for agent in (nominal, randomised, oracle):
        train(agent, reacher, 0)
    tasks = [agent._robots[0].envs._vectors for agent in (nominal, randomised, oracle)]
    assert (tasks[0] == reacher.vectors([reacher.nominal])).all()
    assert len(np.unique(tasks[1], axis=0)) == 4
    assert nominal.model.observation_space.shape == (16,)
    assert oracle.model.observation_space.shape == (16 + len(reacher.names),)


def test_a_replay_that_is_full_goes_on_too(reacher):
    whole, first, second = (new("nominal-sb3-sac", reacher) for _ in range(3))
    train(whole, reacher, 0, 1, 2, 3)
    train(first, reacher, 0, 1, 2)
    second.load_state(first.state())
    assert first.state().values["replay_full"]
    assert first.state().values["replay_position"] not in (0, 200)
    train(second, reacher, 3)
    assert_same(whole.state(), second.state())


def test_weights_of_another_robot_are_refused(reacher):
    state = new("nominal-sb3-sac", reacher).state()
    other = make_agent("nominal-sb3-sac", reacher, **SAC | {"width": 32})
    with pytest.raises(FastadaptError, match="do not fit this agent"):
        other.load_state(state)


def test_training_that_diverges_is_told(reacher):
    agent = make_agent("nominal-sb3-ppo", reacher, **PPO, ppo={"learning_rate": 1e9})
    with pytest.raises(FastadaptError, match="Training diverged: lower the learning rate"):
        train(agent, reacher, 0, 1, 2)


def test_global_generators_are_left_as_they_were():
    torch.manual_seed(1)
    np.random.mtrand.set_state(STATE)
    with keyed_randomness(7):
        one = torch.randn(2), rand(2)
    with keyed_randomness(7):
        other = torch.randn(2), rand(2)
    assert one[0].equal(other[0])
    assert (one[1] == other[1]).all()
    drawn = torch.randn(1), rand(1)
    torch.manual_seed(1)
    np.random.mtrand.set_state(STATE)
    assert drawn[0].equal(torch.randn(1))
    assert drawn[1] == rand(1)


def test_soft_actor_critic_sees_single_rewards_in_their_own_spread(reacher):
    agent = new("oracle-sb3-sac", reacher)
    assert agent.model.log_ent_coef.exp().item() == pytest.approx(0.1)
    train(agent, reacher, 0)
    _, robots = agent._robots
    assert robots.gamma == 0.0  # sums of rewards have the spread of single ones
    rewards = agent.model.replay_buffer.rewards[: agent.model.replay_buffer.pos]
    assert agent._gained.var == pytest.approx(rewards.var(), rel=0.1)
    _, robots = trained_ppo(reacher)
    assert robots.gamma == pytest.approx(0.95)


def trained_ppo(reacher):
    agent = new("oracle-sb3-ppo", reacher)
    train(agent, reacher, 0)
    return agent._robots
