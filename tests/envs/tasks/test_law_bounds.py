"""Laws that draw the impossible, and splits that promise the unseen and draw the trained."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from fastadapt.envs import FastadaptError, list_task_sets, load_task_set
from fastadapt.envs.distributions import Law, overlap
from fastadapt.envs.tasks.schema import parse_task_file

FILE = """\
name = "mine"
version = 0
environment = "cheetah"
[[perturbations]]
name = "torso"
kind = "mass"
targets = ["torso"]
scale = { TRAIN }
[[perturbations]]
name = "line"
kind = "action-delay"
steps = { STEPS }
[splits.train]
count = 1
[splits.SPLIT]
count = 1
[splits.SPLIT.perturbations]
torso.scale = { TEST }
"""
HOLE = 'law = "union", intervals = [[0.5, 1.0], [1.5, 2.0]]'
UNIFORM = 'law = "uniform", low = 0.5, high = 2.0'
STEPS = 'law = "choice", values = [0, 1, 2]'


def between(low, high, law="uniform"):
    return f'law = "{law}", low = {low}, high = {high}'


def value(number):
    return f'law = "constant", value = {number}'


def parse(train, test, split="test_extrapolation_far", steps=STEPS):
    text = FILE.replace("TRAIN", train).replace("TEST", test).replace("STEPS", steps)
    return parse_task_file(text.replace("SPLIT", split), "mine.toml")


OVERLAPPING = {
    "partly": (UNIFORM, between(1.9, 3), "1.9 to 2"),
    "within": (UNIFORM, between(1, 1.5), "1 to 1.5"),
    "around": (UNIFORM, between(0.1, 9), "0.5 to 2"),
    "one piece of two": (HOLE, between(1.2, 1.6), "1.5 to 1.6"),
    "in the logarithm": (between(0.5, 2, "log-uniform"), between(1.9, 3, "log-uniform"), "1.9 to"),
    "a value inside": (UNIFORM, value(1.5), r"draws: 1.5\."),
    "a known value": (value(1.5), 'law = "choice", values = [1.5, 3]', r"draws: 1.5\."),
    "a normal": (
        UNIFORM,
        'law = "truncated-normal", mean = 3, std = 1, low = 1.9, high = 4',
        "1.9",
    ),
}
APART = {
    "beyond": (UNIFORM, between(2.5, 3)),
    "touching": (UNIFORM, between(2.0, 3)),
    "the hole": (HOLE, between(1.0, 1.5)),
    "the end of a range": (UNIFORM, value(2.0)),
    "other values": ('law = "choice", values = [1, 2]', 'law = "choice", values = [1.5]'),
    "around single values": ('law = "choice", values = [1, 2]', between(0.5, 3)),
    "not changed": (UNIFORM, UNIFORM),
}


@pytest.mark.parametrize("split", ["test_interpolation", "test_extrapolation_near"])
@pytest.mark.parametrize("name", OVERLAPPING)
def test_an_unseen_split_must_not_draw_what_training_covers(name, split):
    train, test, values = OVERLAPPING[name]
    with pytest.raises(FastadaptError, match=f"splits.{split}.*'torso'.*scale overlaps.*{values}"):
        parse(train, test, split)


@pytest.mark.parametrize("name", APART)
def test_what_touches_does_not_overlap(name):
    parse(*APART[name])


@pytest.mark.parametrize("split", ["test_iid", "test_held_out_damage", "test_compound", "other"])
def test_other_splits_may_overlap(split):
    parse(UNIFORM, between(1, 1.5), split)


def test_what_counts_is_the_law_that_training_has_itself():
    text = FILE.replace("TRAIN", UNIFORM).replace("TEST", between(1, 1.5)).replace("STEPS", STEPS)
    text = text.replace("SPLIT", "test_interpolation")
    own = "[splits.train.perturbations]\ntorso.scale = { " + value(1) + " }\n"
    parse_task_file(text + own, "mine.toml")


def test_the_shipped_sets_keep_their_promise():
    for name in list_task_sets():
        load_task_set(name)


edges = st.lists(st.floats(0.01, 100), min_size=2, max_size=2, unique=True).map(sorted)


@given(one=edges, other=edges)
def test_overlap_is_symmetric_for_ranges_and_has_a_width(one, other):
    adapter = TypeAdapter(Law)
    laws = [
        adapter.validate_python({"law": "uniform", "low": a, "high": b}) for a, b in (one, other)
    ]
    common = overlap(*laws)
    assert common == overlap(*laws[::-1])
    assert (common is not None) == (max(one[0], other[0]) < min(one[1], other[1]))


@pytest.mark.parametrize(
    ("steps", "complaint"),
    [
        (between(0, 3), "steps must be whole numbers"),
        (value(1.5), "steps must be whole numbers"),
        ('law = "choice", values = [1, 2.5]', "steps must be whole numbers"),
        (value(11), "steps from 11 to 11 is not possible; allowed are 0 to 10"),
        (value(-1), "steps from -1"),
    ],
)
def test_a_delay_is_a_whole_number_of_steps(steps, complaint):
    with pytest.raises(FastadaptError, match=f"'line'.*{complaint}"):
        parse(UNIFORM, between(2.5, 3), steps=steps)
