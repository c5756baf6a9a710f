"""Shipped task sets, each loaded once for all the tests of a process; nothing may change them."""

import functools

import numpy as np

from fastadapt.envs import list_task_sets, load_task_set

NAMES = list_task_sets()


@functools.cache
def shipped(name):
    return load_task_set(name)


@functools.cache
def gym_ids():
    return {f"fastadapt/{shipped(name).id}": name for name in NAMES}


def assert_frozen_alike(found, expected):
    """Two contents of a frozen file are the same but for rounding.

    Log-uniform draws differ in the last bit from one kind of processor to another (seen on one
    without AVX-512: NumPy has exp and log of its own for those that have it). The shipped file is
    what counts.
    """
    for name in ("task_set", "hash", "names"):
        assert found[name] == expected[name]
    assert list(found["splits"]) == list(expected["splits"])
    for split, rows in expected["splits"].items():
        np.testing.assert_array_max_ulp(np.array(found["splits"][split]), np.array(rows), 2)
