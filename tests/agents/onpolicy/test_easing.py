"""Training made easier: rewards with a floor, healthy robots first."""

import numpy as np
import torch

from fastadapt.agents import make_agent
from tests.agents.onpolicy.conftest import SMALL
from tests.agents.onpolicy.test_rollout import rolled


def test_a_floor_raises_only_what_is_below(hopper, hoppers):
    agent = make_agent("rl2-continuing", hopper, seed=3, reward_floor=0.0, **SMALL)
    np.testing.assert_array_equal(agent._counted(np.array([-2.0, 0.5])), [0.0, 0.5])
    plain = make_agent("rl2-continuing", hopper, seed=3, **SMALL)
    np.testing.assert_array_equal(plain._counted(np.array([-2.0, 0.5])), [-2.0, 0.5])


def test_falls_still_end_returns_under_a_floor(hopper, hoppers):
    """With rewards of at least 0 and values of 0, no step before a fall is worth less than it."""
    agent = make_agent("rl2-continuing", hopper, seed=3, reward_floor=0.0, **SMALL)
    torch.nn.init.zeros_(agent.critic.net[-1].weight)
    (rollout,) = rolled(agent, hoppers, 1, steps=60)
    rollout.rewards -= 100.0
    advantages = agent._advantages(rollout, agent._counted(rollout.rewards))
    assert (advantages == 0).all()


def test_the_history_shows_the_reward_itself(hopper, hoppers):
    agents = [
        make_agent("rl2-continuing", hopper, seed=3, reward_floor=floor, **SMALL)
        for floor in (None, 100.0)
    ]
    seen = [rolled(agent, hoppers, 1)[0].inputs for agent in agents]
    assert torch.equal(*seen)


def test_a_curriculum_begins_with_the_healthy_robot_and_ends_with_the_task_set(hopper):
    settings = SMALL | {"planned_iterations": 100, "curriculum": 0.5}
    agent = make_agent("rl2-continuing", hopper, seed=3, **settings)
    eased = agent.config.eased_tasks(agent.spec.horizon)
    assert eased == 0.5 * 100 * 24 * 6 / (0.1 * agent.spec.horizon)
    tasks = agent.numbered_tasks(hopper, 200, 0)
    own = agent.training_tasks(hopper, 200, 0)
    healthy = np.array([task == hopper.nominal for task in tasks])
    first, last = healthy[: int(eased / 4)], healthy[int(eased) + 1 :]
    assert first.mean() > 0.7
    assert not last.any()
    assert all(task in (ours, hopper.nominal) for task, ours in zip(tasks, own, strict=True))
    assert agent.numbered_tasks(hopper, 20, 30) == tasks[30:50]


def test_without_a_curriculum_no_task_is_eased(hopper, rl2):
    assert rl2.numbered_tasks(hopper, 20, 0) == rl2.training_tasks(hopper, 20, 0)
