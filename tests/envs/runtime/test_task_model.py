"""The model of a task: what the batch simulates, and what pictures show."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError, load_task_set, make_batch
from fastadapt.envs.rendering import PoseRenderer, tinted, visible
from fastadapt.envs.runtime.task_model import task_model
from tests.support.declared import constant, declare
from tests.support.hand_edits import CASES
from tests.support.scenes import model_of

GONE = {"name": "gone", "kind": "severed-limb", "targets": ["bshin"]}
SHORT = {"name": "short", "kind": "shortened-limb", "targets": ["fthigh"], "length": constant(0.4)}
NOT_OF_THE_TASK = (
    "eq_data",  # where a joint locks is where it stands
    "cam_poscom0",  # cameras and lights follow a centre of mass
    "light_poscom0",  # that counts mocap bodies, where they stand
)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_it_is_the_model_that_the_batch_simulates(case):
    task_set = declare(case.robot, case.declared)
    task = task_set.sample("train", 1)[0]
    batch = make_batch(task_set, 1, 1)
    batch.set_tasks(task)
    batch.reset(seed=0)
    simulated, ours = model_of(batch.sim), task_model(task_set, task)
    for name in dir(simulated):
        field = getattr(simulated, name)
        if isinstance(field, np.ndarray) and name not in NOT_OF_THE_TASK:
            np.testing.assert_array_equal(getattr(ours, name), field, err_msg=name)
    np.testing.assert_array_equal(ours.opt.gravity, simulated.opt.gravity)


def test_the_nominal_task_leaves_the_model_as_it_is_and_others_do_not_touch_it(cheetah):
    nominal = task_set_bytes(cheetah.environment.model())
    assert task_set_bytes(task_model(cheetah, cheetah.nominal)) == nominal
    task_model(cheetah, cheetah.sample("test_compound", 1)[0])
    assert task_set_bytes(cheetah.environment.model()) == nominal


def task_set_bytes(model):
    buffer = np.empty(mujoco.mj_sizeModel(model), np.uint8)
    mujoco.mj_saveModel(model, None, buffer)
    return buffer.tobytes()


def test_a_task_of_another_set_is_refused(cheetah):
    with pytest.raises(FastadaptError, match="does not belong to task set"):
        task_model(cheetah, load_task_set("reacher-damage").nominal)


def test_what_is_severed_is_not_seen_however_it_is_tinted():
    task_set = declare("cheetah", GONE)
    model = task_model(task_set, task_set.sample("train", 1)[0])
    gone = [model.geom(name).id for name in ("bshin", "bfoot")]
    assert np.flatnonzero(~visible(model)).tolist() == gone
    red = tinted(model, {model.body(name).id: (1, 0, 0, 1) for name in ("bthigh", "bshin")})
    assert np.flatnonzero(~visible(red)).tolist() == gone
    np.testing.assert_array_equal(red.geom_rgba[model.geom("bthigh").id], (1, 0, 0, 1))


def test_pictures_show_robots_as_their_tasks_leave_them():
    task_set = declare("cheetah", GONE, SHORT)
    damaged = task_model(task_set, task_set.sample("train", 1)[0])
    environment = task_set.environment
    try:
        renderer = PoseRenderer(environment)
    except Exception as error:
        pytest.skip(f"no rendering here: {error}")
    qpos = environment.model().qpos0
    whole = renderer.picture(qpos)
    renderer.draw_as(damaged)
    changed = renderer.picture(qpos)
    renderer.draw_as(environment.model())
    np.testing.assert_array_equal(renderer.picture(qpos), whole)
    renderer.close()
    assert (changed != whole).any(axis=-1).sum() > 200
    other = PoseRenderer(environment, model=damaged)
    np.testing.assert_array_equal(other.picture(qpos), changed)
    other.close()
