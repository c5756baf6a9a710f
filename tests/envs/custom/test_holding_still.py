"""Action 0 holds the nominal pose, whatever the actuators are."""

import numpy as np
import pytest

from fastadapt.envs import load_task_set, make_batch
from tests.support.backends import BACKENDS
from tests.support.own_models import MASS, write

ARM = """
<mujoco><option timestep="0.002" integrator="implicitfast" gravity="0 0 0"/><worldbody>
<geom name="floor" type="plane" size="5 5 .1"/>
<body name="a" pos="0 0 1"><joint name="j1" axis="0 1 0"/>
  <geom type="capsule" fromto="0 0 0 .3 0 0" size=".02"/>
  <body name="b" pos=".3 0 0"><joint name="j2" axis="0 1 0"/>
    <geom type="capsule" fromto="0 0 0 .3 0 0" size=".02"/><site name="tip" pos=".3 0 0"/>
  </body></body></worldbody>
<actuator>{}</actuator><keyframe><key name="home" qpos="0.8 0.5" {}/></keyframe></mujoco>
"""
PAIR = "<{0} joint='j1' {1}/><{0} joint='j2' {1}/>"
WITH_ACT = 'ctrl="0.8 0.5" act="0.8 0.5"'
ACTUATORS = {
    "servo": (PAIR.format("position", 'kp="50" kv="3"'), ""),
    "filtered servo": (PAIR.format("position", 'kp="50" kv="3" timeconst="0.1"'), ""),
    "filtered servo in a keyframe": (
        PAIR.format("position", 'kp="50" kv="3" timeconst="0.1"'), WITH_ACT),
    "filtered servo with gear": (
        PAIR.format("position", 'kp="50" kv="3" timeconst="0.1" gear="2"'), ""),
    "integrated velocity": (
        PAIR.format("intvelocity", 'kp="50" kv="3" ctrlrange="-1 1" actrange="-2 2"'), ""),
    "integrated velocity in a keyframe": (
        PAIR.format("intvelocity", 'kp="50" kv="3" ctrlrange="-1 1" actrange="-2 2"'),
        'act="0.8 0.5"'),
    "one-input pid": (PAIR.format("pid", 'kp="50" kv="3" input="pos"'), ""),
}  # fmt: skip
OBJECTIVES = {
    "reach-site": 'objective = "reach-site"\nsite = "tip"\nstart_noise = 0.0\nstart_speed = 0.0',
    "stay-upright": 'objective = "stay-upright"\nstart_noise = 0.0\nstart_speed = 0.0\nroot = "a"',
}


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("case", ACTUATORS)
@pytest.mark.parametrize("backend", BACKENDS)
def test_action_0_does_not_move_the_robot(case, objective, backend, tmp_path):
    actuators, key = ACTUATORS[case]
    xml = ARM.format(actuators, key)
    batch = make_batch(
        load_task_set(write(tmp_path, xml, OBJECTIVES[objective], MASS)), 2, 1, backend
    )
    for seed in (0, 1):  # the second time after the robot has moved
        batch.reset(seed=seed)
        for _ in range(30):
            batch.step(np.zeros(batch.action_space.shape))
        np.testing.assert_allclose(batch.sim.data("qpos"), [[0.8, 0.5]] * 2, atol=1e-3)
        for _ in range(10):
            batch.step(np.ones(batch.action_space.shape))


def test_an_object_is_brought_by_filtered_servos(tmp_path):
    actuators = PAIR.format("position", 'kp="50" kv="3" timeconst="0.1"')
    puck = '<body name="puck" pos="2 0 0.1"><freejoint/><geom size="0.1"/></body></worldbody>'
    xml = (
        ARM.format(actuators, "")
        .replace("</worldbody>", puck)
        .replace('0.8 0.5"', '0.8 0.5 2 0 0.1 1 0 0 0"', 1)
    )
    environment = 'objective = "bring-object"\nsite = "tip"\nobject = "puck"\njoint_noise = 0.0'
    batch = make_batch(load_task_set(write(tmp_path, xml, environment, MASS)), 2, 1)
    batch.reset(seed=0)
    for _ in range(30):
        batch.step(np.zeros(batch.action_space.shape))
    np.testing.assert_allclose(batch.sim.data("qpos")[:, :2], [[0.8, 0.5]] * 2, atol=1e-3)


def test_coupled_joints_are_posed_together(tmp_path):
    actuators = "<position name='only' joint='j1' kp='50' kv='3'/>"
    xml = ARM.format(actuators, 'ctrl="0.8"').replace(
        "<actuator>",
        '<equality><joint joint1="j2" joint2="j1" polycoef="0.1 -2 0 0 0"/></equality><actuator>',
    )
    for declared, expected in (("j1 = 0.3", [0.3, -0.5]), ("j2 = -0.5", [0.3, -0.5])):
        environment = f"{OBJECTIVES['reach-site']}\npose = {{ {declared} }}"
        task_set = load_task_set(write(tmp_path, xml, environment, MASS))
        batch = make_batch(task_set, 1, 1)
        batch.reset(seed=0)
        np.testing.assert_allclose(batch.sim.data("qpos")[0], expected)
        assert task_set.environment.nominal()[1] == pytest.approx(expected[:1])


def test_a_pose_outside_of_a_control_range_is_noted(tmp_path):
    from fastadapt.envs.sanity.facts import model_warnings

    actuators = PAIR.format("position", 'kp="50" kv="3" ctrlrange="-0.6 0.6"')
    task_set = load_task_set(
        write(tmp_path, ARM.format(actuators, ""), OBJECTIVES["reach-site"], MASS)
    )
    notes = [n for n in model_warnings(task_set.environment) if "does not hold" in n]
    assert len(notes) == 1
    assert "'j1' needs the control 0.8" in notes[0]


def test_a_nominal_pose_outside_of_a_range_begins_at_its_end(tmp_path):
    from fastadapt.envs.sanity.facts import model_warnings

    actuators = PAIR.format("position", 'kp="50" kv="3"')
    xml = ARM.format(actuators, "").replace('name="j1"', 'name="j1" range="-30 30"')
    task_set = load_task_set(write(tmp_path, xml, OBJECTIVES["reach-site"], MASS))
    batch = make_batch(task_set, 1, 1)
    batch.reset(seed=0)
    for _ in range(20):
        batch.step(np.zeros(batch.action_space.shape))
    np.testing.assert_allclose(batch.sim.data("qpos")[0], [np.pi / 6, 0.5], atol=1e-3)
    assert any("range of these joints" in note for note in model_warnings(task_set.environment))
