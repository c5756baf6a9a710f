"""What new tasks cost: `python benchmarks/new_tasks.py [ENVIRONMENT ...]`.

For each kind of perturbation of an environment's own sets, alone in a task set, and for the sets as
they are: the time that `set_tasks` for all 64 robots takes, applied by the next step, in control
steps of those 64 robots (wall clock; median and quartiles). Every change is compared with the plain
steps right before and right after it. Kinds that are marked recompute derived constants
(`mj_setConst`), which is physics; the others only write fields: those shall cost less than a step.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from every_environment import commands, robots, shipped
from simulation import ROBOTS, write

from fastadapt.envs import TaskSet, list_task_sets, load_task_set
from fastadapt.envs.perturbations.perturbation import Perturbation
from fastadapt.envs.tasks.schema import TaskSetFile

_EPISODE = 16
"""Changes within one episode: the robots should not all lie on the ground."""


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


def change(task_set: TaskSet, threads: int, changes: int) -> tuple[float, float, float]:
    """Return quartiles of what new tasks cost, in control steps."""
    batch = robots(task_set, threads)
    tasks = [task_set.sample("train", ROBOTS, seed) for seed in range(2)]
    action = commands(batch, 1)[0]

    def step() -> float:
        begin = time.perf_counter()
        batch.step(action)
        return time.perf_counter() - begin

    found: list[float] = []
    for i in range(changes):
        if i % _EPISODE == 0:
            batch.set_tasks(tasks[(i + 1) % 2])
            batch.reset(seed=i)
            step()
        before = step()
        begin = time.perf_counter()
        batch.set_tasks(tasks[i % 2])
        batch.step(action)  # applies them
        changing = time.perf_counter() - begin
        plain = (before + step()) / 2
        found.append(changing / plain - 1)
    low, middle, high = np.quantile(found, [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)


def cost_of_tasks(name: str, threads: int, changes: int) -> dict[str, float]:
    """Print what new tasks of one environment cost; return that of kinds that only write fields."""
    plain: dict[str, float] = {}
    shown: list[str] = []
    cases = [(k, p.stale, task_set) for k, (p, task_set) in kinds_of(name).items()]
    cases += [(f"all of {n}", True, load_task_set(n)) for n in sets_of(name)]
    for kind, stale, task_set in cases:
        low, middle, high = change(task_set, threads, changes)
        shown.append(f"{kind}{'*' if stale else ''} {middle:.2f} ({low:.2f} to {high:.2f})")
        if not stale:
            plain[f"{kind} of {name}"] = middle
    write(f"{name}: {', '.join(shown)}")
    return plain


def report(names: list[str], threads: int, changes: int) -> None:
    """Print the costs of environments, and which of them are too high."""
    write(f"\nnew tasks for {ROBOTS} robots, in control steps of all of them (* mj_setConst)")
    plain: dict[str, float] = {}
    for name in names:
        plain |= cost_of_tasks(name, threads, changes)
    worst = max(plain, key=plain.__getitem__)
    above = [kind for kind, cost in plain.items() if cost >= 1]
    write(f"only writing fields, most: {worst} {plain[worst]:.2f}; a step or more: "
          f"{', '.join(above) or 'none'}")  # fmt: skip


def main() -> None:
    """Print the costs for some environments, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("environments", nargs="*", default=shipped(), metavar="ENVIRONMENT")
    parser.add_argument("--threads", type=int, default=2, help="threads of the C++ pools")
    parser.add_argument("--changes", type=int, default=48, help="of all tasks, for each kind")
    given = parser.parse_args()
    report(given.environments, given.threads, given.changes)


if __name__ == "__main__":
    main()
