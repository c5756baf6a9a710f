"""Metadata that controllers for mjlab's policies read: joints, gains, offsets, scales."""

from __future__ import annotations

from collections.abc import Iterable

import mujoco
import numpy as np

from fastadapt.envs import TaskSet, make_batch


def controller_keys(task_set: TaskSet, run_path: str, blocks: Iterable[str]) -> dict[str, str]:
    """Return mjlab's keys, as comma-separated values with three decimals.

    A controller commands `default_joint_pos + action_scale * action` to servos with these gains.
    Where an actuator is no servo, its stiffness and damping are 0 and its command is
    `action_scale * action`.

    Args:
        task_set: of the policy.
        run_path: where the policy was trained.
        blocks: names of the parts of `obs`, in order.
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
        "action_scale": _numbers(action_scale(task_set)),
    }


def action_scale(task_set: TaskSet) -> list[float]:
    """Return by how much each control changes with its action, from a reset."""
    envs = make_batch(task_set, 1, 1)
    envs.reset(seed=0)
    actions = np.eye(len(task_set.environment.actions()))

    def controls(action: np.ndarray) -> np.ndarray:
        return envs.environment.controls(action[None])[0]

    rest = controls(np.zeros(len(actions)))
    # In both directions: a control at its limit moves in one only.
    changes = [np.maximum(abs(controls(a) - rest), abs(controls(-a) - rest)) for a in actions]
    return [float(change[i]) for i, change in enumerate(changes)]


def _numbers(values: Iterable[float]) -> str:
    return ",".join(f"{float(value) + 0.0:.3f}" for value in values)
