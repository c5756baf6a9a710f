"""How much of its limit every shipped environment reaches.

`python benchmarks/every_environment.py [ENVIRONMENT ...]` prints the env-steps/s of 64 robots
through `BatchedEnv.step`, and of the limit, `mujoco.rollout`: the same models from the same states
under the same controls in one call, open loop, with nothing to be seen in between. Once on the
tasks of the environment's `*-damage` set, all different, and once on the nominal task.

A damaged robot costs more physics than a healthy one (a lock is a constraint, a robot that lies on
the ground has more contacts). So the share that counts, `perturbed`, is of a limit with the same
damage: 64 perturbed models, one for each robot. `of nominal` is the harsher one, perturbed robots
against the limit of healthy ones: what of it is missing is physics.

Robots that fall are simulated on, so that all take every step. The contenders take turns in every
round, and ratios are taken within a round; medians over the rounds. "CPU" is the ratio of the
processor times of all threads: on a busy machine, look at that.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from open_loop import OpenLoop, models_of
from simulation import ROBOTS, Speed, Stopwatch, write

from fastadapt.envs import (
    BatchedEnv,
    TaskSet,
    list_task_sets,
    load_task_set,
    make_batch,
)
from fastadapt.envs.arrays import Array

Contender = Callable[[], Speed]
TARGET = 0.75


def shipped() -> list[str]:
    """Return the environments that have a `*-damage` set."""
    return [name.removesuffix("-damage") for name in list_task_sets() if name.endswith("-damage")]


def robots(task_set: TaskSet, threads: int) -> BatchedEnv:
    """Return robots whose episodes no fall ends."""
    batch = make_batch(task_set, ROBOTS, threads)
    never = np.zeros(ROBOTS, bool)
    vars(batch.environment)["terminated"] = lambda: never
    return batch


def commands(batch: BatchedEnv, steps: int) -> Array:
    """Return uniform actions, `(steps, N, actions)`."""
    space: Any = batch.single_action_space
    return np.random.default_rng(0).uniform(space.low, space.high, (steps, ROBOTS, *space.shape))


def closed_loop(batch: BatchedEnv, actions: Array) -> Contender:
    """Return an episode, step by step; its reset is not timed."""

    def episode() -> Speed:
        batch.reset(seed=0)
        watch = Stopwatch()
        for action in actions:
            batch.step(action)
        return watch.stop(ROBOTS * len(actions))

    return episode


def open_loop(limit: OpenLoop, steps: int) -> Contender:
    """Return the same episode in one call."""

    def episode() -> Speed:
        watch = Stopwatch()
        limit.run()
        return watch.stop(ROBOTS * steps)

    return episode


def contenders(name: str, threads: int, longest: int) -> list[Contender]:
    """Return perturbed robots and their limit, nominal robots and theirs."""
    task_set = load_task_set(f"{name}-damage")
    tasks = task_set.sample("train", ROBOTS)
    found: list[Contender] = []
    for damaged in (True, False):
        batch, shadow = (robots(task_set, threads) for _ in range(2))
        models: Any = batch.sim.model
        if damaged:
            models = models_of(task_set, tasks)
            for some in (batch, shadow):
                some.set_tasks(tasks)
        actions = commands(batch, min(task_set.environment.horizon, longest))
        limit = OpenLoop(shadow, actions, threads, models)
        found += [closed_loop(batch, actions), open_loop(limit, len(actions))]
    return found


def against_the_limit(name: str, threads: int, rounds: int, longest: int) -> float:
    """Print the speeds of one environment; return the share of its limit, perturbed."""
    episodes = contenders(name, threads, longest)
    speeds = [[episode() for episode in episodes] for _ in range(rounds)]
    each = [median(row[i].env_steps for row in speeds) for i in range(4)]
    pairs = ((0, 1), (2, 3), (0, 3))
    shares = [median(row[a].env_steps / row[b].env_steps for row in speeds) for a, b in pairs]
    cpu = [median(row[b].cpu / row[a].cpu for row in speeds) for a, b in pairs[:2]]
    write(
        f"{name:11}"
        + "".join(f"{speed:11,.0f}" for speed in each)
        + "".join(f"{share:11.2f}" for share in (*shares, *cpu))
    )
    return shares[0]


def report(names: list[str], threads: int, rounds: int, steps: int) -> None:
    """Print the table."""
    write(f"{'':11}{'env-steps/s':>44}{'share of limit':>33}{'share of CPU':>22}")
    columns = ("perturbed", "limit", "nominal", "limit", "perturbed", "nominal", "of nominal")
    write(f"{'':11}" + "".join(f"{name:>11}" for name in (*columns, "perturbed", "nominal")))
    shares = [against_the_limit(name, threads, rounds, steps) for name in names]
    below = [name for name, share in zip(names, shares, strict=True) if share < TARGET]
    write(f"perturbed below {TARGET} of the limit: {', '.join(below) or 'none'}")


def main() -> None:
    """Print the table for some environments, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("environments", nargs="*", default=shipped(), metavar="ENVIRONMENT")
    parser.add_argument("--threads", type=int, default=2, help="threads of the C++ pools")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200, help="control steps of an episode")
    given = parser.parse_args()
    report(given.environments, given.threads, given.rounds, given.steps)


if __name__ == "__main__":
    main()
