"""What is added to a robot: not shaped by its defaults, names and totals."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs import load_task_set, make_batch
from fastadapt.envs.model.joint_locks import lock_name
from fastadapt.envs.sanity.facts import model_warnings
from tests.support.own_models import ARM, LEGS, MASS, write

GROUND = '<geom name="floor" type="plane" size="0 0 1"/>'
FLOATING = LEGS.replace(GROUND, "")
RUN = 'objective = "run-forward"'
REACH = 'objective = "reach-site"\nsite = "tip"'


def defaulted(xml, defaults):
    return xml.replace("<worldbody>", f"<default>{defaults}</default><worldbody>", 1)


def model_of(tmp_path, xml, environment=RUN, perturbations=MASS):
    return load_task_set(write(tmp_path, xml, environment, perturbations)).environment.model()


def height_after(tmp_path, xml, environment=RUN, seconds=0.5):
    """Return the height of the robot's trunk after falling from its nominal pose [m]."""
    task_set = load_task_set(write(tmp_path, xml, environment, MASS))
    model = task_set.environment.model()
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, model.nkey - 1)
    mujoco.mj_step(model, data, nstep=round(seconds / model.opt.timestep))
    return data.qpos[2]


ODD_DEFAULTS = {
    "no contact": '<geom contype="0" conaffinity="0"/>',
    "other bits": '<geom contype="2" conaffinity="4"/>',
    "no friction": '<geom condim="1" friction="0.1 0.1 0.1" priority="3" solref="0.5 1"/>',
    "turned": '<geom euler="90 0 0" pos="1 2 3" margin="0.3"/><default class="robot">'
    '<geom euler="0 0 0" pos="0 0 0" margin="0"/></default>',
}


@pytest.mark.parametrize("case", ODD_DEFAULTS)
def test_an_added_floor_is_a_floor_whatever_the_defaults(case, tmp_path):
    xml = FLOATING
    if case == "no contact":  # the robot's own geoms collide
        xml = xml.replace("<geom ", '<geom contype="1" conaffinity="1" ')
    if case == "turned":  # the robot's own geoms are not
        xml = xml.replace("<body pos", '<body childclass="robot" pos')
    model = model_of(tmp_path, defaulted(xml, ODD_DEFAULTS[case]))
    floor = model.geom("floor")
    assert floor.condim == 3
    assert floor.priority == 0
    np.testing.assert_array_equal(floor.friction, [1, 0.005, 0.0001])
    np.testing.assert_array_equal(floor.quat, [1, 0, 0, 0])
    np.testing.assert_array_equal(floor.pos, [0, 0, 0])
    assert height_after(tmp_path, defaulted(xml, ODD_DEFAULTS[case])) > 0.1


def test_a_floor_that_does_not_collide_is_none(tmp_path):
    xml = LEGS.replace(GROUND, GROUND.replace("/>", ' contype="0" conaffinity="0"/>'))
    model = model_of(tmp_path, xml)
    assert model.geom("floor").contype == 0
    assert model.geom("floor_2").contype == 1
    assert height_after(tmp_path, xml) > 0.1


@pytest.mark.parametrize(
    "ground",
    [
        f'<body name="floor">{GROUND}</body>',
        '<body name="arena"><body><geom type="box" size="5 5 0.1" pos="0 0 -0.1"/></body></body>',
    ],
)
def test_ground_may_be_anywhere_in_the_tree(ground, tmp_path):
    xml = LEGS.replace(GROUND, ground)
    task_set = load_task_set(write(tmp_path, xml))
    assert task_set.environment.model().ngeom == 5
    assert not any("no ground" in note for note in model_warnings(task_set.environment))
    assert height_after(tmp_path, xml) > 0.1


def test_a_body_that_moves_is_no_ground(tmp_path):
    xml = FLOATING.replace(
        "<worldbody>",
        '<worldbody><body name="door"><joint axis="0 0 1"/><geom size="0.1" pos="3 0 1"/></body>',
    )
    assert model_of(tmp_path, xml).geom("floor").type == mujoco.mjtGeom.mjGEOM_PLANE


def test_a_robot_without_contacts_is_told_to_fall(tmp_path):
    xml = defaulted(FLOATING, '<geom contype="0" conaffinity="0"/>')
    notes = model_warnings(load_task_set(write(tmp_path, xml)).environment)
    assert any("No geom of the robot collides" in note for note in notes)


def test_servos_do_not_take_the_ranges_of_motors(tmp_path):
    xml = defaulted(LEGS, '<motor ctrlrange="-0.4 0.4" forcerange="-0.1 0.1" gear="3"/>')
    servos = 'servos = [{ joints = ["*"], kp = 100.0, kd = 5.0, force = 200.0 }]'
    environment = f"{RUN}\nstart_noise = 0.0\n{servos}\npose = {{ hip = -0.8, JOINT = 0.7 }}"
    task_set = load_task_set(write(tmp_path, xml, environment, MASS))
    model = task_set.environment.model()
    assert not model.actuator_ctrllimited.any()
    np.testing.assert_array_equal(model.actuator_gear[:, 0], [1, 1])
    np.testing.assert_array_equal(model.actuator_forcerange, [[-200, 200]] * 2)
    batch = make_batch(task_set, 1, 1)
    batch.reset(seed=0)
    for _ in range(50):
        batch.step(np.zeros(batch.action_space.shape))
    assert batch.sim.data("qpos")[0, 7:] == pytest.approx([0.7, -0.8], abs=0.1)


def test_a_servo_gets_a_name_that_is_free(tmp_path):
    xml = LEGS.replace('<motor joint="hip"', '<motor name="JOINT" joint="hip"')
    xml = xml.replace('<motor name="front" joint="JOINT" gear="20" ctrlrange="-1 1"/>', "")
    servos = 'servos = [{ joints = ["JOINT"], kp = 100.0 }]'
    model = model_of(tmp_path, xml, f"{RUN}\n{servos}")
    assert {model.actuator(i).name for i in range(model.nu)} == {"JOINT", "JOINT_2"}


def test_a_servo_keeps_the_order_of_a_keyframe(tmp_path):
    key = '<keyframe><key qpos="0 0 0.4 1 0 0 0 0.1 0.2" ctrl="0.3 0.6"/></keyframe></mujoco>'
    xml = LEGS.replace("</mujoco>", key)
    servos = 'servos = [{ joints = ["JOINT"], kp = 100.0 }]'
    cls = load_task_set(write(tmp_path, xml, f"{RUN}\n{servos}", MASS)).environment
    model = cls.model()
    nominal = model.key(model.nkey - 1)
    by_name = {model.actuator(i).name: nominal.ctrl[i] for i in range(model.nu)}
    assert by_name == pytest.approx({"front": 0.1, "hip": 0.6})
    np.testing.assert_allclose(nominal.qpos[7:], [0.1, 0.2])


def test_locks_are_as_stiff_as_documented(tmp_path):
    xml = defaulted(LEGS, '<equality solref="0.5 1" solimp="0.1 0.2 0.3"/>')
    odd, usual = model_of(tmp_path / "odd", xml), model_of(tmp_path / "usual", LEGS)
    for field in ("eq_solref", "eq_solimp", "eq_data", "eq_active0"):
        np.testing.assert_array_equal(getattr(odd, field), getattr(usual, field))
    np.testing.assert_array_equal(odd.eq_solref, [[0.02, 1]] * 2)


def test_an_equality_of_the_name_of_a_lock_is_renamed(tmp_path):
    own = f'<equality><joint name="{lock_name("hip")}" joint1="hip"/></equality></mujoco>'
    model = model_of(tmp_path, LEGS.replace("</mujoco>", own))
    assert model.neq == 3
    assert not model.eq_active0[model.equality(lock_name("hip")).id]


@pytest.mark.parametrize("there", [0.02, 0.1])
def test_the_goal_leaves_the_total_mass_to_the_robot(there, tmp_path):
    xml = ARM.replace("<worldbody>", '<compiler settotalmass="7"/><worldbody>', 1)
    model = model_of(tmp_path, xml, f"{REACH}\nthere = {there}")
    robot = [i for i in range(1, model.nbody) if model.body(i).name != "goal"]
    assert model.body_mass[robot].sum() == pytest.approx(7)
    assert model.body("goal").mass == 0


NAMED_GOAL = {
    "geom": '<geom name="goal" size="0.1" pos="3 3 3"/>',
    "body": '<body name="goal" pos="3 3 3"><geom size="0.1"/></body>',
    "mocap": '<body name="goal" mocap="true"><geom size="0.1" contype="0" conaffinity="0"/></body>',
}


@pytest.mark.parametrize("case", NAMED_GOAL)
@pytest.mark.parametrize("objective", ["reach-site", "bring-object"])
def test_the_model_may_have_a_goal_of_its_own(case, objective, tmp_path):
    xml = ARM.replace("<worldbody>", f"<worldbody>{NAMED_GOAL[case]}", 1)
    extra = '\nobject = "puck"' if objective == "bring-object" else ""
    environment = f'objective = "{objective}"\nsite = "tip"{extra}'
    batch = make_batch(load_task_set(write(tmp_path, xml, environment, MASS)), 2, 1)
    first, _ = batch.reset(seed=0)
    other, _ = batch.reset(seed=1)
    assert batch.sim.model.nmocap == 1
    assert not np.array_equal(first[:, -3:], other[:, -3:])


def test_a_saved_robot_can_be_declared_again(tmp_path):
    """The cameras, keyframes and locks of a model that was written out keep no name from ours."""
    cls = load_task_set(write(tmp_path / "first")).environment
    spec = cls.complete_spec()
    spec.compile()
    task_set = load_task_set(write(tmp_path / "second", spec.to_xml()))
    model = task_set.environment.model()
    assert model.neq == 2 * len(task_set.environment.lockable)


def test_thousands_of_parts_without_a_name_get_names_in_linear_time(tmp_path, monkeypatch):
    compared = 0

    class Counted(str):
        __hash__ = str.__hash__

        def __eq__(self, other):
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    from fastadapt.envs.model.additions import free_name

    taken, numbers = set(), {}
    for _ in range(2000):
        taken.add(Counted(free_name(Counted("trunk"), taken, numbers)))
    assert len(taken) == 2000
    assert compared < 20_000
