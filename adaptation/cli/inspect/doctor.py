"""Check versions, rendering and speed, and list missing packages."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

import tyro

_PURPOSES = {
    "parquet": "results as Parquet",
    "pandas": "Result.to_pandas",
    "export": "policies as ONNX files",
    "logs": "recorded logs of robots, and task sets fitted to them",
    "video": "videos of Gymnasium environments",
    "sweep": "sweeps on several machines",
    "robots": "robots of other projects",
}
"""The features that need the packages of each extra."""


@dataclass(frozen=True)
class Doctor:
    """Check this installation: versions, rendering, speed, missing packages."""


def run(arguments: list[str]) -> None:
    """Parse and check."""
    tyro.cli(Doctor, args=arguments, prog="fastadapt doctor")
    from fastadapt.adaptation.runs.machine import machine

    found = machine()
    print(f"processor   {found['processor']}, {found['cores']} cores; {found['system']}")
    print("versions    " + ", ".join(f"{k} {v}" for k, v in found["versions"].items()))
    print(f"backend     {_backend()}")
    print(f"simulation  {_simulation()}")
    print(f"torch       {_torch()}")
    print(f"rendering   {_rendering()}")
    free = shutil.disk_usage(os.getcwd()).free / 2**30
    print(
        f"disk        {free:.0f} GiB free here; a run takes 5 to 100 MB (PEARL and SAC keep a "
        "replay buffer)"
    )
    for line in missing():
        print(f"missing     {line}")


def missing() -> list[str]:
    """Return the missing packages of each extra, what they are for, and how to install them."""
    lines: list[str] = []
    for extra, what in _PURPOSES.items():
        absent = [name for name in _packages(extra) if not _installed(name)]
        if absent:
            lines.append(f"{', '.join(absent)} ({what}): pip install 'fastadapt[{extra}]'")
    return lines


def _packages(extra: str) -> list[str]:
    """Return the packages of an extra, as the installed fastadapt declares them."""
    declared = requires("fastadapt") or []
    mine = (line for line in declared if re.search(rf"extra == ['\"]{extra}['\"]", line))
    return [re.split(r"[^\w.-]", line, maxsplit=1)[0] for line in mine]


def _installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True


def _backend() -> str:
    from fastadapt.envs.simulation.choice import best_backend

    name, reason = best_backend()
    return f"{name}: {reason}"


def _simulation() -> str:
    import numpy as np

    from fastadapt.envs import load_task_set, make_batch

    task_set = load_task_set("cheetah-damage")
    envs = make_batch(task_set, 64)
    envs.set_tasks(task_set.sample("train", 64))
    envs.reset(seed=0)
    actions = np.zeros(envs.action_space.shape or ())
    for _ in range(20):
        envs.step(actions)
    started = time.perf_counter()
    for _ in range(100):
        envs.step(actions)
    rate = 6400 / (time.perf_counter() - started)
    return f"{rate:,.0f} env steps/s with 64 differently perturbed cheetahs"


def _torch() -> str:
    import torch

    matrix = torch.rand(1024, 1024)
    _ = matrix @ matrix
    started = time.perf_counter()
    for _ in range(10):
        _ = matrix @ matrix
    rate = 10 * 2 * 1024**3 / (time.perf_counter() - started) / 1e9
    return f"{rate:.0f} GFLOP/s on {torch.get_num_threads()} threads (one 1024 x 1024 product)"


def _rendering() -> str:
    from fastadapt.envs import choose_gl_backend, find_environment

    backend = choose_gl_backend()
    try:
        from fastadapt.envs.rendering import PoseRenderer

        cls = find_environment("cheetah")
        renderer = PoseRenderer(cls)
        renderer.picture(cls.model().qpos0)
        started = time.perf_counter()
        for _ in range(5):
            renderer.picture(cls.model().qpos0)
        per_frame = (time.perf_counter() - started) / 5 * 1e3
        renderer.close()
    except Exception as error:  # whatever the graphics driver throws: it is the diagnosis
        return (
            f"MUJOCO_GL={backend} fails ({type(error).__name__}: {error}). On Debian or Ubuntu: "
            "apt-get install libegl1 libgl1 libgl1-mesa-dri. Only pictures need it: reports and "
            f"replays do not. Temporary files go to {tempfile.gettempdir()}."
        )
    return f"MUJOCO_GL={backend}, {per_frame:.0f} ms for a picture of 640 x 480"
