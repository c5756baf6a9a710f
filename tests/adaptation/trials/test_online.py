"""Online trials: when the damage strikes, whom it strikes, and what is said of it."""

import numpy as np
import pytest

from fastadapt.adaptation.evaluation.online_results import (
    COLUMNS,
    OnlineResult,
    online_table,
)
from fastadapt.adaptation.statistics.metrics import Times
from fastadapt.adaptation.trials.online import (
    OnlinePlan,
    OnlineTrial,
    recovery,
    run_online,
)
from fastadapt.agents import make_agent
from fastadapt.envs import FastadaptError, load_task_set

PLAN = OnlinePlan(duration=4.0, earliest=1.0, latest=2.0)


@pytest.fixture(scope="module")
def reacher():
    return load_task_set("reacher-damage")


def agent(task_set, name="rl2"):
    return make_agent(name, task_set, num_envs=2, width=16)


@pytest.fixture(scope="module")
def trial(reacher):
    return run_online(agent(reacher), reacher, reacher.tasks("test_held_out_damage")[:6], PLAN)


def test_twins_are_equal_until_the_strike_and_never_after(trial):
    assert trial.reward.shape == trial.twin.shape == (100, 6)
    for i, strike in enumerate(trial.strike):
        np.testing.assert_array_equal(trial.reward[:strike, i], trial.twin[:strike, i])
        assert not np.array_equal(trial.reward[strike:, i], trial.twin[strike:, i])
        assert 1.0 <= strike * trial.step <= 2.0
    assert len(set(trial.strike)) > 1


def test_the_episode_is_longer_than_the_environments_and_is_never_reset(reacher, trial):
    assert len(trial.reward) == 100 > reacher.environment.horizon
    assert (np.abs(np.diff(trial.twin[60:], axis=0)) < 0.2).all()  # no jump to a new start


def test_a_trial_does_not_depend_on_its_neighbours(reacher, trial):
    tasks = reacher.tasks("test_held_out_damage")[:6]
    some = run_online(agent(reacher), reacher, tasks[3:5], PLAN, num_threads=1)
    np.testing.assert_allclose(some.reward, trial.reward[:, 3:5], atol=1e-4)
    np.testing.assert_array_equal(some.strike, trial.strike[3:5])


def test_another_seed_strikes_at_another_time(reacher, trial):
    other = run_online(agent(reacher), reacher, reacher.tasks("test_held_out_damage")[:6], PLAN, 1)
    assert not np.array_equal(other.strike, trial.strike)


class Watcher:
    """Takes note of everything it is told."""

    def __init__(self, actions):
        self.actions = actions
        self.told = []

    def begin(self, num_tasks):
        self.num = num_tasks

    def act(self, observation, explore):
        self.told.append(("act", explore))
        return np.zeros((self.num, self.actions))

    def observe(self, transition):
        self.told.append(("observe", bool(transition.terminated.any())))

    def end_episode(self, done):
        self.told.append("end")

    def snapshot(self):
        self.told.append("snapshot")

    def restore(self, snapshot):
        self.told.append("restore")


def test_nobody_is_told(reacher):
    watcher = Watcher(4)
    run_online(watcher, reacher, reacher.tasks("validation")[:2], PLAN)
    assert watcher.told == [("act", False), ("observe", False)] * 100


def test_healed_damage_is_gone_and_a_ramp_is_gentle():
    cheetah = load_task_set("cheetah-damage")  # left alone it stands, where an arm would tumble
    tasks = cheetah.tasks("test_extrapolation_far")[:4]
    plans = ({"heals_after": 0.05}, {"ramp": 2.0}, {})
    healed, ramped, struck = (
        np.abs(lived.reward - lived.twin)
        for lived in (
            run_online(Watcher(6), cheetah, tasks, OnlinePlan(4.0, 1.0, 1.0, **plan))
            for plan in plans
        )
    )
    assert healed[20:25].mean() > 0
    assert healed[60:].mean() < 0.1 * struck[60:].mean()
    assert 0 < ramped[20:40].mean() < 0.5 * struck[20:40].mean()


@pytest.mark.parametrize(
    "numbers", [(4, 3, 2), (4, 1, 4), (4, -1, 2), (4, 1, 2, -1), (4, 1, 2, 1.0, 0.5)]
)
def test_impossible_plans_are_refused(numbers):
    with pytest.raises(FastadaptError, match=r"onset lies between|ramp"):
        OnlinePlan(*numbers)


def synthetic():
    """Four robots at 10 Hz, struck after 5 s: back after 3 s, at once, never, and fallen."""
    reward = np.ones((200, 4))
    reward[50:80, 0] = 0.0
    reward[50:, 2] = 0.25
    reward[60:, 3] = 0.0
    nobody = np.zeros(4, bool)
    fell = np.array([False, False, False, True])
    return OnlineTrial(0.1, np.full(4, 50), reward, np.ones((200, 4)), fell, nobody, nobody)


def test_recovery_of_a_synthetic_trial():
    found = recovery(synthetic())
    assert found.before == pytest.approx([1, 1, 1, 1])
    assert found.dropped == pytest.approx([0, 1, 0.25, 0])
    assert found.after == pytest.approx([1, 1, 0.25, 0])
    assert found.healthy == pytest.approx([1, 1, 1, 1])
    assert found.time.happened.tolist() == [True, True, False, False]
    # 0.9 of the way back: of a moving average over 1 s, 0.9 s after the speed itself is back.
    assert found.time.time == pytest.approx([3.9, 1.0, 15.0, 15.0])
    gap = np.mean([1, 0, 0.75, 1])
    assert found.fraction() == pytest.approx([1 / gap, 0, 0, 0])


def test_the_curve_is_aligned_at_the_strike():
    trial = synthetic()
    shifted = OnlineTrial(
        trial.step,
        np.array([50, 60]),
        np.stack([trial.reward[:, 0], np.roll(trial.reward[:, 0], 10)], axis=1),
        trial.twin[:, :2],
        trial.fell[:2],
        trial.twin_fell[:2],
        trial.diverged[:2],
    )
    seconds, damaged, twin = shifted.since_strike(2.0, 5.0)
    assert (seconds[0], seconds[-1]) == (pytest.approx(-2.0), pytest.approx(4.9))
    np.testing.assert_array_equal(damaged[:, 0], damaged[:, 1])
    assert damaged[19, 0] == 1 > damaged[20, 0] == 0
    assert twin.shape == (70, 2)


def test_results_are_saved_and_loaded_exactly(reacher, trial, tmp_path):
    tasks = reacher.tasks("test_held_out_damage")[:6]
    args = (agent(reacher), reacher, "test_held_out_damage", tasks, PLAN, 0, trial)
    result = OnlineResult.of(*args)
    result.save(tmp_path / "it")
    again = OnlineResult.load(tmp_path / "it")
    assert tuple(again.rows[0]) == COLUMNS
    assert again.summary() == result.summary()
    assert again.curve == result.curve
    assert again.meta["task_set_hash"] == reacher.hash
    table = online_table([again]).markdown()
    assert "test_held_out_damage" in table
    assert "seconds to recover" in table
    (tmp_path / "it" / "curve.csv").write_text("seconds\n")
    with pytest.raises(FastadaptError, match="not a complete online evaluation"):
        OnlineResult.load(tmp_path / "it")


def test_the_censored_are_never_dropped(reacher, trial):
    tasks = reacher.tasks("test_held_out_damage")[:6]
    args = (agent(reacher), reacher, "test_held_out_damage", tasks, PLAN, 0, trial)
    result = OnlineResult.of(*args)
    for row in result.rows:
        row["recovered"], row["recovery_s"] = 0, 2.0
    assert result.summary()["recovery_s"]["point"] == pytest.approx(2.0)
    result.rows[0] |= {"recovered": 1, "recovery_s": 0.5}
    assert result.times() == Times(pytest.approx([0.5] + [2.0] * 5), pytest.approx([1] + [0] * 5))
    assert result.summary()["recovery_s"]["point"] == pytest.approx((0.5 + 5 * 2.0) / 6)


def test_no_task_is_told(reacher):
    with pytest.raises(FastadaptError, match="at least one task"):
        run_online(agent(reacher), reacher, [], PLAN)


def test_the_way_to_a_task(reacher):
    cheetah = load_task_set("cheetah-damage")
    task = next(t for t in cheetah.tasks("train") if any("locked.locked" in n for n in t.changes()))
    half = dict(zip(task.names, cheetah.between(task, 0.5).values, strict=True))
    whole = dict(zip(task.names, task.values, strict=True))
    assert half["torso_mass.scale[torso]"] == pytest.approx(whole["torso_mass.scale[torso]"] ** 0.5)
    assert {n: v for n, v in half.items() if n.startswith("locked")} == {
        n: v for n, v in whole.items() if n.startswith("locked")
    }
    assert cheetah.between(task, 1.0) == task
    with pytest.raises(FastadaptError, match="does not belong"):
        reacher.between(task, 0.5)
