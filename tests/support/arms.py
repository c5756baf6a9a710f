"""Arms in plain MuJoCo: poses by inverse kinematics, and what is where."""

import mujoco
import numpy as np

from tests.support.declared import constant, declare

ARM = tuple(f"joint{i}" for i in range(1, 8))


def healthy(environment):
    """Return a task set in which nothing is wrong."""
    nothing = {"name": "it", "kind": "joint-damping", "targets": ["joint*"], "scale": constant(1.0)}
    return declare(environment, nothing)


def posed(environment):
    """Return a plain model and data in the nominal pose."""
    model = environment.model()
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, model.key("nominal").id)
    mujoco.mj_forward(model, data)
    return model, data


def arm_angles(model, qpos, tip):
    """Return the angles `(7,)` that put the tip at `(3,)` with the hand straight down."""
    data = mujoco.MjData(model)
    data.qpos[:] = qpos
    address = [model.joint(name).qposadr[0] for name in ARM]
    dofs = [model.joint(name).dofadr[0] for name in ARM]
    site = model.site("tip").id
    for _ in range(200):
        mujoco.mj_forward(model, data)
        jacobian = np.zeros((6, model.nv))
        mujoco.mj_jacSite(model, data, jacobian[:3], jacobian[3:], site)
        axes = data.site_xmat[site].reshape(3, 3)
        turn = 0.5 * sum(np.cross(axes[:, k], np.eye(3)[k]) for k in range(3))
        error = np.r_[tip - data.site_xpos[site], turn]
        if np.abs(error).max() < 1e-4:
            break
        j = jacobian[:, dofs]
        move = j.T @ np.linalg.solve(j @ j.T + 1e-5 * np.eye(6), error)
        data.qpos[address] += np.clip(move, -0.2, 0.2)
    assert np.abs(error).max() < 1e-2
    return data.qpos[address].copy()


def actions_towards(batch, angles, gripper=()):
    """Return the actions `(N, actions)` that bring the targets of the arm to angles `(N, 7)`."""
    away = angles - batch.sim.data("ctrl")[:, :7]
    arm = away / np.array(batch.environment.increments[:7])
    hand = np.full((batch.num_envs, len(gripper)), gripper)
    return np.clip(np.concatenate([arm, hand], axis=1), -1, 1)
