"""A perturbation may strike along with another one: in the same tasks, and in no others."""

import numpy as np
import pytest

from fastadapt.envs import FastadaptError
from fastadapt.envs.tasks.schema import parse_task_file
from tests.support.declared import constant, declare

DEAD = [
    {"name": f"dead_{side}", "kind": "dead-actuator", "targets": [f"{side}thigh"], "group": "leg"}
    for side in "bf"
]
HEAVY = [
    {"name": f"heavy_{side}", "kind": "mass", "targets": [f"{side}shin"], "scale": constant(2.0),
     "along_with": f"dead_{side}"}
    for side in "bf"
]  # fmt: skip


def test_it_strikes_in_the_same_tasks():
    task_set = declare("cheetah", *DEAD, *HEAVY, groups={"leg": {"strike": 1, "none": 1.0}})
    dead_b, dead_f, heavy_b, heavy_f = task_set.vectors(task_set.sample("train", 600)).T
    np.testing.assert_array_equal(dead_b == 1, heavy_b == 2)
    np.testing.assert_array_equal(dead_f == 1, heavy_f == 2)
    assert not (dead_b * dead_f).any()
    for column in (dead_b, dead_f):
        assert column.mean() == pytest.approx(1 / 3, abs=0.06)


def test_it_may_stand_before_the_one_that_it_follows():
    one = declare("cheetah", *DEAD, *HEAVY, groups={"leg": {"strike": 1}})
    other = declare("cheetah", *HEAVY, *DEAD, groups={"leg": {"strike": 1}})
    columns = [one.names.index(name) for name in other.names]
    np.testing.assert_array_equal(
        one.vectors(one.sample("train", 50))[:, columns], other.vectors(other.sample("train", 50))
    )


def test_it_draws_its_own_targets_and_values():
    follower = {"name": "weak", "kind": "weak-actuator", "targets": ["*"], "strike": 2,
                "strength": {"law": "uniform", "low": 0.2, "high": 0.8},
                "along_with": "dead_b"}  # fmt: skip
    task_set = declare("cheetah", *DEAD, follower, groups={"leg": {"strike": 1}})
    vectors = task_set.vectors(task_set.sample("train", 200))
    weak = (vectors[:, 2:] < 1).sum(axis=1)
    np.testing.assert_array_equal(weak, 2 * vectors[:, 0])


FILE = """
name = "mine"
version = 0
environment = "cheetah"

[[perturbations]]
name = "dead"
kind = "dead-actuator"
targets = ["bfoot"]

[[perturbations]]
name = "heavy"
kind = "mass"
targets = ["bfoot"]
along_with = "dead"
scale = { law = "constant", value = 2.0 }

[[perturbations]]
name = "light"
kind = "mass"
targets = ["ffoot"]
scale = { law = "constant", value = 0.5 }

[splits.train]
count = 1
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('along_with = "dead"', 'along_with = "ded"', "Did you mean 'dead'"),
        ('along_with = "dead"', 'along_with = "heavy"', "There is no other perturbation 'heavy'"),
        ('along_with = "dead"', 'along_with = "dead"\ngroup = "g"', "leave its 'group' out"),
        ('targets = ["ffoot"]', 'targets = ["ffoot"]\nalong_with = "heavy"', "does not follow"),
    ],
)
def test_what_cannot_be_followed(old, new, words):
    parse_task_file(FILE, "mine.toml")
    with pytest.raises(FastadaptError, match=words):
        parse_task_file(FILE.replace(old, new), "mine.toml")
