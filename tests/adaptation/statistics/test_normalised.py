"""Normalised scores: agent, nominal baseline and oracle resampled together."""

import numpy as np
import pytest

from fastadapt.adaptation.statistics.bootstrap import over_tasks
from fastadapt.adaptation.statistics.metrics import normalised_score
from fastadapt.adaptation.statistics.normalised import normalised_interval
from fastadapt.envs import FastadaptError


def tables(rng, runs=1, luck=0.0, score=0.6, tasks=40, reference_luck=0.0):
    """Draw returns of an agent, the nominal baseline and the oracle; the true score is known."""
    base, gain = rng.normal(350, 200, tasks), rng.normal(370, 150, tasks)

    def returns(share, seeds, sd):
        noise = rng.normal(0, 40, (seeds, tasks)) + rng.normal(0, sd, (seeds, 1))
        return base + share * gain + noise

    return (
        returns(score, runs, luck),
        returns(0, 3, reference_luck / 2),
        returns(1, 3, reference_luck),
    )


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_oracle_against_itself_is_one_with_no_width(seeds):
    _, low, high = tables(np.random.default_rng(0))
    found = normalised_interval(high[:seeds], low, high[:seeds])
    assert (found.point, found.low, found.high) == pytest.approx((1, 1, 1), abs=1e-12)
    kept_as_mean = normalised_interval(high, low, high.mean(axis=0).round(4))
    assert (kept_as_mean.low, kept_as_mean.high) == pytest.approx((1, 1), abs=1e-5)
    against_nominal = normalised_interval(low, low, high)
    assert (against_nominal.low, against_nominal.high) == pytest.approx((0, 0), abs=1e-12)


@pytest.mark.parametrize("score", [0.0, 0.6, 1.0])
def test_without_training_luck_the_interval_covers_as_often_as_it_says(score):
    rng, tries = np.random.default_rng(1), 300
    hits = 0
    for _ in range(tries):
        found = normalised_interval(*tables(rng, score=score), reps=300)
        hits += found.low <= score <= found.high
    assert hits / tries == pytest.approx(0.95, abs=0.025)


def test_an_agent_near_the_oracle_has_a_narrower_interval_than_with_a_fixed_gap():
    agent, low, high = tables(np.random.default_rng(2), score=0.98)
    joint = normalised_interval(agent, low, high)
    fixed = over_tasks(normalised_score(agent[0], low.mean(axis=0), high.mean(axis=0)))
    assert joint.point == pytest.approx(fixed.point)
    assert joint.high - joint.low < 0.5 * (fixed.high - fixed.low)


def test_the_training_luck_of_the_references_widens_the_interval():
    agent, low, high = tables(np.random.default_rng(3), reference_luck=60)
    by_seed = normalised_interval(agent, low, high)
    means = normalised_interval(agent, low.mean(axis=0), high.mean(axis=0))
    assert by_seed.high - by_seed.low > 1.2 * (means.high - means.low)


def test_what_the_interval_leaves_out_is_marked():
    rng = np.random.default_rng(4)
    many = normalised_interval(*tables(rng, runs=3))
    assert (many.runs, many.n, many.marks) == (3, 40, "")
    assert str(normalised_interval(*tables(rng))).endswith("]¹")
    assert str(normalised_interval(*tables(rng, tasks=5))).endswith("]¹†")
    assert str(normalised_interval(*tables(rng, runs=3, tasks=9))).endswith("]†")


def test_a_ratio_without_bounds_has_no_interval():
    rng = np.random.default_rng(5)
    low = rng.normal(0, 100, 12)
    high = rng.normal(0, 100, 12)
    high += low.mean() - high.mean() + 1.0
    found = normalised_interval(low + 5, low, high)
    assert np.isnan([found.low, found.high]).all()
    alone = normalised_interval([3.0], [0.0], [4.0])
    assert (alone.point, alone.n, np.isnan(alone.low)) == (0.75, 1, True)


def test_different_tasks_are_refused():
    with pytest.raises(FastadaptError, match="same tasks"):
        normalised_interval([1.0, 2.0], [0.0], [1.0, 2.0])
