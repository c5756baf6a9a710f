"""Logs of a hanging arm, simulated by plain MuJoCo, for tests of the fit."""

from pathlib import Path

import numpy as np

from fastadapt.adaptation.logs.record import chirps, simulated_log
from fastadapt.envs import load_task_set

HANGING = np.array([-np.pi / 2, 0.0, 0.0, 0.0])
PERTURBATIONS = {
    "object": 'kind = "payload"\ntargets = ["object"]\n'
    'mass = { law = "uniform", low = 0.0, high = 1.0 }',
    "motor": 'kind = "motor-strength"\ntargets = ["joint*"]\n'
    'scale = { law = "uniform", low = 0.6, high = 1.2 }',
    "damping": 'kind = "joint-damping"\ntargets = ["joint*"]\nshared = true\n'
    'scale = { law = "log-uniform", low = 0.5, high = 2.0 }',
    "delay": 'kind = "action-delay"\nsteps = { law = "choice", values = [0, 1, 2] }',
    "offset": 'kind = "sensor-offset"\ntargets = ["joint1 velocity"]\n'
    'offset = { law = "uniform", low = -0.2, high = 0.2 }',
    "dead": 'kind = "dead-actuator"\ngroup = "damage"\ntargets = ["joint*"]\nstrike = 1',
}


def declared(folder: Path, *names: str, log: str = ""):
    """Return a task set of the reacher with some perturbations, and its path."""
    text = 'name = "arm"\nversion = 0\nenvironment = "reacher"\n'
    text += "".join(f'[[perturbations]]\nname = "{n}"\n{PERTURBATIONS[n]}\n' for n in names)
    text += f"[splits.train]\ncount = 4\n{log}"
    path = folder / "arm.toml"
    path.write_text(text, encoding="utf-8")
    return load_task_set(path), path


def log_of(task_set, values=None, *, seconds=3.0, reach=0.25, moving=(0, 1, 2, 3), seed=0, **more):
    """Return a log of the arm on a task given by names; joints that do not move get no command."""
    size = np.zeros(4)
    size[list(moving)] = reach
    step = task_set.environment.control_step()
    commands = chirps(np.zeros(4), size, seconds, step)
    task = task_set.task(values or {})
    return simulated_log(
        task_set, task, commands, noise=(1e-3, 1e-2), rate=50, qpos=HANGING, seed=seed, **more
    )
