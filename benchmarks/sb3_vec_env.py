"""Stable-Baselines3's PPO on our batch and on Gymnasium's own vector environments, in one run.

`python benchmarks/sb3_vec_env.py` trains the same PPO, with the same settings, on 16 healthy
cheetahs: behind `SB3VecEnv`, and as Gymnasium's HalfCheetah-v5 (of 200 steps, as ours) in its
`SyncVectorEnv` and its `AsyncVectorEnv`. Two questions, which run alone with `--part`:

- `speed`: env-steps/s of training, all included, and of collecting alone; contenders take turns.
  "CPU us" is the processor time of an env-step of training, all threads of this process (so not
  for the processes of `AsyncVectorEnv`): on a busy machine, compare that.
- `curves`: returns over training for several seeds, on ours and on Gymnasium's. They are the same
  robot, so that the curves must agree within noise: the difference of the mean return over all of
  training, and over its last quarter, has a 95 % interval (Welch's t over seeds) that holds 0.

Torch uses one thread; our simulation the threads that `--threads` says (0: one per processor).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from scipy import stats
from stable_baselines3 import PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv, VecMonitor, VecNormalize

from fastadapt.adaptation.runs.machine import machine
from fastadapt.agents.sb3.vec_env import SB3VecEnv
from fastadapt.envs import make_batch, nominal_task_set
from fastadapt.envs.robots.cheetah import Cheetah

ROBOTS = 16
STEPS = Cheetah.horizon
SETTINGS = {
    "n_steps": STEPS,
    "batch_size": 800,
    "n_epochs": 5,
    "learning_rate": 1e-3,
    "gamma": 0.95,
    "policy_kwargs": {"log_std_init": -0.5},
    "device": "cpu",
}


class GymnasiumRobots(VecEnv):
    """A vector environment of Gymnasium as Stable-Baselines3 wants it."""

    def __init__(self, mode: str) -> None:
        # Gymnasium declares `call` and its like for the classes of both modes, not for their base
        self.robots: Any = gym.make_vec(
            "HalfCheetah-v5",
            ROBOTS,
            vectorization_mode=mode,
            vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
            max_episode_steps=STEPS,
        )
        spaces = self.robots.single_observation_space, self.robots.single_action_space
        super().__init__(ROBOTS, *spaces)

    def seed(self, seed: int | None = None) -> list[int | None]:
        self._first = seed
        return [seed] * ROBOTS

    def reset(self) -> NDArray:
        return self.robots.reset(seed=self._first)[0].astype(np.float32)

    def step_async(self, actions: NDArray) -> None:
        self._actions = actions

    def step_wait(self) -> tuple[NDArray, NDArray, NDArray, list[dict[str, Any]]]:
        shown, reward, terminated, truncated, info = self.robots.step(self._actions)
        done = terminated | truncated
        infos: list[dict[str, Any]] = [{} for _ in range(ROBOTS)]
        for i in np.flatnonzero(done):
            last = np.asarray(info["final_obs"][i], np.float32)
            infos[i] = {"terminal_observation": last, "TimeLimit.truncated": bool(truncated[i])}
        return shown.astype(np.float32), reward.astype(np.float32), done, infos

    def close(self) -> None:
        self.robots.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        values = self.robots.get_attr(attr_name)
        return [values[i] for i in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        values = self.get_attr(attr_name)
        for i in self._get_indices(indices):
            values[i] = value
        self.robots.set_attr(attr_name, values)

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> Any:
        values = self.robots.call(method_name, *args, **kwargs)  # Gymnasium can only ask them all
        return [values[i] for i in self._get_indices(indices)]

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False] * ROBOTS


def contenders(threads: int) -> dict[str, Callable[[], VecEnv]]:
    """Return what makes the robots of each contender."""
    task_set = nominal_task_set(Cheetah)
    return {
        "SB3VecEnv": lambda: SB3VecEnv(make_batch(task_set, ROBOTS, threads)),
        "Gymnasium sync": lambda: GymnasiumRobots("sync"),
        "Gymnasium async": lambda: GymnasiumRobots("async"),
    }


class Watch(BaseCallback):
    """Takes the time of collecting, and the mean return of the episodes of every rollout."""

    def __init__(self) -> None:
        super().__init__()
        self.collecting = 0.0
        self.returns: list[float] = []

    def _on_rollout_start(self) -> None:
        self._started = time.perf_counter()

    def _on_rollout_end(self) -> None:
        self.collecting += time.perf_counter() - self._started
        last = list(self.model.ep_info_buffer or [])[-ROBOTS:]
        self.returns.append(float(np.mean([episode["r"] for episode in last])))

    def _on_step(self) -> bool:
        return True


def learner(make: Callable[[], VecEnv], seed: int) -> PPO:
    robots = VecNormalize(VecMonitor(make()), gamma=float(SETTINGS["gamma"]))  # pyright: ignore[reportArgumentType]
    return PPO("MlpPolicy", robots, seed=seed, **SETTINGS)  # pyright: ignore[reportArgumentType]


def speeds(threads: int, rounds: int, rollouts: int) -> dict[str, dict[str, float]]:
    """Return env-steps/s of each contender: medians over rounds, in which they take turns."""
    models = {name: learner(make, 0) for name, make in contenders(threads).items()}
    steps = rollouts * ROBOTS * STEPS
    for model in models.values():
        model.learn(ROBOTS * STEPS)  # what is only done once
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in models}
    for _ in range(rounds):
        for name, model in models.items():
            watch, started, busy = Watch(), time.perf_counter(), time.process_time()
            model.learn(steps, watch, log_interval=None, reset_num_timesteps=False)  # pyright: ignore[reportArgumentType]
            whole = time.perf_counter() - started
            busy = time.process_time() - busy
            found[name].append((steps / whole, steps / watch.collecting, 1e6 * busy / steps))
    for model in models.values():
        assert model.env is not None
        model.env.close()
    ours = np.array(found["SB3VecEnv"])
    return {
        name: {
            "training": median(row[0] for row in rows),
            "collecting": median(row[1] for row in rows),
            "cpu_us": median(row[2] for row in rows),
            "ours_over_it": float(np.median(ours[:, 0] / np.array(rows)[:, 0])),
            "ours_over_it_collecting": float(np.median(ours[:, 1] / np.array(rows)[:, 1])),
        }
        for name, rows in found.items()
    }


def curve(name: str, threads: int, seed: int, rollouts: int) -> list[float]:
    """Return the mean return of every rollout of one training."""
    torch.set_num_threads(1)
    model, watch = learner(contenders(threads)[name], seed), Watch()
    model.learn(rollouts * ROBOTS * STEPS, watch, log_interval=None)  # pyright: ignore[reportArgumentType]
    print(f"{name}, seed {seed}: last return {watch.returns[-1]:.0f}", flush=True)
    return watch.returns


def curves(
    threads: int, seeds: Sequence[int], rollouts: int, jobs: int
) -> dict[str, list[list[float]]]:
    """Return the curves of each seed, on ours and on Gymnasium's."""
    names = ("SB3VecEnv", "Gymnasium sync")
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        waiting = {
            name: [pool.submit(curve, name, threads, seed, rollouts) for seed in seeds]
            for name in names
        }
        return {name: [one.result() for one in given] for name, given in waiting.items()}


def difference(one: NDArray, other: NDArray) -> tuple[float, float, float]:
    """Return the difference of means over seeds, and its 95 % interval."""
    interval = stats.ttest_ind(one, other, equal_var=False).confidence_interval(0.95)
    return float(one.mean() - other.mean()), float(interval.low), float(interval.high)


def print_speeds(found: dict[str, dict[str, float]]) -> None:
    print("\n| robots | training [env-steps/s] | ours / it | collecting | ours / it | CPU us |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, row in found.items():
        cpu = "" if "async" in name else f"{row['cpu_us']:.0f}"
        print(
            f"| {name} | {row['training']:,.0f} | {row['ours_over_it']:.2f} "
            f"| {row['collecting']:,.0f} | {row['ours_over_it_collecting']:.2f} | {cpu} |"
        )


def print_curves(found: dict[str, list[list[float]]]) -> None:
    ours, theirs = (np.array(found[name]) for name in ("SB3VecEnv", "Gymnasium sync"))
    rollouts = ours.shape[1]
    print("\n| env steps | SB3VecEnv | Gymnasium | difference [95 %] |")
    print("| ---: | ---: | ---: | ---: |")
    for part in range(8):
        piece = slice(part * rollouts // 8, (part + 1) * rollouts // 8)
        print_row(f"to {piece.stop * ROBOTS * STEPS:,}", ours[:, piece], theirs[:, piece])
    print_row("last quarter", ours[:, -rollouts // 4 :], theirs[:, -rollouts // 4 :])
    print_row("all", ours, theirs)


def print_row(name: str, ours: NDArray, theirs: NDArray) -> None:
    a, b = ours.mean(axis=1), theirs.mean(axis=1)
    cells = [f"{x.mean():.0f} ({', '.join(f'{v:.0f}' for v in x)})" for x in (a, b)]
    middle, low, high = difference(a, b)
    print(f"| {name} | {cells[0]} | {cells[1]} | {middle:.0f} [{low:.0f}, {high:.0f}] |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("speed", "curves", "both"), default="both")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rollouts", type=int, default=80, help="of each training for a curve")
    parser.add_argument("--jobs", type=int, default=1, help="trainings for a curve at once")
    parser.add_argument("--add", type=Path, help="JSON of other seeds, whose curves are added")
    parser.add_argument("--out", type=Path, help="a JSON file")
    args = parser.parse_args()
    torch.set_num_threads(1)
    content: dict[str, Any] = {"machine": machine()}
    if args.part in ("speed", "both"):
        content["speed"] = speeds(args.threads, args.rounds, 2)
        print_speeds(content["speed"])
    if args.part in ("curves", "both"):
        content["curves"] = curves(args.threads, args.seeds, args.rollouts, args.jobs)
        if args.add:
            other = json.loads(args.add.read_text(encoding="utf-8"))["curves"]
            content["curves"] = {k: other[k] + v for k, v in content["curves"].items()}
        print_curves(content["curves"])
    if args.out:
        args.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
