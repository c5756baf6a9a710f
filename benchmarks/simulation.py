"""Speed of the batched simulation, against its limit and its peers, in one run.

`python benchmarks/simulation.py` prints env-steps/s for the cheetah: one env-step is 5 physics
steps, and what an agent sees of them, for one robot. All contenders take turns in every round, each
with one episode of 200 control steps from a fresh reset (which is not timed), so that whatever else
the machine does hits all of them alike; ratios are taken within a round. Medians over the rounds.
"CPU us" is the processor time of all threads for one env-step: on a busy machine, compare that.
What every environment reaches of its limit, and what new tasks cost, follows (see
`every_environment.py` and `new_tasks.py`, which also run alone).
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
from collections.abc import Callable
from importlib.metadata import version
from statistics import median
from typing import Any, Protocol

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray
from stopwatch import ROBOTS, STEPS, Episode, Speed, Stopwatch, write

from fastadapt.envs import BatchedEnv, load_task_set, make_batch

PEERS = 16
GROWTH = (1, 4, 16, 64, 256, 1024, 4096)


class Stepped(Protocol):
    """What Gymnasium's vector environments, EnvPool and ours have in common."""

    def step(self, actions: Any) -> Any:
        """Take one control step of all robots."""


def random_actions(steps: int, robots: int) -> NDArray[np.float32]:
    """Return uniform actions, `(steps, robots, 6)`."""
    return np.random.default_rng(0).uniform(-1, 1, (steps, robots, 6)).astype(np.float32)


def closed_loop(env: Stepped, reset: Callable[[], Any], robots: int, steps: int) -> Episode:
    """Return an episode of a vector environment, step by step."""
    actions = random_actions(steps, robots)

    def episode() -> Speed:
        reset()
        watch = Stopwatch()
        for action in actions:
            env.step(action)
        return watch.stop(robots * steps)

    return episode


def perturbed_batch(robots: int, threads: int) -> BatchedEnv:
    """Return robots that are all perturbed differently."""
    task_set = load_task_set("cheetah-damage")
    batch = make_batch(task_set, robots, threads)
    batch.set_tasks(task_set.sample("train", robots))
    return batch


def ours(robots: int, threads: int, steps: int = STEPS) -> Episode:
    """`BatchedEnv.step`: differently perturbed robots, observations, rewards, everything."""
    batch = perturbed_batch(robots, threads)
    return closed_loop(batch, lambda: batch.reset(seed=0), robots, steps)


def limit(threads: int, perturbed: bool) -> Episode:
    """`mujoco.rollout`, open loop, one call for the whole episode.

    Of robots perturbed as ours are, each with a model of its own, or of nominal ones.
    """
    from open_loop import OpenLoop, models_of

    task_set = load_task_set("cheetah-damage")
    batch = make_batch(task_set, ROBOTS, threads)
    models: Any = batch.sim.model
    if perturbed:
        tasks = task_set.sample("train", ROBOTS)
        models = models_of(task_set, tasks)
        batch.set_tasks(tasks)
    again = OpenLoop(batch, random_actions(STEPS, ROBOTS).astype(np.float64), threads, models)

    def episode() -> Speed:
        watch = Stopwatch()
        again.run()
        return watch.stop(ROBOTS * STEPS)

    return episode


def gymnasium_vector(mode: str) -> Episode:
    """Gymnasium's own robot, one Python environment for each."""
    env = gym.make_vec(
        "HalfCheetah-v5", PEERS, vectorization_mode=mode, max_episode_steps=STEPS + 1
    )
    return closed_loop(env, lambda: env.reset(seed=0), PEERS, STEPS)


def envpool(threads: int) -> Episode | str:
    """EnvPool's robot in C++, or why there is none."""
    try:
        pool = importlib.import_module("envpool")  # optional, and without types

        name = max(n for n in pool.list_all_envs() if n.startswith("HalfCheetah-v"))
        env = pool.make_gymnasium(
            name, num_envs=ROBOTS, num_threads=threads, max_episode_steps=STEPS + 1, seed=0
        )
    except Exception as error:
        return f"not installed or not usable here: {type(error).__name__}: {error}"
    return closed_loop(env, env.reset, ROBOTS, STEPS)


def compare(threads: int, rounds: int) -> None:
    """Print the speed of all contenders, and ours as a multiple of theirs."""
    elsewhere = f"(b) gymnasium.make_vec async, {PEERS} robots"
    contenders: dict[str, Episode] = {
        f"BatchedEnv.step, {ROBOTS} perturbed robots": ours(ROBOTS, threads),
        f"(a) limit: mujoco.rollout, {ROBOTS} perturbed models": limit(threads, True),
        f"(a) mujoco.rollout, {ROBOTS} x 1 nominal model": limit(threads, False),
        f"(b) gymnasium.make_vec sync, {PEERS} robots": gymnasium_vector("sync"),
        elsewhere: gymnasium_vector("async"),
    }
    pool, pool_name = envpool(threads), f"(c) EnvPool, {ROBOTS} robots"
    if not isinstance(pool, str):
        contenders[pool_name] = pool
    speeds: dict[str, list[Speed]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, episode in contenders.items():
            speeds[name].append(episode())
    base = next(iter(speeds.values()))
    write(f"{'':58}{'env-steps/s':>12}{'we / it':>9}{'from':>7}{'to':>6}{'CPU us':>9}")
    for name, values in speeds.items():
        ratios = [a.env_steps / b.env_steps for a, b in zip(base, values, strict=True)]
        cpu = "-" if name == elsewhere else f"{median(v.cpu for v in values):.1f}"
        write(
            f"{name:58}{median(v.env_steps for v in values):12,.0f}{median(ratios):9.2f}"
            f"{min(ratios):7.2f}{max(ratios):6.2f}{cpu:>9}"
        )
    if isinstance(pool, str):
        write(f"{pool_name}: {pool}")


def grow(threads: int, rounds: int) -> None:
    """Print how the cost of a step grows with the number of robots."""
    write("\nrobots      us per control step      us per robot and step")
    runs = {n: ours(n, threads, max(4, min(STEPS, 12_800 // n))) for n in GROWTH}
    speeds: dict[int, list[float]] = {n: [] for n in GROWTH}
    for _ in range(rounds):
        for n, run in runs.items():
            speeds[n].append(run().env_steps)
    for n, values in speeds.items():
        each = 1e6 / median(values)
        write(f"{n:6}{each * n:25,.0f}{each:27.1f}")


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--threads", type=int, default=2, help="threads of the C++ pools")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    versions = (f"{n} {version(n)}" for n in ("mujoco", "mjbatch", "gymnasium", "numpy"))
    write(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    write(f"{', '.join(versions)}; {arguments.threads} threads, {arguments.rounds} rounds\n")
    compare(arguments.threads, arguments.rounds)
    grow(arguments.threads, arguments.rounds)
    import every_environment  # which builds on this file, as the next one does
    import new_tasks

    robots = every_environment.shipped()
    every_environment.report(robots, arguments.threads, arguments.rounds, STEPS)
    new_tasks.report(robots, arguments.threads, 10 * arguments.rounds)


if __name__ == "__main__":
    main()
