"""How many threads torch uses while robots are simulated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def single_threaded() -> Iterator[None]:
    """Keep torch on one thread inside, where simulation and small network calls alternate.

    The idle threads of torch's pool spin for a while after every call and take the processor from
    the threads that simulate (measured on two cores: simulation takes twice as long).
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
