"""What can be read of hidden parameters at the start of an episode."""

import dataclasses

import numpy as np
import pytest

from fastadapt.envs import load_task_set
from fastadapt.envs.sanity.adaptation_check import (
    GIVEN_AWAY,
    Beginnings,
    features,
    live,
    measure_readings,
    readings_of,
    steps_in,
)
from fastadapt.envs.sanity.adaptation_check_regression import explained
from tests.support.declared import declare

NEW = ("cheetah-damage-v1", "quadruped-damage-v1", "arm-push-damage-v1", "arm-lift-damage-v1",
       "cheetah-struck", "quadruped-struck")  # fmt: skip
NO_ERROR = 0.03
"""Largest share that chance gives to a parameter that cannot be read."""


@pytest.fixture(scope="module")
def encoders():
    return load_task_set("cheetah-damage-encoders")


@pytest.fixture(scope="module")
def lived(encoders):
    return live(encoders, None, tasks=250, seed=0, num_threads=1)


def shares(readings, window=0):
    return {reading.parameter: reading.windows[window].share for reading in readings}


def test_the_first_observation_gives_the_offsets_of_encoders_away(encoders, lived):
    """Starts vary by 0.1 rad, offsets by 0.4: 1 - 0.1^2 / (0.1^2 + 0.4^2) = 0.94."""
    readings = readings_of(encoders, lived)
    first = shares(readings)
    assert first["encoder.offset[bthigh]"] == pytest.approx(0.94, abs=0.02)
    given = {reading.parameter for reading in readings if reading.given_away}
    assert given == {name for name in encoders.names if name.startswith("encoder.")}
    assert max(first[n] for n in first if n.endswith(("[torso]", "ground_friction.scale"))) < 0.05


def test_of_shuffled_parameters_nothing_is_read(encoders, lived):
    order = np.random.default_rng(1).permutation(len(lived.vectors))
    shuffled = dataclasses.replace(lived, vectors=lived.vectors[order])
    readings = readings_of(encoders, shuffled)
    assert not any(reading.given_away for reading in readings)
    for window in range(3):
        assert max(shares(readings, window).values()) < NO_ERROR
        assert np.mean(list(shares(readings, window).values())) < 0.01


def test_of_an_observation_that_contains_the_parameters_all_is_read(encoders, lived):
    seen = np.broadcast_to(lived.vectors, (len(lived.observations), *lived.vectors.shape))
    told = dataclasses.replace(
        lived, observations=np.concatenate([lived.observations, seen], axis=2)
    )
    readings = readings_of(encoders, told)
    assert min(shares(readings).values()) > 0.9
    assert shares(readings)["torso_mass.scale[torso]"] > 0.94


@pytest.mark.slow
@pytest.mark.parametrize("name", NEW)
def test_new_task_sets_give_nothing_away_at_reset(name):
    readings = measure_readings(load_task_set(name), tasks=120, num_threads=1)
    assert len(readings) > 20
    assert max(shares(readings).values()) < GIVEN_AWAY


def test_what_a_motor_does_is_read_from_its_answer():
    """A dead motor shows in the products of actions and what follows, not in the start."""
    dead = {"name": "it", "kind": "weak-actuator", "targets": ["bthigh"]}
    task_set = declare("cheetah", dead | {"strength": {"law": "uniform", "low": 0.0, "high": 1.0}})
    (reading,) = measure_readings(task_set, tasks=300, num_threads=1)
    first, _, second = reading.windows
    assert first.share < NO_ERROR
    assert second.share > 0.2
    assert second.low > 0
    assert second.low < second.share < second.high


def test_a_policy_that_stands_still_learns_nothing_of_its_motors():
    dead = {"name": "it", "kind": "weak-actuator", "targets": ["bthigh"]}
    task_set = declare("cheetah", dead | {"strength": {"law": "uniform", "low": 0.0, "high": 1.0}})
    still = measure_readings(task_set, lambda o: np.zeros((len(o), 6)), tasks=200, num_threads=1)
    assert still[0].windows[2].share < NO_ERROR


def test_the_regression_knows_a_parabola_and_an_interval_that_covers():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3))
    targets = np.stack([x[:, 0] ** 2, x[:, 1] + rng.normal(size=300), np.ones(300)], axis=1)
    curved, noisy, constant = explained([x], targets)
    assert curved.share > 0.9  # no linear regression reads it
    assert noisy.low < 0.5 < noisy.high
    assert (constant.share, constant.low, constant.high) == (0.0, 0.0, 0.0)


def test_noise_with_more_inputs_than_tasks_explains_nothing():
    """Where leave-one-out errors forget the mean that is taken off, this is -1."""
    rng = np.random.default_rng(0)
    found = explained([rng.normal(size=(200, 300))], rng.normal(size=(200, 5)))
    assert max(abs(one.share) for one in found) < 0.05


def test_features_of_the_first_observation_are_the_observation(lived, encoders):
    np.testing.assert_array_equal(features(lived, 0), lived.observations[0])
    assert steps_in(encoders, 0.2) == 4
    short = Beginnings(lived.vectors, lived.observations[:5], lived.actions[:4], lived.ends)
    np.testing.assert_array_equal(features(short, 4), features(lived, 4))
