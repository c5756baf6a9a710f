"""A robot whose simulation blows up ends its own episode and nobody else's."""

import numpy as np
import pytest

from fastadapt.envs import make_batch
from tests.support.backends import BACKENDS
from tests.support.rolls import random_actions

N = 5
SICK = 2
OTHERS = [0, 1, 3, 4]
RUINS = {
    "nan position": ("qpos", np.nan),
    "nan velocity": ("qvel", np.nan),
    "infinite position": ("qpos", np.inf),
    "huge position": ("qpos", 1e12),
    "huge velocity": ("qvel", 1e12),
}

pytestmark = pytest.mark.filterwarnings("ignore")


def batches(task_set, backend):
    pair = [make_batch(task_set, N, 2, backend) for _ in range(2)]
    for batch in pair:
        batch.set_tasks(task_set.sample("train", N))
        batch.reset(seed=0)
    return pair


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("ruin", RUINS)
def test_a_diverged_robot_is_truncated_and_its_neighbours_do_not_notice(task_set, ruin, backend):
    batch, healthy = batches(task_set, backend)
    actions = random_actions(task_set, 10, N)
    sick = np.arange(N) == SICK
    for t, action in enumerate(actions):
        if t == 4:
            field, value = RUINS[ruin]
            batch.sim.data(field)[SICK, 0] = value
        ours, expected = batch.step(action), healthy.step(action)
        for a, b in zip(ours[:4], expected[:4], strict=True):
            np.testing.assert_array_equal(a[OTHERS], b[OTHERS])
        gone = sick & (t >= 4)
        np.testing.assert_array_equal(ours[4]["diverged"], gone)
        np.testing.assert_array_equal(ours[3], gone)  # truncated
        assert not ours[2].any()  # terminated
        assert (ours[1][gone] == 0).all()
        assert np.isfinite(ours[0]).all()
        assert all(np.isfinite(value).all() for value in ours[4].values())


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_recovers_at_its_next_reset(task_set, backend):
    batch, healthy = batches(task_set, backend)
    actions = random_actions(task_set, 10, N)
    batch.sim.data("qpos")[SICK, 0] = np.nan
    for action in actions[:3]:
        batch.step(action)
        healthy.step(action)
    sick = np.arange(N) == SICK
    for one in (batch, healthy):
        one.reset(options={"reset_mask": sick})
    for action in actions[3:]:
        ours, expected = batch.step(action), healthy.step(action)
        for a, b in zip(ours[:4], expected[:4], strict=True):
            np.testing.assert_array_equal(a, b)
        assert not ours[4]["diverged"].any()


@pytest.mark.parametrize("place", ["set_state", "pushed"])
def test_a_state_given_from_outside_can_diverge_too(task_set, place):
    batch, _ = batches(task_set, "auto")
    sick = np.arange(N) == SICK
    if place == "set_state":
        qpos = batch.sim.data("qpos")[SICK] * np.nan
        batch.set_state(qpos, batch.sim.data("qvel")[SICK], mask=sick)
    else:
        batch.sim.data("qfrc_applied")[SICK] = 1e300
    _, reward, terminated, truncated, info = batch.step(random_actions(task_set, 1, N)[0])
    np.testing.assert_array_equal(info["diverged"], sick)
    np.testing.assert_array_equal(truncated, sick)
    assert not terminated.any()
    assert reward[SICK] == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_the_last_physics_step_ruins_is_not_observed(task_set, backend, monkeypatch):
    """MuJoCo looks at the state when it begins a step; nobody looks after the last one."""
    batch, _ = batches(task_set, backend)
    simulate = batch.sim.step

    def ruin(num_steps, ids=None):
        simulate(num_steps, ids)
        batch.sim.data("qvel")[SICK, 1] = np.nan
        batch.sim.forward(np.array([SICK]))  # a write takes effect at the next physics call

    monkeypatch.setattr(batch.sim, "step", ruin)
    observation, reward, _, truncated, info = batch.step(random_actions(task_set, 1, N)[0])
    assert np.isfinite(observation).all()
    assert np.isfinite(reward).all()
    np.testing.assert_array_equal(info["diverged"], np.arange(N) == SICK)
    np.testing.assert_array_equal(truncated, info["diverged"])
