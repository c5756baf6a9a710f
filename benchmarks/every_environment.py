"""How much of its limit every shipped environment reaches, and what new tasks cost.

`python benchmarks/every_environment.py [ENVIRONMENT ...]` prints two tables.

The first: env-steps/s of 64 robots through `BatchedEnv.step`, on the tasks of the environment's
`*-damage` set, all different, and on the nominal task; and of `mujoco.rollout`, the limit: the
nominal model, open loop, under the controls that the nominal robots were sent. Robots that fall are
simulated on, so that all take every step. The contenders take turns in every round, and ratios are
taken within a round; medians over the rounds. "CPU" is the ratio of the processor times of all
threads: on a busy machine, look at that.

The second: what `set_tasks` for all 64 robots costs, applied by the next step, in control steps of
those 64 robots; for each kind of perturbation of the environment's own sets, alone in a task set.
Kinds that are marked recompute derived constants (`mj_setConst`).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import mujoco
import numpy as np
from mujoco.rollout import Rollout
from numpy.typing import NDArray
from simulation import ROBOTS, Speed, Stopwatch, write

from fastadapt.envs import BatchedEnv, TaskSet, list_task_sets, load_task_set, make_batch
from fastadapt.envs.perturbations import Perturbation
from fastadapt.envs.task_file import TaskSetFile

Array = NDArray[np.float64]
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


def open_loop(batch: BatchedEnv, actions: Array, threads: int) -> Contender:
    """Return the same episode of nominal robots in one call, from the same states."""
    model, full = batch.sim.model, mujoco.mjtState.mjSTATE_FULLPHYSICS
    data = [mujoco.MjData(model) for _ in range(threads)]
    batch.reset(seed=0)
    states = np.empty((ROBOTS, mujoco.mj_stateSize(model, full)))
    places, speeds = batch.sim.data("qpos"), batch.sim.data("qvel")
    for state, qpos, qvel in zip(states, places, speeds, strict=True):
        data[0].qpos, data[0].qvel = qpos, qvel
        mujoco.mj_getState(model, data[0], state, full)
    sent = []
    for action in actions:
        batch.step(action)
        sent.append(batch.sim.data("ctrl").copy())
    steps = batch.environment.physics_steps
    control = np.repeat(np.array(sent).swapaxes(0, 1), steps, axis=1)
    out = np.empty((ROBOTS, control.shape[1], states.shape[1]))
    pool = Rollout(nthread=threads)

    def episode() -> Speed:
        watch = Stopwatch()
        pool.rollout(model, data, states, control, state=out)
        return watch.stop(ROBOTS * len(actions))

    return episode


def against_the_limit(name: str, threads: int, rounds: int, longest: int) -> float:
    """Print the speeds of one environment; return the share of the limit, perturbed."""
    task_set = load_task_set(f"{name}-damage")
    damaged, nominal = (robots(task_set, threads) for _ in range(2))
    damaged.set_tasks(task_set.sample("train", ROBOTS))
    actions = commands(nominal, min(task_set.environment.horizon, longest))
    contenders = (
        closed_loop(damaged, actions),
        closed_loop(nominal, actions),
        open_loop(robots(task_set, threads), actions, threads),
    )
    speeds = [[episode() for episode in contenders] for _ in range(rounds)]
    each = [median(row[i].env_steps for row in speeds) for i in range(3)]
    shares = [median(row[i].env_steps / row[2].env_steps for row in speeds) for i in range(2)]
    cpu = [median(row[2].cpu / row[i].cpu for row in speeds) for i in range(2)]
    write(
        f"{name:12}{each[0]:12,.0f}{each[1]:12,.0f}{each[2]:12,.0f}"
        f"{shares[0]:10.2f}{shares[1]:9.2f}{cpu[0]:10.2f}{cpu[1]:9.2f}"
    )
    return shares[0]


def sets_of(name: str) -> list[str]:
    """Return an environment's own task sets."""
    return [n for n in list_task_sets() if n in (f"{name}-damage", f"{name}-dynamics")]


def kinds_of(name: str) -> dict[str, tuple[Perturbation, TaskSet]]:
    """Return one perturbation of each kind of an environment's sets, alone in a task set."""
    found: dict[str, tuple[Perturbation, TaskSet]] = {}
    for task_set_name in sets_of(name):
        for perturbation in load_task_set(task_set_name).file.perturbations:
            declared = perturbation.model_dump(mode="json", exclude_none=True)
            for key in ("group", "weight", "along_with", "onset", "duration"):
                declared.pop(key, None)
            content = {
                "name": "alone",
                "version": 0,
                "environment": name,
                "perturbations": [declared],
                "splits": {"train": {"count": 1}},
            }
            task_set = TaskSet(TaskSetFile.model_validate(content), "", None)
            found.setdefault(declared["kind"], (perturbation, task_set))
    return found


def change(task_set: TaskSet, threads: int, changes: int) -> tuple[float, float]:
    """Return what new tasks and a plain control step cost, in seconds of processor time."""
    batch = robots(task_set, threads)
    tasks = [task_set.sample("train", ROBOTS, seed) for seed in range(2)]
    action = commands(batch, 1)[0]
    batch.reset(seed=0)
    plain: list[float] = []
    changing: list[float] = []
    for i in range(changes):
        batch.set_tasks(tasks[i % 2])
        begin = time.process_time()
        batch.step(action)  # applies them
        middle = time.process_time()
        batch.step(action)
        plain.append(time.process_time() - middle)
        begin_again = time.process_time()
        batch.set_tasks(tasks[(i + 1) % 2])
        changing.append(middle - begin + time.process_time() - begin_again)
    step = median(plain)
    return median(changing) - step, step


def cost_of_tasks(name: str, threads: int, changes: int) -> None:
    """Print what new tasks of one environment cost."""
    shown = []
    for kind, (perturbation, task_set) in kinds_of(name).items():
        extra, step = change(task_set, threads, changes)
        shown.append(f"{kind}{'*' if perturbation.stale else ''} {extra / step:.2f}")
    whole = [f"{n} {np.divide(*change(load_task_set(n), threads, changes)):.2f}"
             for n in sets_of(name)]  # fmt: skip
    write(f"{name}: {', '.join(shown)}; all of {', all of '.join(whole)}")


def report(names: list[str], threads: int, rounds: int, steps: int) -> None:
    """Print both tables."""
    write(f"{'':12}{'':>8}env-steps/s{'':17}{'share of limit':>20}{'of CPU':>17}")
    write(
        f"{'':12}{'perturbed':>12}{'nominal':>12}{'limit':>12}"
        f"{'perturbed':>10}{'nominal':>9}{'perturbed':>10}{'nominal':>9}"
    )
    shares = [against_the_limit(name, threads, rounds, steps) for name in names]
    below = [name for name, share in zip(names, shares, strict=True) if share < TARGET]
    write(f"below {TARGET}: {', '.join(below) or 'none'}")
    write(f"\nnew tasks for {ROBOTS} robots, in control steps of all of them (* mj_setConst)")
    for name in names:
        cost_of_tasks(name, threads, 4 * rounds)


def main() -> None:
    """Print both tables for some environments, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("environments", nargs="*", default=shipped(), metavar="ENVIRONMENT")
    parser.add_argument("--threads", type=int, default=2, help="threads of the C++ pools")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200, help="control steps of an episode")
    given = parser.parse_args()
    report(given.environments, given.threads, given.rounds, given.steps)


if __name__ == "__main__":
    main()
