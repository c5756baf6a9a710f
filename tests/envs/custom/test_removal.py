"""Parts that are left out of a model, with what refers to them."""

import numpy as np
import pytest

from fastadapt.envs import FastadaptError, load_task_set
from tests.support.own_models import MASS, write

ARM = """
<mujoco><worldbody><geom name="table" type="plane" size="5 5 .1"/>
<body name="a" pos="0 0 1"><joint name="j1" axis="0 1 0"/><geom name="g" size=".05"/>
<body name="b" pos=".3 0 0"><joint name="j2" axis="0 1 0"/><geom name="b" size=".05"/>
<body name="c" pos=".3 0 0"><joint name="j3" axis="0 1 0"/><geom size=".05"/>
<geom name="pad" size=".02"/>
<site name="tip" pos=".3 0 0"/><site name="mark"/></body></body></body></worldbody>
<contact><pair geom1="pad" geom2="table"/></contact>
<tendon><fixed name="t"><joint joint="j1" coef="1"/><joint joint="j2" coef="1"/></fixed>
<spatial name="s"><site site="tip"/><site site="mark"/></spatial></tendon>
<actuator><motor name="m1" joint="j1" ctrlrange="-1 1"/>
<motor name="j2" joint="j2" ctrlrange="-1 1"/>
<motor name="m3" joint="j3" ctrlrange="-1 1"/>
<motor name="pull" tendon="t" ctrlrange="-1 1"/></actuator>
<equality><joint name="e" joint1="j3" joint2="j2" active="false"/>
<tendon name="te" tendon1="t" active="false"/></equality>
<sensor><jointpos name="s1" joint="j2"/><actuatorfrc name="s2" actuator="j2"/>
<tendonpos name="s3" tendon="t"/><jointpos name="s4" joint="j1"/></sensor>
<keyframe><key qpos="0.1 0.2 0.3" ctrl="0.4 0.5 0.6 0.7"/></keyframe></mujoco>
"""


def without(tmp_path, *names):
    listed = ", ".join(f'"{name}"' for name in names)
    environment = f'objective = "reach-site"\nsite = "tip"\nremove = [{listed}]'
    return load_task_set(write(tmp_path, ARM, environment, MASS)).environment


def names(model, count, kind):
    return [getattr(model, kind)(i).name for i in range(count)]


CASES = {
    # what: (joints, actuators, tendons, sensors, qpos, ctrl)
    "joint:j2": ("j1 j3", "m1 m3", "s", "s4", [0.1, 0.3], [0.4, 0.6]),
    "actuator:j2": ("j1 j2 j3", "m1 m3 pull", "t s", "s1 s3 s4", [0.1, 0.2, 0.3], [0.4, 0.6, 0.7]),
    "m1": ("j1 j2 j3", "j2 m3 pull", "t s", "s1 s2 s3 s4", [0.1, 0.2, 0.3], [0.5, 0.6, 0.7]),
    "t": ("j1 j2 j3", "m1 j2 m3", "s", "s1 s2 s4", [0.1, 0.2, 0.3], [0.4, 0.5, 0.6]),
    "mark": ("j1 j2 j3", "m1 j2 m3 pull", "t", "s1 s2 s3 s4", [0.1, 0.2, 0.3],
             [0.4, 0.5, 0.6, 0.7]),
    "pad": ("j1 j2 j3", "m1 j2 m3 pull", "t s", "s1 s2 s3 s4", [0.1, 0.2, 0.3],
            [0.4, 0.5, 0.6, 0.7]),
}  # fmt: skip


@pytest.mark.parametrize("part", CASES)
def test_a_part_goes_with_what_refers_to_it(part, tmp_path):
    model = without(tmp_path, part).model()
    joints, actuators, tendons, sensors, qpos, ctrl = CASES[part]
    assert names(model, model.njnt, "joint") == joints.split()
    assert names(model, model.nu, "actuator") == actuators.split()
    assert names(model, model.ntendon, "tendon") == tendons.split()
    assert names(model, model.nsensor, "sensor") == sensors.split()
    nominal = model.key(model.nkey - 1)
    np.testing.assert_allclose(nominal.qpos, qpos)
    np.testing.assert_allclose(nominal.ctrl, ctrl)


def test_an_ambiguous_name_is_refused(tmp_path):
    with pytest.raises(FastadaptError) as caught:
        without(tmp_path, "j2")
    assert "'j2' is the name of a joint and an actuator" in str(caught.value)
    assert '"joint:j2" or "actuator:j2"' in str(caught.value)


def test_a_body_takes_along_what_is_in_it(tmp_path):
    xml = ARM.replace('<site name="tip" pos=".3 0 0"/>', "").replace(
        '<geom name="g" size=".05"/>', '<geom name="g" size=".05"/><site name="tip"/>'
    )
    environment = 'objective = "reach-site"\nsite = "tip"\nremove = ["b"]'
    model = load_task_set(write(tmp_path, xml, environment, MASS)).environment.model()
    assert names(model, model.njnt, "joint") == ["j1"]
    assert names(model, model.nu, "actuator") == ["m1"]


def test_an_unknown_part_of_a_kind_is_named(tmp_path):
    with pytest.raises(FastadaptError, match="no part to remove called 'joint:j9'"):
        without(tmp_path, "joint:j9")
