"""Names with signs that mean something in patterns; near names that are parts of longer ones."""

import pytest

from fastadapt.envs import load_task_set
from fastadapt.errors import unknown_name
from tests.support.own_models import LEGS, MASS, write


@pytest.mark.parametrize("target", ["arm[1]", "arm*"])
def test_a_name_with_brackets_is_itself(target, tmp_path):
    xml = LEGS.replace("front_leg", "arm[1]")
    task_set = load_task_set(write(tmp_path, xml, perturbations=MASS.replace("*", target)))
    assert [name for name in task_set.names if "arm" in name] == ["mass.scale[arm[1]]"]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("friction", "Did you mean 'contact-friction' or 'joint-friction'?"),
        ("normal", "Did you mean 'truncated-normal'?"),
        ("unifrom", "Did you mean 'uniform'?"),
    ],
)
def test_a_part_of_a_name_is_near(name, meant):
    known = ["contact-friction", "joint-friction", "truncated-normal", "uniform"]
    assert meant in str(unknown_name("law", name, known))


def test_nothing_and_many_are_told_briefly():
    assert "there is none at all" in str(unknown_name("site", "x", []))
    many = str(unknown_name("body", "x", [f"b{i}" for i in range(330)]))
    assert "and 270 more" in many
    assert len(many) < 500
