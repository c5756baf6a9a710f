"""Verdicts: only what an interval supports is said, and what undoes it is said beside it."""

import numpy as np
import pytest

from fastadapt.adaptation.evaluation.results import Result
from fastadapt.adaptation.report.verdicts import verdict
from tests.adaptation.references.test_references import result

TASKS = np.arange(20.0)
NOISE = np.random.default_rng(1).normal(size=20)


def together(*parts):
    return Result.concatenate(list(parts))


@pytest.mark.parametrize(
    ("gain", "said"), [(5.0, "better than"), (-5.0, "is worse than"), (0.0, "no better than")]
)
def test_what_adaptation_adds_is_counted_from_the_constant_context(gain, said):
    own = result("it", [TASKS - 50, TASKS + gain + NOISE - NOISE.mean()], (0, 5))
    held = result("it-constant-context", [TASKS, TASKS], (0, 5))
    text = verdict(together(own, held))
    assert "On test_iid, it with 5 shots is" in text
    assert said in text
    assert "55" not in text  # the gain over its own 0 shots


def test_without_a_control_the_gain_is_said_to_be_unproven():
    text = verdict(result("it", [TASKS - 50, TASKS + NOISE], (0, 5)))
    assert "better than its own 0 shots" in text
    assert "No control says how much of that is about the task" in text
    still = verdict(result("still", [TASKS, TASKS], (0, 5)))
    assert still.startswith("On test_iid, no shot changes still.")


@pytest.mark.parametrize(("level", "broken"), [(10.0, True), (99.0, False)])
def test_a_control_that_is_broken_on_the_healthy_robot_proves_nothing(level, broken):
    parts = [result("it", [TASKS + 50]), result("it-constant-context", [TASKS])]
    healthy = {"split": "healthy"}
    parts += [
        result("it", [[100, 101, 102]], **healthy),
        result("it-constant-context", [np.array([0, 1, 2]) + level], **healthy),
    ]
    text = verdict(together(*parts))
    assert "On the healthy robot it scores 101, with a constant context" in text
    assert ("holds more than adaptation" in text) == broken


def test_leaders_are_told_apart_only_beyond_the_interval():
    low, high = result("low", [TASKS]), result("high", [TASKS + 3 + 0.1 * NOISE])
    text = verdict(together(low, high))
    assert "high is ahead of the other before any shot, of low by 3.0" in text
    level = result("level", [TASKS + 3 + 2 * np.roll(NOISE, 3)])
    text = verdict(together(low, high, level))
    assert "cannot be told apart" in text
    assert "1 other agent is behind" in text


def test_controls_lead_nothing():
    text = verdict(together(result("it", [TASKS]), result("it-memory-20", [TASKS + 9])))
    assert "ahead" not in text
    assert "apart" not in text
