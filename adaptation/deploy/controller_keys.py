"""How actions become commands, and the metadata that controllers for mjlab's policies read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import mujoco
import numpy as np

from fastadapt.adaptation.deploy.contract import INCREMENT, OFFSET, Commands
from fastadapt.envs import TaskSet, make_batch


def controller_keys(
    task_set: TaskSet, run_path: str, blocks: Iterable[str], scale: Iterable[float]
) -> dict[str, str]:
    """Return mjlab's keys, as comma-separated values with three decimals.

    Where an actuator is no servo, its stiffness and damping are 0.

    Args:
        task_set: of the policy.
        run_path: where the policy was trained.
        blocks: names of the parts of `obs`, in order.
        scale: by how much each command changes with its action.
    """
    environment = task_set.environment
    model = environment.model()
    joints = [int(j) for j in model.actuator_trnid[:, 0]]
    servo = model.actuator_biastype == mujoco.mjtBias.mjBIAS_AFFINE
    start = model.key_qpos[0] if model.nkey else model.qpos0
    of_joint = model.actuator_trntype == mujoco.mjtTrn.mjTRN_JOINT
    names = [
        model.joint(j).name if driven else model.actuator(i).name
        for i, (j, driven) in enumerate(zip(joints, of_joint, strict=True))
    ]
    places = [
        start[model.jnt_qposadr[j]] if d else 0.0 for j, d in zip(joints, of_joint, strict=True)
    ]
    commands = [c.name for c in environment.observations if c.name.startswith("command")]
    return {
        "run_path": run_path,
        "joint_names": ",".join(names),
        "joint_stiffness": _numbers(np.where(servo, -model.actuator_biasprm[:, 1], 0.0)),
        "joint_damping": _numbers(np.where(servo, -model.actuator_biasprm[:, 2], 0.0)),
        "default_joint_pos": _numbers(places),
        "command_names": ",".join(commands),
        "observation_names": ",".join(blocks),
        "action_scale": _numbers(list(scale)),
    }


def commands(task_set: TaskSet) -> Commands:
    """Return how actions of a task set become commands of its actuators, as the simulation does."""
    envs = make_batch(task_set, 1, 1)
    envs.reset(seed=0)
    actions = np.eye(len(task_set.environment.actions()))

    def sent(action: np.ndarray) -> np.ndarray:
        return envs.environment.controls(action[None])[0]

    rest = sent(np.zeros(len(actions)))
    # In both directions: a command at its limit moves in one only.
    changes = [np.maximum(abs(sent(a) - rest), abs(sent(-a) - rest)) for a in actions]
    envs.step(0.5 * np.ones((1, len(actions))))
    moves = not np.allclose(sent(np.zeros(len(actions))), rest)
    scale = [round(float(change[i]), 9) for i, change in enumerate(changes)]
    return Commands(INCREMENT if moves else OFFSET, [float(x) for x in rest], scale)


def _numbers(values: Any) -> str:
    return ",".join(f"{value + 0.0:.3f}" for value in np.asarray(values, np.float64).tolist())
