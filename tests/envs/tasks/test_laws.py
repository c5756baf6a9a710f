"""Laws of the parameters: support, holes, weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy.stats import truncnorm

from fastadapt.envs.distributions import Law

ADAPTER = TypeAdapter(Law)
FINITE = st.floats(-1e6, 1e6, allow_subnormal=False)
POSITIVE = st.floats(1e-3, 1e3)
EXTREME = np.array([2.0**-54, 1e-9, 0.25, 0.5, 0.75, 1 - 1e-9, 1 - 2.0**-53])


def law(name, **content):
    return ADAPTER.validate_python({"law": name, **content})


def intervals_of(edges):
    ordered = sorted(edges)
    return [(ordered[i], ordered[i + 1]) for i in range(0, len(ordered) - 1, 2)]


NAMES = ["constant", "uniform", "log-uniform", "truncated-normal", "choice", "union", "log"]


@st.composite
def laws(draw):
    name = draw(st.sampled_from(NAMES))
    if name == "constant":
        return law(name, value=draw(FINITE))
    if name == "choice":
        return law(name, values=draw(st.lists(FINITE, min_size=1, max_size=5)))
    numbers = POSITIVE if name in ("log-uniform", "log") else FINITE
    ranges = ("uniform", "log-uniform", "truncated-normal")
    count = 2 if name in ranges else 2 * draw(st.integers(1, 3))
    edges = sorted(draw(st.lists(numbers, min_size=count, max_size=count, unique=True)))
    if name == "truncated-normal":
        width = edges[1] - edges[0]
        mean = edges[0] + width * draw(st.floats(-3, 4))
        std = width * draw(st.floats(0.2, 10))
        return law(name, low=edges[0], high=edges[1], mean=mean, std=std)
    if name in ranges:
        return law(name, low=edges[0], high=edges[1])
    return law("union", intervals=intervals_of(edges), log=name == "log")


@given(some=laws(), u=st.lists(st.floats(2.0**-54, 1 - 2.0**-53), min_size=1, max_size=20))
def test_values_lie_in_the_support_and_rise_with_the_draw(some, u):
    u = np.sort(np.concatenate([u, EXTREME]))
    values = some.quantile(u)
    low, high = some.support()
    np.testing.assert_array_equal(some.quantile(np.stack([u, u])), [values, values])
    assert (values >= low).all()
    assert (values <= high).all()
    if some.law != "choice":
        assert (np.diff(values) >= 0).all()


@given(edges=st.lists(POSITIVE, min_size=4, max_size=6, unique=True), log=st.booleans())
def test_a_union_never_draws_from_its_holes(edges, log):
    intervals = intervals_of(edges)
    some = law("union", intervals=intervals, log=log)
    values = some.quantile(np.concatenate([np.linspace(1e-6, 1 - 1e-6, 501), EXTREME]))
    inside = [(low <= values) & (values <= high) for low, high in intervals]
    assert np.any(inside, axis=0).all()
    assert some.support() == (intervals[0][0], intervals[-1][1])


def test_a_union_shares_by_length():
    u = (np.arange(100_000) + 0.5) / 100_000
    linear = law("union", intervals=[(0.0, 1.0), (2.0, 5.0)]).quantile(u)
    assert np.mean(linear <= 1.0) == pytest.approx(1 / 4, abs=1e-4)
    logarithmic = law("union", intervals=[(1.0, 2.0), (4.0, 32.0)], log=True).quantile(u)
    assert np.mean(logarithmic <= 2.0) == pytest.approx(1 / 4, abs=1e-4)
    assert np.mean(logarithmic <= 8.0) == pytest.approx(2 / 4, abs=1e-4)


def test_a_choice_keeps_its_weights():
    u = (np.arange(10_000) + 0.5) / 10_000
    some = law("choice", values=[3.0, 1.0, 2.0], weights=[1, 0, 3])
    values, counts = np.unique(some.quantile(u), return_counts=True)
    assert dict(zip(values, counts, strict=True)) == {3.0: 2_500, 2.0: 7_500}
    assert set(law("choice", values=[5.0, 7.0]).quantile(u)) == {5.0, 7.0}


@pytest.mark.parametrize(
    ("mean", "std", "low", "high"),
    [(0, 1, -1, 2), (1, 0.5, 1.2, 4), (5, 2, -3, 4), (0, 1, 8, 9), (0, 1, -9, -8), (1, 9, 0, 2)],
)
def test_a_truncated_normal_is_that_of_scipy(mean, std, low, high):
    u = (np.arange(1000) + 0.5) / 1000
    expected = truncnorm.ppf(u, (low - mean) / std, (high - mean) / std, loc=mean, scale=std)
    some = law("truncated-normal", mean=mean, std=std, low=low, high=high)
    np.testing.assert_allclose(some.quantile(u), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(some.quantile(EXTREME[[0, -1]]), [low, high], atol=1e-6)


def test_a_truncated_normal_is_a_normal_redrawn_until_it_fits():
    rng = np.random.default_rng(0)
    normal = rng.normal(1.0, 0.5, 400_000)
    kept = normal[(normal > 0.8) & (normal < 2)]
    some = law("truncated-normal", mean=1, std=0.5, low=0.8, high=2.0)
    ours = some.quantile(rng.random(len(kept)))
    for share in (0.1, 0.5, 0.9):
        assert np.quantile(ours, share) == pytest.approx(np.quantile(kept, share), abs=0.01)


def test_quantiles_by_hand():
    half = np.array([0.5])
    assert law("constant", value=3.0).quantile(half) == 3.0
    assert law("uniform", low=-1.0, high=3.0).quantile(half) == 1.0
    assert law("log-uniform", low=0.25, high=4.0).quantile(half) == pytest.approx(1.0)
    assert law("union", intervals=[(0.0, 1.0), (9.0, 10.0)]).quantile(np.array([0.75])) == 9.5


def test_the_ends_of_the_range_can_be_reached():
    ends = np.array([2.0**-54, 1 - 2.0**-53])
    for name in ("uniform", "log-uniform"):
        np.testing.assert_allclose(law(name, low=0.5, high=2.0).quantile(ends), [0.5, 2.0])
    two = law("union", intervals=[(0.5, 1.0), (1.5, 2.0)])
    np.testing.assert_allclose(two.quantile(ends), [0.5, 2.0])


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("uniform", {"low": 2, "high": 1}, "low = 2.0 must be smaller than high = 1.0"),
        ("uniform", {"low": 1, "high": 1}, "must be smaller"),
        ("uniform", {"low": 0, "high": float("inf")}, "finite"),
        ("log-uniform", {"low": 0, "high": 1}, "must be positive"),
        ("choice", {"values": []}, "at least 1"),
        ("choice", {"values": [1, 2], "weights": [1]}, "as many entries"),
        ("choice", {"values": [1, 2], "weights": [0, 0]}, "must not all be zero"),
        ("choice", {"values": [1, 2], "weights": [2, -1]}, "must not be negative"),
        ("union", {"intervals": [[1, 3], [2, 4]]}, "must not overlap"),
        ("union", {"intervals": [[1, 1]]}, "must be ordered"),
        ("union", {"intervals": [[0, 1]], "log": True}, "must be positive"),
        ("constant", {"value": float("nan")}, "finite"),
        ("truncated-normal", {"mean": 0, "std": 0, "low": 0, "high": 1}, "greater than 0"),
        ("truncated-normal", {"mean": 0, "std": 1, "low": 2, "high": 1}, "must be smaller"),
        ("truncated-normal", {"mean": 0, "std": 1, "low": 50, "high": 60}, "out of reach"),
    ],
)
def test_impossible_laws_are_refused(name, content, complaint):
    with pytest.raises(ValidationError, match=complaint):
        law(name, **content)
