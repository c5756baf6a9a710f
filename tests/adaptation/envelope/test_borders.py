"""Borders and areas: known borders are recovered, and where nothing happened nothing is gained."""

import re

import numpy as np
import pytest

from fastadapt.adaptation.envelope.border import (
    Resampler,
    areas,
    as_success,
    border,
    borders,
    difference,
    exclude_zero,
    means,
    sides,
)
from fastadapt.adaptation.envelope.grid import make_grid
from fastadapt.adaptation.envelope.measure import columns_of
from fastadapt.adaptation.envelope.verdict import Findings
from fastadapt.envs import load_task_set

OVER = ("payload.mass[trunk]=0:8:9", "ground_friction.scale=0.2:2:7")


def grid_of(robots=8, over=OVER, damages=("dead:FL_calf",)):
    return make_grid(load_task_set("quadruped-damage"), over, damages, robots)


def drawn(grid, chance, seed=0):
    """Verdicts of robots with these chances of success, `(damages, values, values)`."""
    rng = np.random.default_rng(seed)
    chances = np.broadcast_to(chance, grid.shape)[..., None]
    return (rng.random((*grid.shape, grid.robots)) < chances).astype(np.int8)


def falling(grid, at, width=0.5):
    """Chances of success that fall under a half where the payload is `at` [kg]."""
    payload = np.array(grid.axes[0].values)[None, :, None]
    return 1 / (1 + np.exp(np.clip((payload - at) / width, -50, 50)))


def test_a_known_border_is_recovered():
    grid = grid_of(robots=200)
    resampler = Resampler(grid, 200)
    rates = resampler.rates(drawn(grid, falling(grid, 3.3)))
    found = border(resampler, rates, 0, 1)
    assert found.value.point == pytest.approx(3.3, abs=0.1)
    assert found.value.low <= 3.3 <= found.value.high
    assert not found.open
    assert not found.none
    assert sides(grid.axes[0]) == [1]
    assert sides(grid.axes[1]) == [1, -1]
    assert border(resampler, rates, 1, 1).open  # friction never matters
    inside = areas(grid, rates)[0]
    np.testing.assert_allclose(inside, 3.3 / 8, atol=0.02)
    np.testing.assert_allclose(means(grid, rates)[0], 3.3 / 8, atol=0.02)


def test_a_border_towards_smaller_values():
    grid = grid_of(robots=100)
    friction = np.array(grid.axes[1].values)[None, None, :]
    resampler = Resampler(grid, 100)
    rates = resampler.rates(drawn(grid, 1 / (1 + np.exp((0.6 - friction) / 0.1))))
    found = border(resampler, rates, 1, -1)
    assert found.value.point == pytest.approx(0.6, abs=0.05)
    assert found.value.low <= 0.6 <= found.value.high
    assert border(resampler, rates, 1, 1).open


def test_the_interval_covers_the_border():
    """Of 120 envelopes with 8 robots a cell, at least 90 % contain the true border."""
    grid, true = grid_of(over=OVER[:1], damages=()), 3.3
    inside = 0
    for seed in range(120):
        resampler = Resampler(grid, 100, seed)
        found = border(resampler, resampler.rates(drawn(grid, falling(grid, true), seed)), 0, 1)
        inside += found.value.low <= true <= found.value.high
    assert inside >= 0.9 * 120


def test_a_drop_from_all_to_none_tells_the_border_to_one_step_of_the_grid():
    grid = grid_of()
    resampler = Resampler(grid, 50)
    found = border(resampler, resampler.rates(drawn(grid, falling(grid, 3.2, 1e-3))), 0, 1)
    assert (found.value.low, found.value.high) == (3.0, 4.0)


def test_no_success_at_the_start_and_success_everywhere():
    grid = grid_of()
    resampler = Resampler(grid, 50)
    nowhere = resampler.rates(np.zeros((*grid.shape, 8)))
    everywhere = resampler.rates(np.ones((*grid.shape, 8)))
    assert border(resampler, nowhere, 0, 1).none
    assert str(border(resampler, nowhere, 0, 1)) == "nowhere"
    assert border(resampler, everywhere, 0, 1).open
    assert str(border(resampler, everywhere, 0, 1)) == "8 (end of the grid)"
    assert areas(grid, everywhere).min() == 1.0
    assert areas(grid, nowhere).max() == 0.0


def test_the_same_verdicts_gain_nothing_with_no_width():
    grid = grid_of()
    resampler = Resampler(grid, 100)
    rates = resampler.rates(drawn(grid, falling(grid, 3.3)))
    for numbers in (areas(grid, rates)[:, 0], borders(grid, rates, 0, 1).at):
        nothing = difference(resampler, numbers, numbers)
        assert (nothing.point, nothing.low, nothing.high) == (0.0, 0.0, 0.0)
        assert exclude_zero(nothing) == 0


def test_chance_alone_is_seldom_taken_for_a_gain():
    grid = grid_of(over=OVER[:1], damages=())
    found = 0
    for seed in range(100):
        resampler = Resampler(grid, 100, seed)
        rates = [resampler.rates(drawn(grid, falling(grid, 3.3), 1000 * k + seed)) for k in (1, 2)]
        gain = difference(resampler, *(areas(grid, r)[:, 0] for r in rates))
        found += exclude_zero(gain) != 0
    assert found <= 12


def findings(grid, before, after, seed=0):
    """Findings on an agent with these chances of success at 0 and 5 shots."""
    rows = grid.cells * grid.robots
    table = np.zeros(2 * rows, columns_of(grid))
    table["shot"] = np.repeat([0, 5], rows)
    table["success"] = np.concatenate([
        drawn(grid, before, seed).ravel(), drawn(grid, after, seed).ravel()
    ])  # fmt: skip
    return Findings(grid, {("toy", False): table})


def test_the_verdict_says_how_far_adaptation_moves_the_border():
    grid = grid_of(robots=50)
    found = findings(grid, falling(grid, 3.4, 0.3), falling(grid, 5.4, 0.3))
    verdict = found.verdict()
    assert verdict.startswith("toy: adaptation extends the largest payload.mass[trunk]")
    old, new = map(float, re.findall(r"(?:from|to) (\d\.\d+) \[", verdict)[:2])
    assert old == pytest.approx(3.4, abs=0.15)
    assert new == pytest.approx(5.4, abs=0.15)
    assert "kg" in verdict
    gain = found.gain("toy")
    assert gain is not None
    assert gain.low - 0.01 < 2 / 8 < gain.high + 0.01
    assert "Adaptation widens the envelope of toy" in verdict


def test_the_verdict_says_that_adaptation_adds_nothing_or_harms():
    grid = grid_of(robots=30)
    same = falling(grid, 3.3)
    found = findings(grid, same, same)
    assert "does not move the largest payload" in found.verdict()
    assert "does not change the envelope of toy measurably" in found.verdict()
    gain = found.gain("toy")
    assert gain is not None
    assert (gain.low, gain.high) == (0.0, 0.0)
    worse = findings(grid, falling(grid, 5.0), falling(grid, 2.0)).verdict()
    assert "adaptation lowers the largest payload" in worse
    assert "Adaptation narrows the envelope of toy" in worse


def test_a_constant_context_that_fails_without_damage_is_no_measure():
    grid = grid_of()
    rows = grid.cells * grid.robots
    own, held = (np.zeros(n * rows, columns_of(grid)) for n in (2, 1))
    own["shot"] = np.repeat([0, 5], rows)
    own["success"] = np.tile(drawn(grid, falling(grid, 4.5)).ravel(), 2)
    broken = Findings(grid, {("toy", False): own, ("toy", True): held})
    assert broken.without("toy").condition == "0 shots"
    assert "fails even where nothing is wrong" in broken.verdict()
    gain = broken.gain("toy")
    assert gain is not None
    assert (gain.low, gain.high) == (0.0, 0.0)
    held["success"] = drawn(grid, falling(grid, 2.5)).ravel()
    found = Findings(grid, {("toy", False): own, ("toy", True): held})
    assert found.without("toy").condition == "constant context"
    assert "extends the largest payload" in found.verdict()


def test_tables_name_every_condition_and_damage():
    grid = grid_of()
    found = findings(grid, falling(grid, 3.0), falling(grid, 5.0))
    first, *others = found.tables()
    assert first.head == ["", "no damage", "dead:FL_calf", "all", "mean success"]
    assert [row[0] for row in first.rows] == [
        "toy, 0 shots", "toy, 5 shots", "toy, gained by adaptation"
    ]  # fmt: skip
    assert [len(table.rows) for table in others] == [4, 4]
    assert as_success(np.zeros(grid.cells * 8), grid).shape == (2, 9, 7, 8)


def test_the_verdict_compares_with_the_best_policy_without_adaptation():
    grid = grid_of(robots=50)
    rows = grid.cells * grid.robots
    toy, told, plain = (np.zeros(n * rows, columns_of(grid)) for n in (2, 1, 1))
    toy["shot"] = np.repeat([0, 5], rows)
    chances = (falling(grid, 3.4, 0.3), falling(grid, 5.4, 0.3))
    toy["success"] = np.concatenate([drawn(grid, chance).ravel() for chance in chances])
    plain["success"] = drawn(grid, falling(grid, 5.4, 0.3), 1).ravel()
    told["success"] = drawn(grid, falling(grid, 7.0, 0.3)).ravel()  # an oracle is no rival
    plain["success"] = drawn(grid, falling(grid, 5.4, 0.3), 1).ravel()
    tables = {("toy", False): toy, ("told", False): told, ("plain", False): plain}
    alone = Findings(grid, {("toy", False): toy}).verdict()
    assert "give it as another RUN" in alone
    beside = Findings(grid, tables, frozenset({"plain"}), frozenset({"told"})).verdict()
    assert "does not change the envelope of toy measurably" in beside
    assert "the best policy without adaptation (plain) on" in beside
    assert "told: it succeeds" in beside
    plain["success"] = drawn(grid, falling(grid, 3.4, 0.3), 1).ravel()
    beside = Findings(grid, tables, frozenset({"plain"}), frozenset({"told"})).verdict()
    assert "Adaptation widens the envelope of toy" in beside
