"""Models and files at the edge of what is possible: they run, or one sentence says why not."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError, load_task_set, make_batch
from fastadapt.envs.sanity.facts import model_warnings
from fastadapt.envs.simulation.factory import make_simulation
from tests.support.own_models import CART, LEGS, MASS, write

RUN = 'objective = "run-forward"'
PID = LEGS.replace('<motor joint="hip" gear="20"', '<pid name="m1" joint="hip" kp="20" kv="1"')
MODELS = {
    "two controls": (PID, ["'m1'", "2 controls", 'input="pos"']),
    "timestep 0": (LEGS.replace('timestep="0.005"', 'timestep="0"'), ["timestep"]),
    "timestep nan": (LEGS.replace('timestep="0.005"', 'timestep="nan"'), ["timestep"]),
    "gravity nan": (LEGS.replace('timestep="0.005"', 'gravity="nan 0 0"'), ["gravity"]),
    "attaches itself": (
        LEGS.replace("<worldbody>", '<asset><model file="mine.xml"/></asset><worldbody>'),
        ["attaches itself"]),
}  # fmt: skip
TABLES = {
    "long horizon": ("horizon = 1e308", ["environment.horizon", "1000000 control steps"]),
    "long control step": ("control_step = 1e308", ["environment.control_step", "10000 time steps"]),
    "control step of days": ("control_step = 1e6", ["environment.control_step"]),
    "tiny timestep": ("timestep = 1e-320", ["environment.control_step", "10000 time steps"]),
    "small timestep": ("timestep = 1e-9\ncontrol_step = 1.0", ["environment.control_step"]),
    "quaternion": ("pose = { body = [0, 0, 0, 0, 0, 0, 0] }", ["quaternion of joint 'body' is 0"]),
}  # fmt: skip
PATHS = {
    "~nosuchuser/x.xml": "nosuchuser",
    "package:__main__/x": "'__main__' has no folder of files",
    "a" * 5000: "is not a path",
    "a\\u0000b": "There is no model",
}


def refused(path):
    with pytest.raises(FastadaptError) as caught:
        make_batch(load_task_set(path), 1, 1)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("case", MODELS)
def test_a_model_that_cannot_run(case, tmp_path):
    xml, expected = MODELS[case]
    words = refused(write(tmp_path, xml))
    assert all(word in words for word in expected), words


@pytest.mark.parametrize("case", TABLES)
def test_a_table_out_of_bounds(case, tmp_path):
    declared, expected = TABLES[case]
    words = refused(write(tmp_path, environment=f"{RUN}\n{declared}"))
    assert all(word in words for word in expected), words


@pytest.mark.parametrize("name", PATHS)
def test_a_path_that_none_can_be(name, tmp_path):
    path = write(tmp_path)
    path.write_text(path.read_text().replace("mine.xml", name))
    assert PATHS[name] in refused(path)


TEXTS = {
    "deep": "x = " + "[" * 5000 + "]" * 5000,
    "digits": "version = " + "1" * 5000,
}


@pytest.mark.parametrize("case", TEXTS)
def test_toml_that_python_cannot_hold(case, tmp_path):
    (tmp_path / "mine.toml").write_text(TEXTS[case])
    words = refused(tmp_path / "mine.toml")
    assert "is not valid TOML" in words
    assert len(words) < 1000


def test_thousands_of_perturbations_are_refused_before_they_are_read(tmp_path):
    many = "".join(MASS.replace('"mass"', f'"mass{i}"', 1) for i in range(3000))
    words = refused(write(tmp_path, perturbations=many))
    assert "3000 perturbations are more than 256" in words


MODULES = {
    "exit": ("import sys\nsys.exit(0)", "SystemExit"),
    "error": ("1 / 0", "ZeroDivisionError"),
    "spec": (
        "from fastadapt.envs.objectives.run_forward import RunForward\n"
        "class Mine(RunForward):\n    @staticmethod\n    def spec():\n        1 / 0",
        "division by zero"),
}  # fmt: skip


@pytest.mark.parametrize("case", MODULES)
def test_a_module_that_cannot_be_imported(case, tmp_path):
    content, expected = MODULES[case]
    path = write(tmp_path)
    (tmp_path / "mine.py").write_text(content)
    path.write_text(
        path.read_text().replace('model = "mine.xml"\nobjective = "run-forward"',
                                 'class = "mine:Mine"')
    )  # fmt: skip
    assert expected in refused(path)


def test_sleep_is_switched_off_with_a_note(tmp_path):
    xml = LEGS.replace('timestep="0.005"/>', 'timestep="0.005"><flag sleep="enable"/></option>')
    task_set = load_task_set(write(tmp_path, xml))
    batch = make_batch(task_set, 2, 1)
    batch.reset(seed=0)
    batch.step(np.zeros(batch.action_space.shape))
    assert any("sleep" in note for note in model_warnings(task_set.environment))


def test_a_batch_that_cannot_have_a_feature_says_so():
    xml = CART.replace("<worldbody>", '<option><flag sleep="enable"/></option><worldbody>', 1)
    with pytest.raises(FastadaptError, match="cannot be simulated in a batch"):
        make_simulation(mujoco.MjModel.from_xml_string(xml), 2, num_threads=1)
