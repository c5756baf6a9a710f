"""Shipped task sets, each loaded once for all the tests of a process; nothing may change them."""

import functools

from fastadapt.envs import list_task_sets, load_task_set

NAMES = list_task_sets()


@functools.cache
def shipped(name):
    return load_task_set(name)


@functools.cache
def gym_ids():
    return {f"fastadapt/{shipped(name).id}": name for name in NAMES}
