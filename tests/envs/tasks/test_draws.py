"""Keyed draws: known answers, independence of company, uniformity."""

import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from fastadapt.envs import rng as draws
from fastadapt.envs.rng import (
    key_of,
    normals,
    philox,
    uniforms,
)

WORDS = st.integers(0, 2**64 - 1)

# Random123's kat_vectors for philox4x32-10.
KNOWN_ANSWERS = {
    "zeros": ((0,) * 4, (0,) * 2, (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    "ones": (
        (0xFFFFFFFF,) * 4,
        (0xFFFFFFFF,) * 2,
        (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD),
    ),
    "pi": (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
}


@pytest.mark.parametrize("name", KNOWN_ANSWERS)
def test_philox_gives_the_published_answers(name):
    counter, key, answer = (np.array(words, np.uint64) for words in KNOWN_ANSWERS[name])
    assert philox(counter, key).tolist() == answer.tolist()


def test_philox_of_a_batch_is_philox_of_each():
    vectors = [tuple(np.array(w, np.uint64) for w in v) for v in KNOWN_ANSWERS.values()]
    counters, keys, answers = (np.stack(column) for column in zip(*vectors, strict=True))
    np.testing.assert_array_equal(philox(counters, keys), answers)


@given(key=WORDS, indices=st.lists(WORDS, min_size=1, max_size=9), slots=st.integers(1, 9))
def test_a_draw_does_not_depend_on_its_company(key, indices, slots):
    together = uniforms(key, np.array(indices, np.uint64), slots)
    assert together.shape == (len(indices), slots)
    for row, index in zip(together, indices, strict=True):
        np.testing.assert_array_equal(row, uniforms(key, index, slots)[0])
    reverse = uniforms(key, np.array(indices[::-1], np.uint64), slots + 1)
    np.testing.assert_array_equal(reverse[::-1, :slots], together)


def test_each_row_has_a_key_of_its_own_if_wished():
    keys = np.array([1, 2, 2**63], np.uint64)
    rows = uniforms(keys, 7, 4)
    for key, row in zip(keys, rows, strict=True):
        np.testing.assert_array_equal(row, uniforms(key, 7, 4)[0])


def test_key_and_index_use_all_their_bits():
    base = uniforms(5, 5, 2)
    for bit in range(64):
        assert not np.array_equal(uniforms(5 ^ (1 << bit), 5, 2), base)
        assert not np.array_equal(uniforms(5, 5 ^ (1 << bit), 2), base)


@pytest.mark.parametrize("along", ["index", "slots"])
def test_draws_are_uniform_and_uncorrelated(along):
    values = uniforms(11, np.arange(20_000), 2) if along == "index" else uniforms(11, 0, 40_000)
    flat = values.ravel()
    assert scipy.stats.kstest(flat, "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(flat[:-1], flat[1:])[0, 1]) < 0.02
    counts = np.histogram2d(flat[0::2], flat[1::2], bins=8, range=[[0, 1], [0, 1]])[0]
    assert scipy.stats.chisquare(counts.ravel()).pvalue > 1e-3


@pytest.mark.parametrize("word", [0, 0xFFFFFFFF])
def test_neither_zero_nor_one_is_ever_drawn(monkeypatch, word):
    def extreme(counter, key):
        return np.full_like(counter, word)

    monkeypatch.setattr(draws, "philox", extreme)
    assert 0 < uniforms(0, 0, 1)[0, 0] < 1


def test_normals_are_normal():
    values = normals(3, np.arange(5_000), 4)
    assert np.isfinite(values).all()
    assert scipy.stats.kstest(values.ravel(), "norm").pvalue > 1e-3


def test_keys_tell_words_apart():
    keys = [
        key_of(0, "train"),
        key_of("0", "train"),
        key_of("train", 0),
        key_of("0train"),
        key_of(0, "train", ""),
        key_of(1, "train"),
    ]
    assert len(set(keys)) == len(keys)
    assert all(0 <= key < 2**64 for key in keys)


def test_the_kind_of_integer_does_not_matter():
    assert key_of(np.int64(7), "train") == key_of(7, "train")


def test_keys_are_the_same_in_every_process():
    code = "from fastadapt.envs.rng import key_of; print(key_of(0, 'train', 'mass'))"
    env = {"PYTHONHASHSEED": "123"}
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )
    assert int(printed.stdout) == key_of(0, "train", "mass") == GOLDEN_KEY


GOLDEN_KEY = 3882738016296709610
