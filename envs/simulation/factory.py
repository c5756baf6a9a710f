"""Make a batch of simulations on a backend."""

from __future__ import annotations

import mujoco

from fastadapt.envs.simulation.choice import BACKENDS, best_backend
from fastadapt.envs.simulation.interface import Backend, Simulation
from fastadapt.errors import FastadaptError, unknown_name


def make_simulation(
    model: mujoco.MjModel,
    num_sims: int,
    *,
    num_threads: int = 0,
    forward: bool = False,
    backend: Backend = "auto",
) -> Simulation:
    """Return N simulations of `model`.

    Args:
        model: the compiled nominal model.
        num_sims: N.
        num_threads: threads of the backend; 0 means one per logical processor.
        forward: end every step with `mj_forward`, so that derived quantities are current.
        backend: `mjbatch` (C++ thread pool, built for one MuJoCo), `threads` (any MuJoCo, on a
            thread pool), `reference` (plain `mujoco`, slow and obvious), or `auto` (the first of
            them that works here). On one MuJoCo they agree bit for bit.

    Raises:
        FastadaptError: the backend does not exist or does not support the model, or `num_threads`
            is negative.
    """
    if num_threads < 0:
        raise FastadaptError(f"num_threads = {num_threads}; 0 means one per processor.")
    name = best_backend().backend if backend == "auto" else backend
    if name == "mjbatch":
        return _mjbatch(model, num_sims, num_threads, forward)
    if name == "threads":
        from fastadapt.envs.simulation.threads import ThreadsSimulation

        return ThreadsSimulation(model, num_sims, num_threads, forward)
    if name == "reference":
        from fastadapt.envs.simulation.reference import ReferenceSimulation

        return ReferenceSimulation(model, num_sims, forward)
    raise unknown_name("simulation backend", str(backend), ["auto", *BACKENDS])


def _mjbatch(model: mujoco.MjModel, num_sims: int, num_threads: int, forward: bool) -> Simulation:
    try:
        from fastadapt.envs.simulation.mjbatch import MjbatchSimulation
    except ImportError:
        raise FastadaptError(
            f"The backend 'mjbatch' does not work here: {best_backend().reason} "
            "Use backend='auto', which takes the fastest that does."
        ) from None
    try:
        return MjbatchSimulation(model, num_sims, num_threads, forward)
    except ValueError as error:  # a feature that batches do not have, such as sleep
        raise FastadaptError(
            f"The model cannot be simulated in a batch: {error}. Remove that feature from it, "
            "or use backend='reference'."
        ) from None
