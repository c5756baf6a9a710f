"""`fastadapt check` as a user meets it."""

import pytest

from fastadapt.adaptation.cli import main as cli
from fastadapt.envs import load_task_set
from fastadapt.envs.sanity.facts import late_onsets
from tests.support.own_models import DEAD, LEGS, MASS, write


def test_a_good_file_is_measured(tmp_path, capsys):
    assert cli.run(["check", str(write(tmp_path)), "--threads", "1"]) == 0
    printed = capsys.readouterr().out
    for words in (
        "mine-v0 is valid",
        "mine-run-forward-",
        "mass.scale: acceleration when pushed with 10 N [m/s²]",
        "front_leg",
        "dead.dead: travel of the joint",
        "0 diverged",
        "steps/s nominal",
        "What 64 new tasks cost",
        "'mine' is sound. All 5 parameters act.",
    ):
        assert words in printed, words


def test_a_parameter_without_effect_is_exit_code_1(tmp_path, capsys):
    friction = """
[[perturbations]]
name = "friction"
kind = "contact-friction"
targets = ["ghost"]
against = ["floor"]
scale = { law = "uniform", low = 0.5, high = 1.0 }
"""
    xml = LEGS.replace(
        '<site name="toe"',
        '<geom name="ghost" size="0.01" contype="0" conaffinity="0"/><site name="toe"',
    )
    assert cli.run(["check", str(write(tmp_path, xml, perturbations=friction)), "--no-costs"]) == 1
    printed = capsys.readouterr().out
    assert "NO EFFECT" in printed
    assert "Without effect: friction.scale." in printed


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("horizon", "horizn"), "Did you mean 'horizon'?"),
        (('"mass"\nkind = "mass"', '"mass"\nkind = "mas"'), "'mass'?"),
        (("[splits.test_iid]", "[splits.test_extrapolation.perturbations]\nmass.scale = "
          '{ law = "uniform", low = 1.0, high = 3.0 }\n[splits.test_extrapolation]'), "overlaps"),
    ],
)  # fmt: skip
def test_bad_files_are_one_sentence_and_exit_code_2(tmp_path, capsys, change, expected):
    path = write(tmp_path, environment='objective = "run-forward"\nhorizon = 5.0')
    text = path.read_text()
    assert change[0] in text
    path.write_text(text.replace(*change))
    assert cli.run(["check", str(path)]) == 2
    captured = capsys.readouterr()
    assert expected in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_a_simulation_that_blows_up_is_told(tmp_path, capsys):
    text = LEGS.replace('gear="20"', 'gear="1e7"')
    assert cli.run(["check", str(write(tmp_path, text)), "--no-costs"]) == 1
    assert "The simulation diverged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("onset", "code", "expected"),
    [
        ((9.0, 99.0), 1, "Never begins: 'dead' in splits train, test_iid (onset 9 to 99 s)."),
        ((2.0, 6.0), 0, "begins after the end of the episode in 50 % of its draws"),
        ((0.0, 3.0), 0, "'mine' is sound. All 6 parameters act."),
    ],
)
def test_an_onset_after_the_end_of_the_episode_is_told(tmp_path, capsys, onset, code, expected):
    law = 'onset = {{ law = "uniform", low = {}, high = {} }}\n'.format(*onset)
    environment = 'objective = "run-forward"\nhorizon = 4.0'
    path = write(tmp_path, environment=environment, perturbations=MASS + DEAD + law)
    assert cli.run(["check", str(path), "--threads", "1", "--no-costs"]) == code
    printed = capsys.readouterr().out
    assert expected in printed
    assert ("begins" in printed) == (onset[1] > 4)
    assert ("sound" in printed) == (code == 0)


def test_an_onset_is_late_in_the_split_whose_law_it_is(tmp_path):
    onset = 'onset = { law = "constant", value = 1.0 }\n'
    environment = 'objective = "run-forward"\nhorizon = 4.0'
    path = write(tmp_path, environment=environment, perturbations=MASS + DEAD + onset)
    own = '[splits.test_iid.perturbations]\ndead.onset = { law = "constant", value = 4.0 }\n'
    path.write_text(path.read_text() + own)
    (late,) = late_onsets(load_task_set(path))
    assert (late.perturbation, late.splits, late.share) == ("dead", ("test_iid",), 1.0)
