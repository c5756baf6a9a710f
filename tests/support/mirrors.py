"""A robot that is its own mirror image must behave like it."""

import numpy as np

from fastadapt.envs import make_batch


def mirrored(task_set, swapped, flipped, steps=12):
    """Assert that mirrored starts and actions give mirrored motions and equal rewards.

    Args:
        task_set: of a robot with a free root whose joints are called `<leg>_<joint>`.
        swapped: legs on the left, and their counterparts on the right.
        flipped: joints whose angle changes its sign in the mirror.
        steps: control steps.
    """
    batch = make_batch(task_set, 2, 1)
    batch.reset(seed=[5, 5])
    model = batch.sim.model
    names = [model.joint(j).name for j in range(1, model.njnt)]
    both = swapped | {right: left for left, right in swapped.items()}
    order, sign = [], []
    for name in names:
        leg, joint = name.split("_")
        order.append(names.index(f"{both[leg]}_{joint}"))
        sign.append(-1.0 if joint in flipped else 1.0)
    order, sign = np.array(order), np.array(sign)
    state = [batch.sim.data(n).copy() for n in ("qpos", "qvel")]
    state[0][1] = _reflect(state[0][0], 7, [1, -1, 1, 1, -1, 1, -1], order, sign)
    state[1][1] = _reflect(state[1][0], 6, [1, -1, 1, -1, 1, -1], order, sign)
    batch.set_state(*state)
    rng = np.random.default_rng(0)
    for _ in range(steps):
        action = rng.uniform(-0.5, 0.5, len(names))
        _, reward, *_ = batch.step(np.stack([action, (action * sign)[order]]))
        qpos = batch.sim.data("qpos")
        expected = _reflect(qpos[0], 7, [1, -1, 1, 1, -1, 1, -1], order, sign)
        np.testing.assert_allclose(qpos[1], expected, atol=1e-6)
        np.testing.assert_allclose(reward[1], reward[0], atol=1e-5)


def _reflect(vector, width, root, order, sign):
    return np.concatenate([vector[:width] * root, (vector[width:] * sign)[order]])
