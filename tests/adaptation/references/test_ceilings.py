"""An oracle that an agent beats is refused as a reference, and said to be none in tables."""

import numpy as np
import pytest

from fastadapt.adaptation.references.ceilings import above_ceiling, check_ceiling, said_above_one
from fastadapt.adaptation.references.scores import references_from
from fastadapt.adaptation.text_table import NO_CEILING, markdown_table
from fastadapt.envs import FastadaptError
from tests.adaptation.references.test_references import result

TASKS = np.arange(12.0)
NOISE = np.random.default_rng(0).normal(size=12)


def references():
    return references_from({
        "nominal": [result("nominal", [TASKS])],
        "oracle": [result("oracle", [TASKS + 20], seeds=(0, 2))],
    })  # fmt: skip


def test_who_is_above_beyond_the_interval_is_named_with_the_excess():
    better = result("better", [TASKS + 10, TASKS + 26 + NOISE], (0, 5))
    (found,) = above_ceiling(references(), better)
    assert (found.agent, found.split, found.shot) == ("better", "test_iid", 5)
    assert found.difference.point == pytest.approx(5 + NOISE.mean())  # the oracle's mean is +21
    told = r"no ceiling: better is above it on test_iid after 5 shots, by .*Nothing was written"
    with pytest.raises(FastadaptError, match=told):
        check_ceiling(references(), [result("level", [TASKS]), better])


@pytest.mark.parametrize("level", [TASKS, TASKS + 21 + 3 * NOISE, TASKS + 21])
def test_who_is_level_or_below_is_none(level):
    rival = result("rival", [level])
    assert above_ceiling(references(), rival) == []
    check_ceiling(references(), [rival])
    assert said_above_one(references(), rival) == ""


def test_a_score_above_one_carries_a_mark_and_a_sentence():
    better = result("better", [TASKS + 30 + NOISE])
    cell = references().cell(better, "better", "test_iid", 0)
    assert cell.endswith(NO_CEILING)
    table = markdown_table(["split", "agent", "score"], [["test_iid", "better", cell]])
    assert "the oracle is no ceiling there" in table
    assert "one training seed" in table  # its other mark is explained too
    assert "better on test_iid" in said_above_one(references(), better)
    level = references().cell(result("level", [TASKS + 21]), "level", "test_iid", 0)
    assert NO_CEILING not in level
