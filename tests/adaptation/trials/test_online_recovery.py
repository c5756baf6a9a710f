"""Recovery from synthetic curves of known drop, share and time; null tests."""

import numpy as np
import pytest

from fastadapt.adaptation.evaluation.online_results import OnlineResult, Rivals, share_interval
from fastadapt.adaptation.evaluation.online_table import online_table
from fastadapt.adaptation.trials.online import Arm, OnlineTrial, run_online
from fastadapt.adaptation.trials.online_plan import OnlinePlan
from fastadapt.adaptation.trials.online_recovery import MOMENTS, recovery, settling_time
from fastadapt.agents import make_agent
from fastadapt.envs import FastadaptError, load_task_set

STEP, ONSET, TOTAL = 0.05, 200, 800
PLAN = OnlinePlan(TOTAL * STEP, 10.0, 10.0)
SECONDS = STEP * np.arange(TOTAL - ONSET)


def arm(after, robots, noise=0.0, rng=None, before=1.0, fell=None):
    """Return robots with the level `before`, and from the onset on the curve `after` `(T',)`."""
    level = np.r_[np.full(ONSET, before), np.broadcast_to(after, TOTAL - ONSET)]
    reward = np.repeat(level[:, None], robots, axis=1)
    if noise:
        reward = reward + rng.normal(0, noise, reward.shape)
    ended = np.full(robots, TOTAL)
    if fell is not None:
        ended[:] = fell
        reward[fell:] = 0
    return Arm(reward, ended, np.zeros(robots, bool))


def trial_of(struck, healthy, settled, plan=PLAN):
    robots = struck.reward.shape[1]
    return OnlineTrial(
        plan, STEP, np.full(robots, ONSET), np.ones(robots, bool), struck, healthy, settled
    )


def noisy(struck, floor, noise, robots=40, seed=0, best=0.8):
    """Return the recovery of robots with independent noise on every arm."""
    rng = np.random.default_rng(seed)
    own, healthy, settled, low = (
        arm(level, robots, noise, rng) for level in (struck, 1.0, best, floor)
    )
    own.reward[:ONSET] = healthy.reward[:ONSET]
    return recovery(trial_of(own, healthy, settled), low)


def test_levels_share_and_time_of_an_exact_recovery():
    """It falls to the floor for 3 s and is then as good as what can be had."""
    struck = np.where(SECONDS < 3, 0.3, 0.8)
    found = recovery(trial_of(arm(struck, 2), arm(1.0, 2), arm(0.8, 2)), arm(0.3, 2))
    assert found.status == ["recovered"] * 2
    assert found.before == pytest.approx([1, 1])
    assert found.lost == pytest.approx([0.7, 0.7])
    assert found.time.time == pytest.approx([3.0, 3.0])
    share = (found.struck - found.floor) / (found.best - found.floor)
    np.testing.assert_allclose(share[:, 0], [0, 0, 0, 1, 1, 1], atol=1e-9)  # 0.5 to 10 s, end


@pytest.mark.parametrize("noise", [0.05, 0.1, 0.2])
def test_drop_and_share_are_unbiased_under_noise(noise):
    """Half of the healthy level for ever, as the floor: a loss of 0.5, and nothing regained."""
    found = [noisy(0.5, 0.5, noise, seed=seed) for seed in range(5)]
    assert np.mean([f.lost for f in found]) == pytest.approx(0.5, abs=0.01)
    for k in range(len(MOMENTS) + 1):
        gained = np.mean([f.struck[k] - f.floor[k] for f in found])
        gap = np.mean([f.best[k] - f.floor[k] for f in found])
        assert gained / gap == pytest.approx(0.0, abs=0.05)
    assert not any("recovered" in f.status for f in found)


@pytest.mark.parametrize("noise", [0.05, 0.2])
def test_a_partial_recovery_is_not_counted_as_one_whatever_its_noise(noise):
    """A share of 0.6 for ever crosses 0.9 by chance, and does not stay."""
    assert noisy(0.6, 0.3, noise).status.count("not recovered") >= 39
    whole = noisy(0.8, 0.3, noise)
    assert whole.status.count("recovered") >= 39
    assert np.median(whole.time.time) < 0.5


def test_a_robot_that_is_not_struck_shows_no_drop_and_no_time():
    rng = np.random.default_rng(0)
    healthy = arm(1.0, 6, 0.3, rng)
    found = recovery(trial_of(healthy, healthy, arm(0.8, 6, 0.3, rng)), arm(0.3, 6, 0.3, rng))
    np.testing.assert_array_equal(found.lost, 0)
    assert found.status == ["nothing lost"] * 6


def test_a_robot_that_loses_nothing_has_nothing_to_recover():
    """Independent noise on both twins is no loss."""
    assert set(noisy(1.0, 0.3, 0.2).status) == {"nothing lost"}


def test_the_search_for_recovery_begins_at_the_drop():
    """Good for 3.5 s, then bad for ever: a time of 1 s would precede the damage's effect."""
    late = np.where(SECONDS < 3.5, 1.0, 0.2)
    found = recovery(trial_of(arm(late, 2), arm(1.0, 2), arm(0.8, 2)), arm(0.2, 2))
    assert found.status == ["not recovered"] * 2
    assert found.time.time == pytest.approx([30.0, 30.0])
    back = np.where((SECONDS < 8) | (SECONDS >= 14), 0.8, 0.2)  # a drop that comes after 8 s
    found = recovery(trial_of(arm(back, 2), arm(1.0, 2), arm(0.8, 2)), arm(0.2, 2))
    assert found.time.time == pytest.approx([14.0, 14.0])


def test_settling_time_is_the_last_time_that_the_curve_begins_to_hold():
    assert settling_time(np.array([-1.0, -1, 1, 1])) == 2
    assert settling_time(np.array([1.0, 1, -3, 1, 1])) == 3
    assert settling_time(np.array([1.0, 1, -1, -3])) == 4
    assert settling_time(np.ones(3)) == 0


def test_a_twin_that_breaks_down_is_left_out_and_counted():
    low, struck, good = arm(0.2, 2), arm(0.2, 2), arm(0.8, 2)
    for healthy, settled in (
        (arm(1.0, 2, fell=300), good),
        (arm(1.0, 2), arm(0.8, 2, fell=50)),
        (arm(0.3, 2), good),  # it lies on its back without an end of the episode
    ):
        found = recovery(trial_of(struck, healthy, settled), low)
        assert found.status == ["twin broke down"] * 2
    informed = arm(0.4, 2)  # loses more than half with the damage, as it may
    found = recovery(trial_of(struck, arm(1.0, 2), good), low, informed)
    assert found.status == ["not recovered"] * 2


def test_a_best_robot_that_is_no_better_leaves_nothing_to_regain():
    found = recovery(trial_of(arm(0.2, 2), arm(1.0, 2), arm(0.25, 2, before=0.25)), arm(0.2, 2))
    assert found.status == ["nothing to regain"] * 2
    without = recovery(trial_of(arm(0.2, 2), arm(1.0, 2), arm(0.8, 2)))
    assert without.status == ["nothing to regain"] * 2
    assert np.isnan(without.floor).all()


def test_only_falls_after_the_onset_count():
    trial = trial_of(arm(0.2, 2, fell=300), arm(1.0, 2), arm(0.8, 2))
    assert recovery(trial, arm(0.2, 2)).fell.all()
    assert recovery(trial, arm(0.2, 2)).status == ["not recovered"] * 2
    early = arm(1.0, 2, fell=50)
    found = recovery(trial_of(early, early, arm(0.8, 2)), arm(0.2, 2))
    assert not found.fell.any()
    assert found.status == ["twin broke down"] * 2


def test_what_comes_after_a_repair_is_no_recovery():
    plan = OnlinePlan(TOTAL * STEP, 10.0, 10.0, heals_after=8.0)
    struck = np.where(SECONDS < 8, 0.2, 1.0)
    found = recovery(trial_of(arm(struck, 2), arm(1.0, 2), arm(0.8, 2), plan), arm(0.2, 2))
    assert found.status == ["not recovered"] * 2
    assert found.struck[-1] == pytest.approx([0.2, 0.2])
    assert found.time.time == pytest.approx([8.0, 8.0])
    assert np.isnan(found.struck[MOMENTS.index(10.0)]).all()  # after the repair


@pytest.fixture(scope="module")
def reacher():
    return load_task_set("reacher-damage")


def result_of(reacher, trial, floor=None):
    tasks = reacher.tasks("test_iid")[: len(trial.strike)]
    agent = make_agent("rl2", reacher, num_envs=2, width=16)
    rivals = Rivals(floor, None, {"floor": "baseline"} if floor else {})
    return OnlineResult.of(agent, reacher, "test_iid", tasks, trial.plan, 0, trial, rivals)


def share_of(summary, at):
    return summary["share"][at]


def test_the_interval_of_a_memoryless_policys_share_covers_its_true_value(reacher):
    """Its share is 0.4 by construction; 40 tasks differ in level and gap, and all curves in noise.

    Bootstrap intervals of 95 % over 40 tasks cover about 93 %: 51 of 60 is 4 standard deviations
    below. The old measure covered 0 of them.
    """
    covered = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        gap = rng.uniform(0.2, 0.8, 40)
        base = rng.uniform(0.1, 0.4, 40)
        own, low = (arm(0.0, 40, 0.2, rng, 0.0) for _ in range(2))
        settled, healthy = arm(0.0, 40, 0.2, rng, 0.0), arm(1.0, 40, 0.2, rng)
        share = rng.normal(0.4, 0.2, 40)
        own.reward[ONSET:] += base + (share - np.sum(share * gap) / gap.sum() + 0.4) * gap
        low.reward[ONSET:] += base
        settled.reward[:] += base + gap
        trial = trial_of(own, healthy, settled)
        found = recovery(trial, low)
        up, down = (level[2] - found.floor[2] for level in (found.struck, found.best))
        interval = share_interval(found.struck[2], found.floor[2], found.best[2])
        assert interval.point == pytest.approx(up.mean() / down.mean())
        covered += interval.low <= 0.4 <= interval.high
    assert covered >= 51


def test_a_policy_against_itself_has_regained_nothing(reacher):
    rng = np.random.default_rng(0)
    own = arm(0.3, 6, 0.2, rng)
    trial = trial_of(own, arm(1.0, 6, 0.2, rng), arm(0.8, 6, 0.2, rng))
    summary = result_of(reacher, trial, own).summary()
    for at in ("0.5s", "10s", "end"):
        assert (share_of(summary, at)["point"], share_of(summary, at)["high"]) == (0, 0)
    assert summary["recovered"]["point"] == 0
    assert summary["end_minus_settled"]["point"] == pytest.approx(-0.5, abs=0.05)


def test_robots_without_damage_are_no_part_of_the_share(reacher):
    struck = arm(0.3, 4)
    struck.reward[:, 3] = 1.0
    changes = np.array([True, True, True, False])
    trial = OnlineTrial(PLAN, STEP, np.full(4, ONSET), changes, struck, arm(1.0, 4), arm(0.8, 4))
    summary = result_of(reacher, trial, arm(0.3, 4)).summary()
    assert summary["counts"]["not struck"] == 1
    assert (share_of(summary, "end")["point"], share_of(summary, "end")["n"]) == (0.0, 3)
    assert summary["lost"]["point"] == pytest.approx(0.7)


def test_a_gap_that_is_not_there_gives_no_share(reacher):
    rng = np.random.default_rng(0)
    own, low, settled = (arm(0.3, 6, 0.2, rng, 0.3) for _ in range(3))
    result = result_of(reacher, trial_of(own, arm(1.0, 6, 0.2, rng), settled), low)
    assert set(result.summary()["share"].values()) == {None}
    assert result.summary()["counts"]["nothing to regain"] == 6


def test_the_curve_is_aligned_at_the_onset():
    reward = np.ones((800, 2))
    reward[300:, 0] = reward[350:, 1] = 0.5
    one = Arm(reward, np.full(2, 800), np.zeros(2, bool))
    trial = OnlineTrial(PLAN, STEP, np.array([300, 350]), np.ones(2, bool), one, one, one)
    seconds, (struck, healthy, _) = trial.since_strike(2.0, 5.0)
    assert (seconds[0], seconds[-1]) == (pytest.approx(-2.0), pytest.approx(4.95))
    np.testing.assert_array_equal(struck[:, 0], struck[:, 1])
    assert struck[39, 0] == 1 > struck[40, 0] == 0.5
    assert healthy.shape == (140, 2)


def test_results_are_saved_and_loaded_exactly(reacher, tmp_path):
    tasks = reacher.tasks("test_held_out_damage")[:6]
    agent, plan = make_agent("rl2", reacher, num_envs=2, width=16), OnlinePlan(4.0, 1.0, 2.0)
    trial = run_online(agent, reacher, tasks, plan)
    result = OnlineResult.of(agent, reacher, "test_held_out_damage", tasks, plan, 0, trial)
    result.save(tmp_path / "it")
    again = OnlineResult.load(tmp_path / "it")
    assert again.summary() == result.summary()
    assert again.curve == result.curve
    assert again.meta["task_set_hash"] == reacher.hash
    table = online_table([again])
    assert len(table.head) == len(table.rows[0])
    assert "test_held_out_damage" in table.markdown()
    text = (tmp_path / "it" / "online.json").read_text()
    (tmp_path / "it" / "online.json").write_text(text.replace('"measure": 2', '"measure": 1'))
    with pytest.raises(FastadaptError, match="earlier definitions"):
        OnlineResult.load(tmp_path / "it")
    (tmp_path / "it" / "online.json").write_text(text)
    (tmp_path / "it" / "curve.csv").write_text("seconds\n")
    with pytest.raises(FastadaptError, match="not a complete online evaluation"):
        OnlineResult.load(tmp_path / "it")


def test_the_censored_are_never_dropped(reacher):
    trial = trial_of(arm(0.2, 6), arm(1.0, 6), arm(0.8, 6))
    result = result_of(reacher, trial, arm(0.2, 6))
    assert result.summary()["recovery_s"]["point"] == pytest.approx(30.0)
    result.rows[0] |= {"recovered": 1, "recovery_s": 0.5}
    assert result.summary()["recovery_s"]["point"] == pytest.approx((0.5 + 5 * 30.0) / 6)
