"""Point estimates and intervals: by hand, against scipy, and over repeated draws."""

import math

import numpy as np
import pytest
import scipy.stats

from fastadapt.adaptation.statistics.bootstrap import (
    Interval,
    bootstrap,
    iqm,
    mean,
    median,
    optimality_gap,
    performance_profile,
)
from fastadapt.adaptation.statistics.paired import (
    paired_difference,
    probability_of_improvement,
)
from fastadapt.errors import FastadaptError


def test_iqm_by_hand():
    assert iqm(np.array([100.0, 1.0, 2.0, -50.0])) == 1.5
    assert iqm(np.array([3.0, 1.0, 2.0])) == 2.0  # too few to cut any
    assert iqm(np.array([[0.0, 1.0, 2.0, 9.0], [4.0, 4.0, 4.0, 4.0]])).tolist() == [1.5, 4.0]


@pytest.mark.parametrize("count", [1, 2, 4, 5, 7, 8, 40, 41])
def test_iqm_is_scipys_trimmed_mean(count):
    scores = np.random.default_rng(count).standard_normal((3, count))
    expected = scipy.stats.trim_mean(scores, 0.25, axis=1)
    np.testing.assert_allclose(iqm(scores), expected, rtol=0, atol=1e-15)


@pytest.mark.parametrize("statistic", [mean, iqm])
def test_interval_over_tasks_is_scipys_percentile_bootstrap(statistic):
    scores = np.random.default_rng(0).gamma(2.0, 100.0, 40)
    ours = bootstrap(scores, statistic, reps=20_000)
    theirs = scipy.stats.bootstrap(
        (scores,),
        lambda x, axis: statistic(np.moveaxis(x, axis, -1)),
        n_resamples=20_000,
        method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval
    width = theirs.high - theirs.low
    assert ours.point == statistic(scores)
    assert ours.n == 40
    assert abs(ours.low - theirs.low) < 0.03 * width
    assert abs(ours.high - theirs.high) < 0.03 * width


def test_runs_are_resampled_within_their_task():
    between_tasks = np.tile([0.0, 1000.0], (5, 1))
    assert bootstrap(between_tasks, resample="runs") == Interval(500.0, 500.0, 500.0, 5)
    assert bootstrap(between_tasks, resample="tasks").low == 0.0
    # Two runs 0 and 1 on each of 2 tasks: the mean is binomial(4, 1/2) / 4.
    interval = bootstrap([[0.0, 0.0], [1.0, 1.0]], resample="runs", reps=5000)
    assert (interval.point, interval.low, interval.high) == (0.5, 0.0, 1.0)


def test_tasks_are_resampled_with_all_their_runs():
    between_runs = np.tile([[0.0], [1000.0]], (1, 8))
    assert bootstrap(between_runs, resample="tasks") == Interval(500.0, 500.0, 500.0, 8)


def test_chunks_do_not_change_the_numbers(monkeypatch):
    scores = np.random.default_rng(0).standard_normal((3, 10))
    whole = [bootstrap(scores, iqm, resample=way, reps=100) for way in ("tasks", "runs")]
    monkeypatch.setattr("fastadapt.adaptation.statistics.bootstrap._CHUNK", 300)
    assert [bootstrap(scores, iqm, resample=way, reps=100) for way in ("tasks", "runs")] == whole


def test_coverage():
    rng = np.random.default_rng(0)
    hits = 0
    for seed in range(200):
        interval = bootstrap(rng.normal(3.0, 2.0, 40), reps=500, seed=seed)
        hits += interval.low <= 3.0 <= interval.high
    assert 0.89 <= hits / 200 <= 0.99  # 0.95 less what 40 draws cost, give or take 3 sigma


def test_same_seed_same_interval():
    scores = np.random.default_rng(0).standard_normal((4, 20))
    assert bootstrap(scores, seed=3) == bootstrap(scores, seed=3)
    assert bootstrap(scores, seed=3) != bootstrap(scores, seed=4)


def test_pairing_sees_what_tasks_hide():
    rng = np.random.default_rng(0)
    tasks = rng.normal(0.0, 500.0, 40)
    a, b = tasks + 20 + rng.normal(0, 5, 40), tasks + rng.normal(0, 5, 40)
    difference = paired_difference(a, b)
    assert 10 < difference.low < 20 < difference.high < 30
    assert difference.point == pytest.approx((a - b).mean())
    assert paired_difference(a, b, iqm).point == pytest.approx(iqm(a - b))
    assert bootstrap(a).low < bootstrap(b).high  # unpaired, they overlap


def test_probability_of_improvement_by_hand():
    a, b = np.array([[3.0, 1.0], [2.0, 1.0]]), np.array([[1.0, 1.0], [2.5, 0.0]])
    # task 0: 3>1, 3>2.5, 2>1, 2<2.5 -> 3/4; task 1: two ties, two wins -> 3/4
    for resample in ("tasks", "runs"):
        interval = probability_of_improvement(a, b, resample=resample)
        assert interval.point == 0.75
        assert interval.n == 2
    assert probability_of_improvement(a, a).point == 0.5
    assert probability_of_improvement(a[:1] + 9, b) == Interval(1.0, 1.0, 1.0, 2)
    u = scipy.stats.mannwhitneyu(a[:, 0], b[:, 0]).statistic / 4
    assert u == 0.75


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap([[1.0], [2.0]]), "only 1 of the tasks"),
        (lambda: bootstrap([1.0, 2.0], resample="runs"), "use resample='tasks'"),
        (lambda: bootstrap([1.0, math.nan, math.inf]), "2 of 3 scores are NaN or infinite"),
        (lambda: bootstrap([]), "at least one entry"),
        (lambda: bootstrap([1.0, 2.0], resample="seeds"), "no way to resample 'seeds'"),
        (lambda: bootstrap([1.0, 2.0], reps=0), "0 resamples"),
        (lambda: paired_difference([1.0, 2.0], [1.0]), "same tasks in the same order"),
        (lambda: probability_of_improvement([1.0, 2.0], [1.0]), "same tasks"),
        (lambda: probability_of_improvement([1.0, 2.0], [1.0, 2.0], resample="x"), "no way to res"),
        (lambda: probability_of_improvement([1.0, 2.0], [1.0, 2.0], resample="runs"), "only 1"),
    ],
)
def test_errors_say_what_to_do(call, message):
    with pytest.raises(FastadaptError, match=message):
        call()


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (Interval(412.3, 388.6, 436.4, 40), "412 [389, 436]"),
        (Interval(-1.234, -2.0, -0.004, 40), "-1.23 [-2.00, -0.00]"),
        (Interval(0.0, 0.0, 0.0, 2), "0 [0, 0]"),
        (Interval(12345.6, 12000.0, 13000.0, 2), "12346 [12000, 13000]"),
        (Interval(0.0412, 0.04, 0.05, 2), "0.0412 [0.0400, 0.0500]"),
        (Interval(7.5, math.nan, math.nan, 1), "7.50 [no interval]"),
    ],
)
def test_text(interval, text):
    assert str(interval) == text.replace("-0.00]", "0.00]")
    assert Interval.from_json(interval.as_json()).as_json() == interval.as_json()


def test_median_and_optimality_gap_by_hand():
    assert median(np.array([1.0, 9.0, 2.0])) == 2.0
    assert optimality_gap(np.array([[0.5, 1.5, 1.0], [0.0, 0.0, 0.0]])).tolist() == pytest.approx(
        [0.5 / 3, 1.0]
    )
    assert optimality_gap(np.array([3.0, 5.0]), target=4.0) == 0.5


def test_both_ways_of_resampling_are_wider_than_either():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(5, 1)) + rng.normal(size=(1, 10))
    widths = {}
    for way in ("tasks", "runs", "both"):
        interval = bootstrap(scores, resample=way)
        widths[way] = interval.high - interval.low
    assert widths["both"] > max(widths["tasks"], widths["runs"])


def test_a_performance_profile_by_hand():
    profile = performance_profile([[0.0, 1.0], [2.0, 3.0]], [-1.0, 0.0, 1.5, 3.0], resample="runs")
    assert profile.share.tolist() == [1.0, 0.75, 0.5, 0.0]
    assert profile.low.tolist() == [1.0, 0.5, 0.0, 0.0]
    assert profile.high.tolist() == [1.0, 1.0, 1.0, 0.0]


@pytest.mark.slow
@pytest.mark.learning
@pytest.mark.parametrize("way", ["normal", "skewed"])
def test_coverage_is_nominal(way, learning_in_full):
    """Within 2 percentage points over 1,000 repetitions, with enough tasks for a bootstrap."""
    if not learning_in_full:
        pytest.skip("1,000 repetitions: run with --learning full")
    rng = np.random.default_rng(1)
    hits = 0
    for seed in range(1000):
        draw = rng.normal(3.0, 2.0, 100) if way == "normal" else 1.0 + rng.gamma(4.0, 0.5, 100)
        interval = bootstrap(draw, reps=1000, seed=seed)
        hits += interval.low <= 3.0 <= interval.high
    assert abs(hits / 1000 - 0.95) <= 0.02
