"""Recovery of known parameters from simulated logs: errors, coverage of intervals, honesty.

    python benchmarks/fit_recovery.py arm --truths 100 --first 0
    python benchmarks/fit_recovery.py unexcited --truths 20

Each truth is drawn from the training laws of a small task set; its log is made by plain MuJoCo,
with encoder noise (1 mrad, 10 mrad/s), delay and 50 Hz sampling. A parameter that the fit calls
undetermined does not count as covered. One JSON line per truth goes to standard output.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from fastadapt.adaptation.logs.fit import fit_logs
from fastadapt.adaptation.logs.record import chirps, simulated_log
from fastadapt.envs import TaskSet, load_task_set

_ARM = """
name = "arm-fit"
version = 0
environment = "reacher"
[[perturbations]]
name = "object"
kind = "payload"
targets = ["object"]
mass = { law = "uniform", low = 0.0, high = 1.0 }
[[perturbations]]
name = "motor"
kind = "motor-strength"
targets = ["joint*"]
scale = { law = "uniform", low = 0.6, high = 1.2 }
[[perturbations]]
name = "damping"
kind = "joint-damping"
targets = ["joint*"]
shared = true
scale = { law = "log-uniform", low = 0.5, high = 2.0 }
[[perturbations]]
name = "dry"
kind = "joint-friction"
targets = ["joint*"]
shared = true
torque = { law = "uniform", low = 0.0, high = 0.5 }
[[perturbations]]
name = "delay"
kind = "action-delay"
steps = { law = "choice", values = [0, 1, 2] }
[splits.train]
count = 1
"""
_QUADRUPED = """
name = "quadruped-fit"
version = 0
environment = "quadruped"
[[perturbations]]
name = "payload"
kind = "payload"
targets = ["trunk"]
position = [0.0, 0.0, 0.1]
mass = { law = "uniform", low = 0.0, high = 4.0 }
[[perturbations]]
name = "dry"
kind = "joint-friction"
targets = ["*_hip", "*_thigh", "*_calf"]
shared = true
torque = { law = "uniform", low = 0.0, high = 1.0 }
[[perturbations]]
name = "motor"
kind = "motor-strength"
targets = ["F?_thigh"]
scale = { law = "uniform", low = 0.7, high = 1.2 }
[[perturbations]]
name = "delay"
kind = "action-delay"
steps = { law = "choice", values = [0, 1, 2] }
[splits.train]
count = 1
"""
ROBOTS = {"arm": (_ARM, 0.25), "quadruped": (_QUADRUPED, 0.12)}
"""Task set and size of the commands: torques around hanging, angles around standing."""


def declared(robot: str) -> tuple[TaskSet, float]:
    """Return the task set of a robot, and the size of its motions [rad]."""
    text, reach = ROBOTS[robot]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{robot}.toml"
        path.write_text(text, encoding="utf-8")
        return load_task_set(path), reach


def recover(robot: str, number: int) -> dict[str, Any]:
    """Fit the log of one truth; return what was found."""
    task_set, reach = declared(robot)
    cls = task_set.environment
    task = task_set.sample("train", 1, seed=0, start=number)[0]
    model = cls.model()
    hanging = np.array([-np.pi / 2, 0.0, 0.0, 0.0]) if robot == "arm" else None
    middle = model.key(0).ctrl.copy() if model.nkey else np.zeros(model.nu)
    commands = chirps(middle, np.full(len(middle), reach), 5.0, cls.control_step())
    log = simulated_log(task_set, task, commands, noise=(1e-3, 1e-2), rate=50,
                        qpos=hanging, seed=number)  # fmt: skip
    found = fit_logs(task_set, [log], seconds=0.3, segments=12, num_threads=1, seed=number)
    truth = dict(zip(task_set.names, task.vector(), strict=True))
    rows = [
        (v.unknown.name, float(truth[v.unknown.name]), v.value, v.low, v.high, v.determined,
         v.unknown.high - v.unknown.low)
        for v in found.verdicts
    ]  # fmt: skip
    return {
        "truth": number,
        "rows": rows,
        "delay": [truth["delay.steps"], found.delays],
        "held_out": found.held_out.fitted_over_nominal,
        "kept": found.kept,
    }


def leave_still(number: int) -> dict[str, Any]:
    """Fit a log in which some joints of the arm get no command; return which motors it tells."""
    task_set, reach = declared("arm")
    step = task_set.environment.control_step()
    still = [joint for joint in range(4) if (number % 14 + 1) >> joint & 1]
    size = np.full(4, reach)
    size[still] = 0.0
    task = task_set.sample("train", 1, seed=1, start=number)[0]
    commands = chirps(np.zeros(4), size, 4.0, step)
    hanging = np.array([-np.pi / 2, 0.0, 0.0, 0.0])
    log = simulated_log(
        task_set, task, commands, noise=(1e-3, 1e-2), rate=50, qpos=hanging, seed=number
    )
    found = fit_logs(task_set, [log], seconds=0.4, segments=8, num_threads=1, seed=number)
    told = {v.unknown.name: v.determined for v in found.verdicts}
    motors = {joint: told[f"motor.scale[joint{joint + 1}]"] for joint in range(4)}
    return {
        "case": number,
        "still": still,
        "reported": all(not motors[joint] for joint in still),
        "others_told": sum(motors[joint] for joint in range(4) if joint not in still),
    }


def summary(lines: list[dict[str, Any]]) -> str:
    """Return errors and coverage by parameter, as text."""
    rows = [row for line in lines for row in line["rows"]]
    text = []
    for name in dict.fromkeys(row[0] for row in rows):
        mine = [row for row in rows if row[0] == name]
        told = [row for row in mine if row[5]]
        covered = [row[3] <= row[1] <= row[4] for row in told]
        error = [abs(row[2] - row[1]) / row[6] for row in told]
        median = f"{np.median(error):.2%}" if told else "-"
        text.append(f"{name}: told in {len(told)} of {len(mine)}, median error {median} of the "
                    f"declared range, covered {sum(covered)} of {len(told)}")  # fmt: skip
    right = sum(max(d[1], key=lambda k: d[1][k]) in (d[0], str(int(d[0])))
                for d in (line["delay"] for line in lines))  # fmt: skip
    return "\n".join([*text, f"delay right in {right} of {len(lines)}"])


def main() -> None:
    """Run the truths that are asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("robot", choices=[*ROBOTS, "unexcited"])
    parser.add_argument("--truths", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--out", type=Path, default=None, help="file that lines are added to")
    args = parser.parse_args()
    lines = []
    for number in range(args.first, args.first + args.truths):
        one = leave_still if args.robot == "unexcited" else lambda i: recover(args.robot, i)
        line = one(number)
        lines.append(line)
        if args.out:
            with args.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        print(json.dumps(line), flush=True)
    if args.robot == "unexcited":
        print(f"reported in {sum(bool(line['reported']) for line in lines)} of {len(lines)} cases")
    else:
        print(summary(lines))


if __name__ == "__main__":
    main()
