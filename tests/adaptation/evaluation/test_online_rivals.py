"""Online trials of a run beside the runs of a baseline and of a ceiling."""

import pytest

from fastadapt.adaptation import evaluate_run_online, train
from fastadapt.adaptation.trials.online_plan import OnlinePlan
from fastadapt.errors import FastadaptError

PLAN = OnlinePlan(4.0, 1.0, 2.0, strikes=("damage",))
SMALL = {"iterations": 1, "num_envs": 2, "width": 8}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    home = tmp_path_factory.mktemp("runs")
    own = train("rl2", "reacher-damage", home / "rl2", episodes=1, **SMALL)
    return own, train("oracle", "reacher-damage", home / "oracle", **SMALL)


def test_the_share_is_measured_between_baseline_and_ceiling(runs):
    own, oracle = runs
    both = {"baseline": own, "ceiling": oracle}
    (result,) = evaluate_run_online(own, ["validation"], PLAN, **both)
    assert (result.meta["floor"], result.meta["best"]) == (
        "rl2 of reacher-damage-v1",
        "oracle of reacher-damage-v1",
    )
    for at in ("0.5s", "end"):  # the baseline is the agent itself: nothing is regained
        assert result.column(f"struck_{at}") == pytest.approx(
            result.column(f"floor_{at}"), abs=1e-4
        )
    (again,) = evaluate_run_online(
        own.path, ["validation"], PLAN, **both, on_progress=lambda *_: pytest.fail("measured again")
    )
    assert again.summary() == result.summary()
    (alone,) = evaluate_run_online(own, ["validation"], PLAN)
    assert alone.meta["floor"] == "none"
    assert set(alone.summary()["share"].values()) == {None}


def test_rivals_of_another_robot_or_with_other_parameters_are_refused(runs):
    with pytest.raises(FastadaptError, match="Give a run of the same robot"):
        evaluate_run_online(runs[0], ["validation"], PLAN, baseline="zoo:pearl-cheetah-damage")
    with pytest.raises(FastadaptError, match=r"observes the parameters of 'cheetah-damage-enc"):
        evaluate_run_online(
            "zoo:pearl-cheetah-damage",
            ["validation"],
            PLAN,
            out=runs[0].path.parent / "pearl",
            ceiling="zoo:cheetah-damage-encoders-v0/oracle-sac-0",
        )
