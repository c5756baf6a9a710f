"""Custom robots declared in a task-set file: found, completed, or refused in one sentence."""

import importlib.util
import json
import shutil

import mujoco
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from fastadapt.envs import FastadaptError, load_task_set, make_batch
from fastadapt.envs.custom.factory import keep_robot
from fastadapt.envs.gymnasium_env import GymnasiumEnv
from fastadapt.envs.sanity.facts import model_warnings
from fastadapt.envs.tasks.freeze import freeze_task_set
from tests.support.own_models import ARM, CART, DEAD, LEGS, MASS, write

OBJECTIVES = {
    "run-forward": (LEGS, 'objective = "run-forward"'),
    "track-velocity": (LEGS, 'objective = "track-velocity"\nspeeds = [0.1, 0.3]'),
    "stay-upright": (CART, 'objective = "stay-upright"\nroot = "pole"'),
    "reach-site": (ARM, 'objective = "reach-site"\nsite = "tip"'),
    "bring-object": (ARM, 'objective = "bring-object"\nsite = "tip"\nobject = "puck"'),
}


def rolled(task_set, steps=30, robots=4, seed=0, backend="auto"):
    batch = make_batch(task_set, robots, 1, backend)
    batch.set_tasks(task_set.sample("train", robots))
    observations, rewards = [batch.reset(seed=seed)[0]], []
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        actions = rng.uniform(-1, 1, batch.action_space.shape)
        observation, reward, *_ = batch.step(actions)
        observations.append(observation)
        rewards.append(reward)
    return np.array(observations), np.array(rewards)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_runs_on_a_robot_of_ours(objective, tmp_path):
    task_set = load_task_set(write(tmp_path, *OBJECTIVES[objective]))
    observations, rewards = rolled(task_set)
    cls = task_set.environment
    assert observations.shape[2] == len(cls.observations)
    assert np.isfinite(observations).all()
    assert np.ptp(rewards) > 0
    assert cls.horizon == 500
    assert cls.control_step() == pytest.approx(0.02)
    assert len({channel.name for channel in cls.observations}) == len(cls.observations)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_backends_agree_and_gymnasium_is_content(objective, tmp_path):
    path = write(tmp_path, *OBJECTIVES[objective])
    task_set = load_task_set(path)
    one, other = (rolled(task_set, 10, backend=b) for b in ("auto", "reference"))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])
    check_env(GymnasiumEnv(str(path)), skip_render_check=True)


def test_what_has_no_name_is_called_after_its_body(tmp_path):
    model = load_task_set(write(tmp_path)).environment.model()
    assert [model.body(i).name for i in range(1, model.nbody)] == ["body", "front_leg", "back_leg"]
    geoms = [model.geom(i).name for i in range(model.ngeom)]
    assert geoms == ["floor", "body", "front_leg", "back_leg", "back_leg_2"]
    assert [model.joint(i).name for i in range(model.njnt)] == ["", "JOINT", "hip"]
    assert [model.actuator(i).name for i in range(model.nu)] == ["front", "hip"]


def test_names_and_locks_do_not_change_the_physics(tmp_path):
    task_set = load_task_set(write(tmp_path))
    plain = mujoco.MjModel.from_xml_path(str(tmp_path / "mine.xml"))
    data = mujoco.MjData(plain)
    batch = make_batch(task_set, 1, 1)
    batch.reset(seed=0)
    data.qpos[:], data.qvel[:] = batch.sim.data("qpos")[0], batch.sim.data("qvel")[0]
    mujoco.mj_forward(plain, data)
    for action in np.random.default_rng(0).uniform(-1, 1, (30, 2)):
        batch.step(action[None])
        data.ctrl[:] = action
        mujoco.mj_step(plain, data, nstep=4)
        np.testing.assert_array_equal(batch.sim.data("qpos")[0], data.qpos)


def test_a_free_robot_without_ground_gets_a_floor_and_stands_on_it(tmp_path):
    xml = LEGS.replace('<geom name="floor" type="plane" size="0 0 1"/>', "")
    cls = load_task_set(write(tmp_path, xml)).environment
    model = cls.model()
    data = mujoco.MjData(model)
    mujoco.mj_resetDataKeyframe(model, data, model.nkey - 1)
    mujoco.mj_forward(model, data)
    low = [data.geom(name).xpos[2] - 0.15 - 0.03 for name in ("front_leg", "back_leg")]
    assert low == pytest.approx([0, 0], abs=1e-3)
    assert any("floor" in note for note in model_warnings(cls))
    assert any("lowered by 70 mm" in note for note in model_warnings(cls))


def test_the_nominal_pose_is_declared_or_a_keyframe(tmp_path):
    pose = '"hip" = 0.3\nbody = [0, 0, 1, 1, 0, 0, 0]'
    path = write(tmp_path, environment='objective = "run-forward"\nstart_noise = 0.0\n'
                                       f"[environment.pose]\n{pose}")  # fmt: skip
    batch = make_batch(load_task_set(path), 1, 1)
    batch.reset(seed=0)
    assert batch.sim.data("qpos")[0, [2, 7, 8]] == pytest.approx([1, 0, 0.3])
    key = (
        '<keyframe><key name="a"/><key name="b" qpos="0 0 1 1 0 0 0 0.1 0.2"/></keyframe></mujoco>'
    )
    xml = LEGS.replace("</mujoco>", key)
    path = write(tmp_path, xml, 'objective = "run-forward"\nkeyframe = "b"\nstart_noise = 0.0')
    batch = make_batch(load_task_set(path), 1, 1)
    batch.reset(seed=0)
    assert batch.sim.data("qpos")[0, 7:] == pytest.approx([0.1, 0.2])


def test_servos_take_the_place_of_motors_and_keep_their_limit(tmp_path):
    servos = 'servos = [{ joints = ["*"], kp = 30.0, kd = 1.0 }]'
    servos += '\naction_scale = { "front" = 0.2, "*" = 0.4 }'
    task_set = load_task_set(write(tmp_path, environment=f'objective = "run-forward"\n{servos}'))
    model = task_set.environment.model()
    assert [model.actuator(i).name for i in range(model.nu)] == ["front", "hip"]
    np.testing.assert_array_equal(model.actuator_forcerange, [[-20, 20]] * 2)
    assert [a.unit for a in task_set.environment.actions()] == [
        "0.2 rad from nominal", "0.4 rad from nominal"
    ]  # fmt: skip
    batch = make_batch(task_set, 1, 1)
    batch.reset(seed=0)
    for _ in range(100):
        batch.step(np.array([[0.5, -0.5]]))
    assert batch.sim.data("ctrl")[0] == pytest.approx([0.1, -0.2])


def test_passive_joints_are_observed_but_not_those_that_carry_the_root(tmp_path):
    legs = load_task_set(write(tmp_path / "a")).environment
    assert legs.observed_joints == ("JOINT", "hip")
    xml = LEGS.replace('<motor joint="hip" gear="20" ctrlrange="-1 1"/>', "")
    assert load_task_set(write(tmp_path / "b", xml)).environment.observed_joints == ("JOINT", "hip")
    cart = load_task_set(write(tmp_path / "c", *OBJECTIVES["stay-upright"])).environment
    assert cart.observed_joints == ("slide",)
    assert cart.lockable == ("slide",)


def test_paths_are_relative_to_the_file_not_to_the_working_folder(tmp_path, monkeypatch):
    path = write(tmp_path / "robots")
    monkeypatch.chdir(tmp_path)
    assert load_task_set("robots/mine.toml").hash == load_task_set(path).hash


def test_the_id_follows_the_content_of_the_model(tmp_path):
    before = load_task_set(write(tmp_path))
    again = load_task_set(write(tmp_path, LEGS.replace("<worldbody>", "<!-- ! -->\n  <worldbody>")))
    assert again.environment is before.environment
    heavier = load_task_set(write(tmp_path, LEGS.replace('mass="3"', 'mass="4"')))
    assert heavier.environment.id() != before.environment.id()
    assert heavier.hash != before.hash
    assert heavier.nominal.id != before.nominal.id
    longer = load_task_set(write(tmp_path, environment='objective = "run-forward"\nhorizon = 5.0'))
    assert longer.environment.id() != before.environment.id()


def test_included_files_and_meshes_count(tmp_path):
    path = write(tmp_path, '<mujoco><include file="parts/legs.xml"/></mujoco>')
    (tmp_path / "parts").mkdir()
    included = tmp_path / "parts" / "legs.xml"
    included.write_text(LEGS)
    before = load_task_set(path).environment.id()
    included.write_text(LEGS.replace('mass="3"', 'mass="4"'))
    assert load_task_set(path).environment.id() != before


def test_frozen_tasks_notice_another_robot(tmp_path):
    path = write(tmp_path)
    freeze_task_set(path)
    assert len(load_task_set(path).tasks("test_iid")) == 5
    (tmp_path / "mine.xml").write_text(LEGS.replace('mass="3"', 'mass="4"'))
    with pytest.raises(FastadaptError, match="made from another version"):
        load_task_set(path).tasks("test_iid")


def test_a_kept_robot_needs_nothing_else(tmp_path):
    path = write(tmp_path / "home")
    before = load_task_set(path)
    away = tmp_path / "away" / "task_set.toml"
    away.parent.mkdir()
    shutil.copy(path, away)
    keep_robot(before.environment, away)
    shutil.rmtree(tmp_path / "home")
    after = load_task_set(away)
    assert after.hash == before.hash
    np.testing.assert_array_equal(rolled(after)[0], rolled(before)[0])


def test_an_equal_robot_elsewhere_keeps_files_of_its_own(tmp_path):
    one, other = (load_task_set(write(tmp_path / name)) for name in ("one", "other"))
    assert one.hash == other.hash
    shutil.rmtree(tmp_path / "one")
    (tmp_path / "away").mkdir()
    keep_robot(other.environment, tmp_path / "away" / "task_set.toml")
    with pytest.raises(FastadaptError, match="have changed since it was loaded"):
        keep_robot(one.environment, tmp_path / "away" / "gone.toml")


def test_a_robot_that_was_edited_after_loading_is_not_kept(tmp_path):
    loaded = load_task_set(write(tmp_path))
    (tmp_path / "mine.xml").write_text(LEGS.replace('mass="3"', 'mass="4"'))
    with pytest.raises(FastadaptError, match="have changed since it was loaded"):
        keep_robot(loaded.environment, tmp_path / "kept.toml")
    assert not (tmp_path / "kept.robot").exists()


CLASS = """
from pathlib import Path
import mujoco
from fastadapt.envs.objectives.run_forward import RunForward

class Mine(RunForward):
    \"\"\"My robot.\"\"\"
    name, version, summary = "my-class", 3, "mine"
    root, horizon, physics_steps = "torso", 100, 4

    @staticmethod
    def spec():
        spec = mujoco.MjSpec.from_file(str(Path(__file__).parent / "mine.xml"))
        spec.bodies[1].name = "torso"
        return spec

class Other:
    pass
"""


def write_class(folder, name="my_module:Mine"):
    path = write(folder)
    (folder / "my_module.py").write_text(CLASS)
    text = path.read_text().replace(
        'model = "mine.xml"\nobjective = "run-forward"', f'class = "{name}"'
    )
    path.write_text(text.replace('["*"]', '["*front*"]'))
    return path


def test_an_environment_may_be_a_class_beside_the_file(tmp_path):
    path = write_class(tmp_path)
    task_set = load_task_set(path)
    assert task_set.environment.id().startswith("my-class-v3-")
    assert np.isfinite(rolled(task_set)[0]).all()
    again = load_task_set(path)
    assert again.environment is task_set.environment
    (tmp_path / "mine.xml").write_text(LEGS.replace('mass="3"', 'mass="4"'))
    assert load_task_set(path).environment.id() != task_set.environment.id()


def test_a_copied_file_finds_the_class_where_it_was(tmp_path):
    path = write_class(tmp_path / "home")
    away = tmp_path / "away" / "task_set.toml"
    away.parent.mkdir()
    shutil.copy(path, away)
    keep_robot(load_task_set(path).environment, away)
    assert load_task_set(away).hash == load_task_set(path).hash


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("my_modul:Mine", ["no module 'my_modul'", "my_modul.py"]),
        ("my_module:Mien", ["Did you mean 'Mine'?"]),
        ("my_module:Other", ["no environment", "fastadapt.envs.Environment"]),
        ("my_module", ["must be 'module:Class'"]),
        ("fastadapt.envs.objectives.run_forward:RunForward", ["not complete", "spec"]),
    ],
)
def test_a_class_that_cannot_be_had(tmp_path, name, expected):
    with pytest.raises(FastadaptError) as caught:
        load_task_set(write_class(tmp_path, name))
    assert all(words in str(caught.value) for words in expected), caught.value


def test_a_model_in_a_package(tmp_path):
    model = "package:gymnasium/envs/mujoco/assets/ant.xml"
    path = write(tmp_path, environment='objective = "run-forward"\nroot = "torso"')
    path.write_text(path.read_text().replace("mine.xml", model))
    assert load_task_set(path).environment.model().nu == 8


@pytest.mark.skipif(  # 180 MB with the other robots, so an extra: the nightly CI has it
    importlib.util.find_spec("mujoco_menagerie") is None,
    reason="pip install mujoco-menagerie (extra 'robots')",
)
def test_a_model_of_the_menagerie(tmp_path, monkeypatch):
    checkout = tmp_path / "menagerie" / "unitree_go2"
    checkout.mkdir(parents=True)
    (checkout / "scene.xml").write_text(LEGS)
    monkeypatch.setenv("MENAGERIE_ROOT", str(checkout.parent))
    path = write(tmp_path)
    text = path.read_text()
    path.write_text(text.replace("mine.xml", "menagerie:unitree_go2"))
    assert load_task_set(path).environment.model().nu == 2
    path.write_text(text.replace("mine.xml", "menagerie:unitree_go22"))
    with pytest.raises(FastadaptError, match=r"Did you mean 'unitree_go2'"):
        load_task_set(path)


def test_without_the_menagerie_the_sentence_says_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setattr("fastadapt.envs.custom.places.find_spec", lambda name: None)
    path = write(tmp_path)
    path.write_text(path.read_text().replace("mine.xml", "menagerie:unitree_go2"))
    with pytest.raises(FastadaptError, match="pip install mujoco-menagerie"):
        load_task_set(path)


RUN = 'objective = "run-forward"'

ODD = {
    "ball joint": (
        LEGS.replace('<joint name="JOINT" axis="0 1 0" range="-60 60" damping="0.2"/>',
                     '<joint name="JOINT" type="ball"/>').replace(
                         'joint="JOINT" gear="20"', 'joint="JOINT" gear="0 5 0"'), RUN),
    "tendon": (
        CART.replace('<motor name="drive" joint="slide"', '<motor name="drive" tendon="t"').replace(
            "<actuator>", '<tendon><fixed name="t"><joint joint="slide" coef="1"/></fixed></tendon>'
            "<actuator>"), 'objective = "stay-upright"\nroot = "pole"'),
    "muscle": (
        CART.replace('<motor name="drive" joint="slide" gear="20" ctrlrange="-1 1"/>',
                     '<muscle name="drive" joint="slide" ctrlrange="0 1" lengthrange="-1 1"/>'),
        'objective = "stay-upright"\nroot = "pole"'),
    "another free body": (
        LEGS.replace("<worldbody>", '<worldbody><body name="ball" pos="1 0 1"><freejoint/>'
                     '<geom size="0.1"/></body>'), RUN),
    "flying": (
        '<mujoco><worldbody><body name="d" pos="0 0 1"><freejoint/><geom type="box" '
        'size=".1 .1 .02"/><site name="r" pos="0 0 0"/></body></worldbody><actuator>'
        '<motor name="r" site="r" gear="0 0 1 0 0 0" ctrlrange="0 20"/></actuator></mujoco>',
        'objective = "stay-upright"\nfloor = false'),
}  # fmt: skip


@pytest.mark.parametrize("case", ODD)
def test_odd_robots_run(case, tmp_path):
    perturbations = MASS if case == "muscle" else MASS + DEAD
    task_set = load_task_set(write(tmp_path, *ODD[case], perturbations))
    observations, rewards = rolled(task_set)
    assert np.isfinite(observations).all()
    assert np.isfinite(rewards).all()
    if case == "another free body":
        assert task_set.environment.root == "body"
        assert any("ball" in note for note in model_warnings(task_set.environment))


def test_the_entry_of_a_kept_robot_is_readable(tmp_path):
    path = write(tmp_path)
    keep_robot(load_task_set(path).environment, tmp_path / "other.toml")
    entry = json.loads((tmp_path / "other.robot" / "robot.json").read_text())
    assert entry == {"model": "mine.xml"}
