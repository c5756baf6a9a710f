"""`fastadapt check` as a user meets it."""

import dataclasses

import pytest

from fastadapt.adaptation.cli import main as cli
from fastadapt.adaptation.cli.inspect.check import _run_problems
from fastadapt.envs import load_task_set
from fastadapt.envs.sanity.facts import late_onsets
from fastadapt.envs.sanity.speed import RandomRun
from tests.support.own_models import ARM, DEAD, LEGS, MASS, write


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


GRAVITY = """
[[perturbations]]
name = "gravity"
kind = "gravity"
scale = { law = "uniform", low = 0.1, high = 0.5 }
"""
FRICTION = """
[[perturbations]]
name = "friction"
kind = "contact-friction"
targets = ["sole"]
against = ["floor"]
scale = { law = "uniform", low = 0.1, high = 0.5 }
"""
SOLE = LEGS.replace(
    '<site name="toe"', '<geom name="sole" size="0.01" pos="0 0 -0.3"/><site name="toe"'
)


def option(words):
    return SOLE.replace('<option timestep="0.005"/>', f'<option timestep="0.005" {words}</option>')


@pytest.mark.parametrize(
    ("xml", "perturbation", "name"),
    [
        (option('><flag gravity="disable"/>'), GRAVITY, "gravity.scale"),
        (option('><flag contact="disable"/>'), FRICTION, "friction.scale"),
        (option('o_friction="1 1 .1 .1 .1"><flag override="enable"/>'), FRICTION, "friction.scale"),
        (
            SOLE.replace("</worldbody>", '</worldbody><contact><exclude body1="world" '
                         'body2="back_leg"/></contact>'),
            FRICTION, "friction.scale",
        ),
    ],
    ids=["no gravity", "no contacts", "override", "exclude"],
)  # fmt: skip
def test_what_the_model_switches_off_has_no_effect(tmp_path, capsys, xml, perturbation, name):
    objective = 'objective = "run-forward"\nhealthy_height = [-100.0, 100.0]'
    path = write(tmp_path, xml, objective, perturbation)
    assert cli.run(["check", str(path), "--no-costs", "--threads", "1"]) == 1
    assert f"Without effect: {name}" in capsys.readouterr().out
    control = write(tmp_path / "control", SOLE, objective, perturbation)
    assert cli.run(["check", str(control), "--no-costs", "--threads", "1"]) == 0


@pytest.mark.parametrize(
    ("flag", "perturbation"),
    [
        ("equality", 'kind = "locked-joint"'),
        ("constraint", 'kind = "locked-joint"'),
        ("limit", 'kind = "range-cut"\nwidth = { law = "constant", value = 0.5 }'),
    ],
)
def test_a_lock_on_a_model_without_its_constraints_is_refused(tmp_path, capsys, flag, perturbation):
    damage = f'[[perturbations]]\nname = "it"\ntargets = ["hip"]\n{perturbation}\n'
    path = write(tmp_path, option(f'><flag {flag}="disable"/>'), perturbations=damage)
    assert cli.run(["check", str(path)]) == 2
    assert f'no effect on a model with <flag {flag}="disable"/>' in capsys.readouterr().err


def test_a_robot_that_falls_at_once_is_not_sound(tmp_path, capsys):
    path = write(tmp_path, environment='objective = "run-forward"\nhealthy_height = [5.0, 6.0]')
    assert cli.run(["check", str(path), "--no-costs", "--threads", "1"]) == 1
    assert "Every episode ends with its first step." in capsys.readouterr().out


@pytest.mark.parametrize("steps", [20, 40])
def test_a_run_counts_infinite_observations_and_episodes_that_end_at_once(steps):
    run = RandomRun(64, steps, 64 * steps, 0, 3, 1.0, 1.0, 1.0)
    assert run.at_once
    assert not dataclasses.replace(run, fell=64 * steps - 1).at_once
    found = _run_problems(load_task_set("reacher-damage"), run)
    assert [heading for heading, _ in found] == [
        "Every episode ends with its first step.",
        "3 observations or rewards are infinite or no numbers.",
    ]


def test_a_site_that_nothing_moves_is_not_sound(tmp_path, capsys):
    xml = ARM.replace("<worldbody>", '<worldbody><site name="fixed" pos="0.3 0 0.3"/>')
    objective = 'objective = "reach-site"\nsite = "fixed"'
    path = write(tmp_path, xml, objective, MASS)
    code = cli.run(["check", str(path), "--no-costs", "--threads", "1"])
    captured = capsys.readouterr()
    assert code == 1
    assert "Nothing moves the site 'fixed'." in captured.out
