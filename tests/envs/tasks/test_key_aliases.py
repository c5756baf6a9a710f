"""Keys of task-set files have accepted second names, which change no hash."""

import re

import pytest

from fastadapt.envs import FastadaptError
from fastadapt.envs.tasks.schema import parse_task_file
from fastadapt.envs.tasks.task_set import TaskSet

OLD = """
name = "mine"
version = 0
environment = "cheetah"

[groups.damage]
strike = 1
none = 0.5

[[perturbations]]
name = "dead"
kind = "dead-actuator"
targets = ["*"]
among = ["b*"]
strike = 2
group = "damage"

[[perturbations]]
name = "weak"
kind = "weak-actuator"
targets = ["*"]
strike = 1
group = "damage"
strength = { law = "uniform", low = 0.2, high = 0.8 }

[[perturbations]]
name = "heavy"
kind = "mass"
targets = ["torso"]
along_with = "dead"
scale = { law = "constant", value = 2.0 }

[splits.train]
count = 4

[splits.test_other]
count = 4
groups.damage = { strike = 2, none = 0.0 }
perturbations.dead = { among = ["f*"], strike = 1 }
"""
NEW = (
    OLD.replace("strike =", "count =")
    .replace("among =", "eligible =")
    .replace("along_with =", "with =")
    .replace("group =", "alternatives =")
    .replace("[groups.", "[alternatives.")
    .replace("groups.damage", "alternatives.damage")
    .replace("none =", "none_weight =")
)


def task_set(text):
    return TaskSet(parse_task_file(text, "mine.toml"), text, None)


def test_new_names_give_the_hashes_and_the_tasks_of_the_old_ones():
    assert not {"strike", "among", "along_with", "group", "groups", "none"} & set(
        re.findall(r"[a-z_]+", NEW)
    )
    old, new = task_set(OLD), task_set(NEW)
    assert new.hash == old.hash
    assert new.file == old.file
    assert new.file.model_dump(mode="json") == old.file.model_dump(mode="json")
    for split in ("train", "test_other"):
        ids = [[task.id for task in some.tasks(split)] for some in (old, new)]
        assert ids[0] == ids[1]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("strike = 2", "strike = 2\ncount = 2", "'dead': 'count' and 'strike' are two"),
        ('among = ["b*"]', 'among = ["b*"]\neligible = ["b*"]', "'eligible' and 'among' are two"),
        ('along_with = "dead"', 'along_with = "dead"\nwith = "dead"', "'with' and 'along_with'"),
        ('group = "damage"', 'group = "damage"\nalternatives = "damage"', "'alternatives' and 'gr"),
        ("none = 0.5", "none = 0.5\nnone_weight = 0.5", "groups.damage: 'none_weight' and 'none'"),
        ("[splits.train]", "[alternatives.damage]\nstrike = 1\n[splits.train]",
         "'alternatives' and 'groups' are two names"),
        ("among = [\"f*\"], strike = 1", "strike = 1, count = 1", "'count' and 'strike' are two"),
    ],
)  # fmt: skip
def test_both_names_of_a_key_are_one_clear_error(old, new, words):
    assert old in OLD
    with pytest.raises(FastadaptError) as caught:
        parse_task_file(OLD.replace(old, new, 1), "mine.toml")
    assert words in str(caught.value)
    assert "leave one out" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("count = 2", "count = 0", "perturbation 'dead': count must be at least 1, not 0"),
        ("eligible = [", "eligble = [", "Did you mean 'eligible'?"),
        ("none_weight = 0.5", "none_weight = -1", "alternatives.damage.none_weight must be at"),
        ("none_weight = 0.5", "non_weight = 1", "Did you mean 'none_weight'?"),
    ],
)
def test_errors_use_the_name_in_the_file(old, new, words):
    assert old in NEW
    with pytest.raises(FastadaptError) as caught:
        parse_task_file(NEW.replace(old, new, 1), "mine.toml")
    assert words in str(caught.value)
