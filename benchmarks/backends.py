"""Speed of every backend that works here, and its share of the open-loop limit, in one run.

`python benchmarks/backends.py [ENVIRONMENT ...]` prints env-steps/s of 64 robots, all perturbed
differently, through `BatchedEnv.step`, and of the limit, `mujoco.rollout` on the same models (see
`every_environment.py`). All take turns in every round; ratios are taken within a round; medians.
"""

from __future__ import annotations

import argparse
import platform
from statistics import median
from typing import Any

import mujoco
from every_environment import closed_loop, commands, open_loop
from open_loop import OpenLoop, models_of
from simulation import ROBOTS
from stopwatch import Episode, write

from fastadapt.envs import load_task_set, make_batch
from fastadapt.envs.simulation.choice import backends

ENVIRONMENTS = ("cheetah", "quadruped", "arm-push")
STEPS = {"reference": 20}
"""Control steps of an episode of a slow backend."""


def contenders(name: str, threads: int, steps: int) -> dict[str, Episode]:
    """Return an episode for each backend, and the limit."""
    task_set = load_task_set(f"{name}-damage")
    tasks = task_set.sample("train", ROBOTS)
    found: dict[str, Episode] = {}
    for backend in (*backends(), "limit"):
        chosen: Any = "auto" if backend == "limit" else backend
        batch = make_batch(task_set, ROBOTS, threads, chosen)
        batch.set_tasks(tasks)
        actions = commands(batch, min(task_set.environment.horizon, STEPS.get(backend, steps)))
        if backend == "limit":
            limit = OpenLoop(batch, actions, threads, models_of(task_set, tasks))
            found[backend] = open_loop(limit, len(actions))
        else:
            found[backend] = closed_loop(batch, actions)
    return found


def report(name: str, threads: int, rounds: int, steps: int) -> None:
    """Print one line for an environment."""
    episodes = contenders(name, threads, steps)
    rows = [{k: episode().env_steps for k, episode in episodes.items()} for _ in range(rounds)]
    speeds = [f"{k} {median(row[k] for row in rows):,.0f}" for k in episodes]
    shares = [
        f"{k} {median(row[k] / row['limit'] for row in rows):.2f}" for k in episodes if k != "limit"
    ]
    write(f"{name:10} env-steps/s: {', '.join(speeds)}; share of the limit: {', '.join(shares)}")


def main() -> None:
    """Print a line for each environment."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("environments", nargs="*", default=ENVIRONMENTS, metavar="ENVIRONMENT")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=100, help="control steps of an episode")
    given = parser.parse_args()
    write(f"MuJoCo {mujoco.__version__}, {platform.machine()}, {given.threads} threads\n")
    for name in given.environments:
        report(name, given.threads, given.rounds, given.steps)


if __name__ == "__main__":
    main()
