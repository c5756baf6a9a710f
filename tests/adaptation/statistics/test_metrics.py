"""Every metric on curves whose answer is known."""

import numpy as np
import pytest

from fastadapt.adaptation.statistics import metrics
from fastadapt.adaptation.statistics.metrics import Times
from fastadapt.envs import FastadaptError

SHOTS = (0, 1, 2, 5)
RISING = [[0.0, 4.0, 6.0, 6.0], [1.0, 1.0, 1.0, 1.0], [2.0, 0.0, 0.0, 1.0]]


def test_the_floor_scores_0_and_the_oracle_1_on_average():
    floor, oracle = [0.0, 10.0, 5.0], [100.0, 60.0, 5.0]
    assert metrics.normalised_score(floor, floor, oracle) == pytest.approx([0, 0, 0])
    assert metrics.normalised_score(oracle, floor, oracle).mean() == pytest.approx(1)
    # The third task has no gap of its own; it counts by the mean gap of 50.
    assert metrics.normalised_score([50, 10, 30], floor, oracle) == pytest.approx([1, 0, 0.5])


def test_curves_are_normalised_moment_by_moment():
    scores = metrics.normalised_score([[0, 5], [10, 20]], [0, 10], [10, 20])
    assert scores == pytest.approx(np.array([[0, 0.5], [0, 1]]))


def test_no_gap_is_told():
    with pytest.raises(FastadaptError, match="below the nominal baseline"):
        metrics.normalised_score([1, 2], [1, 2], [0, 1])
    with pytest.raises(FastadaptError, match="differ in their number of tasks"):
        metrics.normalised_score([1, 2], [1, 2, 3], [0, 1, 2])


def test_area_jump_start_asymptote():
    # Trapezoids: (0+4)/2 + (4+6)/2 + 3 * 6 = 25 over 5 shots.
    assert metrics.area_under_curve(SHOTS, RISING) == pytest.approx([5.0, 1.0, (1 + 0 + 1.5) / 5])
    assert metrics.area_under_curve([0], [[3.0], [4.0]]) == pytest.approx([3, 4])
    assert metrics.jump_start(SHOTS, RISING) == pytest.approx([0, 1, 2])
    assert metrics.jump_start(SHOTS, RISING, [1, 1, 1]) == pytest.approx([-1, 0, 1])
    assert metrics.asymptote(SHOTS, RISING) == pytest.approx([6, 1, 1])


def test_shots_to_a_threshold_are_censored_where_it_is_never_reached():
    times = metrics.shots_to(SHOTS, RISING, [5.4, 0.9, 3.0])
    assert times.time.tolist() == [2, 0, 5]
    assert times.happened.tolist() == [True, True, False]


def test_regret_and_negative_adaptation():
    assert metrics.regret(SHOTS, RISING, 6.0) == pytest.approx([5.0, 25.0, 30 - 2.5])
    assert metrics.regret(SHOTS, RISING, [6, 1, 2])[1] == 0
    assert metrics.negative_adaptation(SHOTS, RISING).tolist() == [0, 0, 1]


def test_cvar_is_the_mean_of_the_worst():
    scores = np.arange(10.0)
    assert metrics.cvar(scores[::-1], 0.2) == pytest.approx(0.5)
    assert metrics.cvar(scores, 0.25) == pytest.approx((0 + 1 + 0.5 * 2) / 2.5)
    assert metrics.cvar(scores, 1.0) == pytest.approx(scores.mean())
    assert metrics.cvar(np.stack([scores, scores + 1]), 0.1) == pytest.approx([0, 1])
    with pytest.raises(FastadaptError, match="share"):
        metrics.cvar(scores, 0.0)


def test_survival_and_transport():
    assert metrics.survival([0, 0.5, 0, 1], [0, 0.25, 1, 0]).tolist() == [1, 0.25, 0, 0]
    assert metrics.cost_of_transport([100, 50], 10.0, [5, 0]).tolist() == [2.0, np.inf]


def test_kaplan_meier_by_hand():
    # A textbook's example: events at 1 and 3, censored at 2 and 4.
    times = Times(np.array([1.0, 2, 3, 4]), np.array([True, False, True, False]))
    curve = metrics.kaplan_meier(times)
    assert curve.time.tolist() == [0, 1, 2, 3, 4]
    assert curve.share == pytest.approx([1, 3 / 4, 3 / 4, 3 / 8, 3 / 8])
    assert metrics.restricted_mean(times, 4.0) == pytest.approx(1 + 2 * 0.75 + 1 * 0.375)


@pytest.mark.parametrize("share", [0.0, 0.6, 1.0])
def test_kaplan_meier_is_the_product_limit(share):
    rng = np.random.default_rng(0)
    time, happened = rng.integers(1, 9, 40).astype(float), rng.random(40) < share
    curve, left = metrics.kaplan_meier(Times(time, happened)), 1.0
    for moment, found in zip(curve.time, curve.share, strict=True):
        left *= 1 - ((time == moment) & happened).sum() / (time >= moment).sum()
        assert found == pytest.approx(left)


def test_dropping_the_censored_would_be_too_good():
    times = Times(np.array([1.0, 1, 10, 10]), np.array([True, True, False, False]))
    assert metrics.restricted_mean(times, 10.0) == pytest.approx(5.5)
    everyone = Times(np.full(3, 10.0), np.zeros(3, bool))
    assert metrics.restricted_mean(everyone, 10.0) == pytest.approx(10)


@pytest.mark.parametrize(("shots", "curve"), [((0, 1), [[1.0]]), ((1, 0), [[1, 2]]), ((), [[]])])
def test_a_curve_of_another_shape_is_refused(shots, curve):
    with pytest.raises(FastadaptError, match=r"curve|ascend"):
        metrics.area_under_curve(shots, curve)
