"""What knowing the damage is worth, from shipped policies and from numbers."""

from importlib.resources import files
from pathlib import Path

import pytest

from fastadapt.adaptation.cli.main import run
from fastadapt.adaptation.evaluation.needs_adaptation import (
    Need,
    Rival,
    measure_need,
    policy_readings,
)
from fastadapt.adaptation.statistics.bootstrap import Interval
from fastadapt.envs import FastadaptError, load_task_set


def policy(role):
    folder = Path(str(files("fastadapt.assets") / "references" / "cheetah-damage-encoders-v0"))
    return folder / f"{role}-sac-0"


@pytest.fixture(scope="module")
def encoders():
    return load_task_set("cheetah-damage-encoders")


def test_shares_of_the_gap(encoders):
    """The ceiling against itself is 1 with no width; another policy has an interval."""
    rivals = [policy("domain-randomised"), policy("oracle")]
    need = measure_need(encoders, policy("oracle"), policy("nominal"), None, rivals,
                        split="validation", episodes=1, num_threads=1)  # fmt: skip
    best, robust = need.rivals
    assert (best.share.point, best.share.low, best.share.high) == pytest.approx((1, 1, 1))
    assert robust.share.point < 0.6
    assert robust.share.low < robust.share.point < robust.share.high
    gap = need.ceiling.point - need.floor.point
    assert robust.share.point == pytest.approx((robust.returns.point - need.floor.point) / gap)
    assert need.worth is None
    assert need.verdicts() == [
        f"The best policy that does not adapt, 'oracle-sac-0', has {best.share} of the gap: "
        "adaptation has little to add to it."
    ]


def test_a_ceiling_that_was_told_is_no_untold_one(encoders):
    with pytest.raises(FastadaptError, match="--untold encoder weak dead locked"):
        measure_need(encoders, policy("oracle"), policy("nominal"), policy("oracle"))


def test_runs_of_another_task_set_are_refused():
    other = load_task_set("cheetah-damage")
    with pytest.raises(FastadaptError, match="was trained on cheetah-damage-encoders-v0"):
        measure_need(other, policy("oracle"), policy("nominal"))


def test_a_policy_that_is_told_reads_nothing(encoders):
    with pytest.raises(FastadaptError, match="is told the parameters"):
        policy_readings(encoders, policy("oracle"))


def test_a_trained_policy_moves_the_robots(encoders):
    readings = policy_readings(encoders, policy("nominal"), tasks=100, num_threads=1)
    shares = {reading.parameter: reading.windows[0].share for reading in readings}
    assert shares["encoder.offset[bthigh]"] == pytest.approx(0.94, abs=0.04)


def need_with(untold, low, high):
    share = Interval(untold, low, high, 20, 1)
    returns = Interval(500.0, 400.0, 600.0, 20, 1)
    return Need("validation", returns, returns, Rival("untold", returns, share), ())


@pytest.mark.parametrize(
    ("untold", "low", "high", "verdict"),
    [
        (0.5, 0.4, 0.6, "at least 0.2; adaptation has something to win here"),
        (0.75, 0.6, 0.9, "at least 0.2, though its interval reaches below that"),
        (0.95, 0.9, 1.0, "adaptation has little to win here"),
        (1.1, 1.0, 1.2, "adaptation has little to win here"),
        (0.5, float("nan"), float("nan"), "or not known"),
    ],
)
def test_verdicts_on_the_damage(untold, low, high, verdict):
    need = need_with(untold, low, high)
    assert need.worth is not None
    assert need.worth.point == pytest.approx(1 - untold)
    assert verdict in need.verdicts()[0]


def test_the_command_names_what_is_given_away(capsys):
    few = ["--tasks", "120", "--threads", "1"]
    assert run(["check", "cheetah-damage-encoders", "--adaptation", *few]) == 1
    shown = capsys.readouterr().out
    assert "encoder.offset[bthigh]" in shown
    assert "Given away at reset: the first observation tells 9" in shown


def test_a_ceiling_without_a_floor_is_refused_before_anything_is_measured(capsys):
    assert run(["check", "cheetah-damage", "--adaptation", "--floor", "runs/a"]) == 2
    assert "--ceiling and --floor come together" in capsys.readouterr().err
