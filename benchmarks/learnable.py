"""Shows that an environment can be learned: plain PPO or SAC on the unperturbed robot.

`python benchmarks/learnable.py hopper` trains with Stable-Baselines3 on our batched robots,
measures 20 episodes of the deterministic policy every now and then, and writes under
`docs/results/learnable/`: `<environment>.json` (settings, curve, final score, versions),
`<environment>.png` (the curve) and `<environment>.webp` (a clip of the final policy).
Times are wall-clock and processor seconds; on a busy machine look at the latter. `--probe STEPS`
trains for so many steps only and writes nothing but the log and `--out`.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3 import PPO, SAC
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecNormalize

from fastadapt.agents.sb3.vec_env import SB3VecEnv
from fastadapt.envs import (
    TaskSet,
    find_environment,
    list_environments,
    make_batch,
    nominal_task_set,
)
from fastadapt.envs.rendering import PoseRenderer

FOLDER = Path(__file__).parent.parent / "docs" / "results" / "learnable"
EPISODES = 20


@dataclass(frozen=True)
class Settings:
    """How an environment is learned."""

    algorithm: str = "PPO"
    steps: int = 3_000_000
    robots: int = 64
    rollout: int = 64
    """Control steps of each robot between two updates (PPO)."""
    batch: int = 1024
    epochs: int = 5
    learning_rate: float = 1e-3
    """Falls linearly to a tenth of this (PPO)."""
    gamma: float = 0.99
    gae_lambda: float = 0.95
    entropy: float = 0.0
    log_std: float = -0.5
    """Of the exploration noise in the beginning (PPO)."""
    clip: float = 0.2
    width: tuple[int, ...] = (128, 128)
    normalise_reward: bool = True
    others: dict[str, Any] = field(default_factory=dict)
    """Further arguments of the algorithm."""


SETTINGS: dict[str, Settings] = {
    "cheetah": Settings(gamma=0.97, steps=1_500_000),
    "reacher": Settings(gamma=0.95, steps=2_000_000),
    "hopper": Settings(steps=2_500_000, log_std=0.0),
    "walker2d": Settings(steps=5_000_000),
    "ant": Settings(steps=1_500_000),
    "quadruped": Settings(steps=1_000_000, log_std=-0.7),
    "hexapod": Settings(steps=1_200_000, log_std=-1.0),
    "arm-lift": Settings(gamma=0.97, learning_rate=1e-3, log_std=-0.7, steps=1_500_000),
    "arm-push": Settings(gamma=0.97, learning_rate=5e-4),
}


class Measure(BaseCallback):
    """Measures the deterministic policy on robots of its own, about `times` times in a training."""

    def __init__(self, task_set: TaskSet, steps: int, times: int = 20) -> None:
        super().__init__()
        self._envs = make_batch(task_set, EPISODES, num_threads=1)
        self._every = steps // times
        self._next = 0
        self._began = time.perf_counter(), time.process_time()
        self._excluded = np.zeros(2)
        self.curve: list[dict[str, float]] = []

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        if self.num_timesteps >= self._next:
            self.measure()

    def _on_training_end(self) -> None:
        self.measure()

    def measure(self) -> None:
        """Add a point to the curve; the time that measuring takes is not counted."""
        self._next = self.num_timesteps + self._every
        now = np.array([time.perf_counter(), time.process_time()])
        wall, cpu = now - self._began - self._excluded
        point = {"env_steps": float(self.num_timesteps), "wall_s": wall, "cpu_s": cpu}
        point |= episode_means(self.model, self._envs)
        self.curve.append({name: round(float(value), 4) for name, value in point.items()})
        print(
            "  ".join(f"{name} {value:.4g}" for name, value in self.curve[-1].items()), flush=True
        )
        self._excluded += np.array([time.perf_counter(), time.process_time()]) - now


def choose(model: BaseAlgorithm, observation: np.ndarray) -> np.ndarray:
    """Return the deterministic actions for raw observations."""
    normaliser = model.get_vec_normalize_env()
    seen = observation.astype(np.float32)
    return model.predict(
        normaliser.normalize_obs(seen) if normaliser else seen, deterministic=True
    )[0]


def episode_means(model: BaseAlgorithm, envs: Any) -> dict[str, float]:
    """Return means over one episode of every robot: return, length, distance, success, ..."""
    observation, _ = envs.reset(seed=10_000)
    total, length, error = np.zeros((3, envs.num_envs))
    done = np.zeros(envs.num_envs, bool)
    info: dict[str, Any] = {}
    terminated = done
    while not done.all():
        observation, reward, terminated, truncated, info = envs.step(choose(model, observation))
        total += reward
        length += ~done
        error += np.where(done, 0.0, info.get("velocity_error", 0.0))
        done = terminated | truncated
    last = {n: float(np.mean(info[n])) for n in ("distance", "success", "at_goal") if n in info}
    if "velocity_error" in info:
        last["velocity_error"] = float(np.mean(error / length))
    fell = float(terminated.mean())
    return {
        "return": total.mean(),
        "return_std": total.std(),
        "length": length.mean(),
        "fell": fell,
    } | last


def make_model(settings: Settings, envs: SB3VecEnv, seed: int) -> BaseAlgorithm:
    """Return the untrained algorithm."""
    normalised = VecNormalize(envs, norm_reward=settings.normalise_reward, gamma=settings.gamma)
    if settings.algorithm == "SAC":
        options = {"learning_rate": settings.learning_rate, "batch_size": settings.batch}
        net: dict[str, Any] = {"net_arch": list(settings.width)}
        return SAC("MlpPolicy", normalised, gamma=settings.gamma, policy_kwargs=net, seed=seed,
                   device="cpu", **(options | settings.others))  # fmt: skip
    net = {
        "net_arch": {"pi": list(settings.width), "vf": list(settings.width)},
        "activation_fn": torch.nn.Tanh,
        "log_std_init": settings.log_std,
    }
    return PPO(
        "MlpPolicy",
        normalised,
        learning_rate=lambda left: settings.learning_rate * (0.1 + 0.9 * left),
        n_steps=settings.rollout,
        batch_size=settings.batch,
        n_epochs=settings.epochs,
        gamma=settings.gamma,
        gae_lambda=settings.gae_lambda,
        ent_coef=settings.entropy,
        clip_range=settings.clip,
        max_grad_norm=1.0,
        policy_kwargs=net,
        seed=seed,
        device="cpu",
        **settings.others,
    )


def picture_of_curve(curve: list[dict[str, float]], name: str, path: Path) -> None:
    """Draw return and distance over env-steps."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = ("return", "distance", "success", "velocity_error", "length")
    shown = [key for key in names if key in curve[0]]
    figure, axes = plt.subplots(1, len(shown), figsize=(4 * len(shown), 3), squeeze=False)
    for axis, key in zip(axes[0], shown, strict=True):
        axis.plot([point["env_steps"] / 1e6 for point in curve], [point[key] for point in curve])
        axis.set(xlabel="million env-steps", title=f"{name}: {key}")
        axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def clip(model: BaseAlgorithm, task_set: TaskSet, path: Path, seed: int = 3) -> None:
    """Film one episode of the deterministic policy, at about 12 pictures a second."""
    from PIL import Image

    envs = make_batch(task_set, 1, num_threads=1)
    renderer = PoseRenderer(task_set.environment)
    observation, _ = envs.reset(seed=seed)
    step = task_set.environment.control_step()
    every = max(1, round(0.08 / step))
    frames = []
    for t in range(min(task_set.environment.horizon, round(10 / step))):
        if t % every == 0:
            mocap = envs.sim.data("mocap_pos")[0] if envs.sim.model.nmocap else None
            frames.append(Image.fromarray(renderer.picture(envs.sim.data("qpos")[0], mocap)))
        observation, _, terminated, _, _ = envs.step(choose(model, observation))
        if terminated[0]:
            break
    renderer.close()
    small = [frame.resize((320, 240)) for frame in frames]
    small[0].save(path, save_all=True, append_images=small[1:], duration=int(1000 * every * step),
                  loop=0, quality=60)  # fmt: skip


def main() -> None:
    """Train one environment and record what came out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("environment", choices=list_environments())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--probe", type=int, help="train for so many steps only")
    parser.add_argument("--out", type=Path, help=f"default: {FOLDER.name}")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    settings = SETTINGS.get(given.environment, Settings())
    if given.probe:
        settings = replace(settings, steps=given.probe)
    task_set = nominal_task_set(find_environment(given.environment))
    batch = make_batch(task_set, settings.robots, num_threads=given.threads)
    envs = SB3VecEnv(batch, seed=given.seed)
    model = make_model(settings, envs, given.seed)
    measure = Measure(task_set, settings.steps)
    model.learn(settings.steps, callback=measure)
    if given.probe and not given.out:
        return
    folder = given.out or FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    name = given.environment
    picture_of_curve(measure.curve, name, folder / f"{name}.png")
    clip(model, task_set, folder / f"{name}.webp")
    record = {
        "environment": task_set.environment.id(),
        "command": f"python benchmarks/learnable.py {name} --seed {given.seed}",
        "settings": asdict(settings),
        "final": measure.curve[-1],
        "curve": measure.curve,
        "versions": {p: version(p) for p in ("mujoco", "stable-baselines3", "torch", "gymnasium")},
        "machine": f"{platform.processor() or platform.machine()}, {given.threads} thread(s)",
    }
    (folder / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
