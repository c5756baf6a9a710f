"""Threads of torch during simulation, and seeding of the global random generators."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


@contextmanager
def single_threaded() -> Iterator[None]:
    """Keep torch on one thread inside, where simulation and small network calls alternate.

    The idle threads of torch's pool spin for a while after every call and take the processor from
    the threads that simulate (measured on two cores: simulation takes twice as long).

    Where nothing has imported torch, there is nothing to do.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def keyed_randomness(key: int) -> Iterator[None]:
    """Seed the generators of torch, NumPy and Python inside; leave no trace of it outside."""
    import torch

    before = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    torch.manual_seed(key % 2**63)
    np.random.seed(key % 2**32)  # noqa: NPY002
    random.seed(key)
    try:
        yield
    finally:
        torch.set_rng_state(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        random.setstate(before[2])
