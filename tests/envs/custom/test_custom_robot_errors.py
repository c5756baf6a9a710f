"""Errors in a custom robot, or in the table that declares it, get one sentence."""

import pytest

from fastadapt.envs import FastadaptError, load_task_set, make_batch
from tests.support.own_models import LEGS, write

# What is replaced by what in the file or in the model, and what the message must contain.
RUN = 'objective = "run-forward"'
BAD_TABLES = {
    "no objective": ("", ["environment.objective is missing", "reach-site", "class ="]),
    "objective": ('objective = "run-foward"', ["'run-foward'", "Did you mean 'run-forward'?"]),
    "key": (f"{RUN}\nhorizn = 3", ["'horizn'", "Did you mean 'horizon'?"]),
    "key of another objective": (f'{RUN}\nsite = "toe"', ["'site'", "healthy_height"]),
    "servo key": (f'{RUN}\nservos = [{{ joints = ["*"], kp = 1, kv = 1 }}]', ["'kv'", "kd"]),
    "servo joints": (f'{RUN}\nservos = [{{ joints = ["knee"], kp = 1 }}]', ["'knee'", "hip"]),
    "text": (f'{RUN}\nhorizon = "long"', ["environment.horizon", "number", "'long'"]),
    "negative": (f"{RUN}\nhorizon = -1", ["environment.horizon", "greater than 0", "-1"]),
    "scale": (f'{RUN}\naction_scale = "big"', ["environment.action_scale must be a positive"]),
    "step": (f"{RUN}\ncontrol_step = 0.007", ["0.007 s is no multiple", "0.005 s", "nearest"]),
    "root": (f'{RUN}\nroot = "leg"', ["'leg'", "front_leg"]),
    "keyframe": (f'{RUN}\nkeyframe = "home"', ["no keyframe 'home'"]),
    "pose": (f"{RUN}\npose = {{ hipp = 1.0 }}", ["'hipp'", "Did you mean 'hip'?"]),
    "pose length": (f"{RUN}\npose = {{ body = 1.0 }}", ["7 positions, not 1"]),
    "weights": (f"{RUN}\nweights = {{ foward = 1.0 }}", ["Did you mean 'forward'?"]),
    "joints": (f'{RUN}\njoints = ["knee*"]', ["environment.joints", "'knee*'", "hip"]),
    "lockable": (f'{RUN}\nlockable = ["knee"]', ["environment.lockable", "'knee'"]),
    "feet": (f'{RUN}\nfeet = ["foot"]', ["environment.feet", "no geom 'foot'"]),
    "remove": (f'{RUN}\nremove = ["front_lag"]', ["Did you mean 'front_leg'?"]),
    "site": ('objective = "reach-site"\nsite = "tool"', ["no site 'tool'", "toe"]),
    "no site": ('objective = "reach-site"', ["environment.site is missing"]),
    "object": ('objective = "bring-object"\nsite = "toe"\nobject = "front_leg"', ["no free joint"]),
    "no table": ("\n[environment.x]", ["environment"]),
}  # fmt: skip
IMPOSSIBLE = 'pos="0 0 0" mass="3" diaginertia="1 1 9"'
BAD_MODELS = {
    "no XML": ("<mujoco>", "not valid XML"),
    "element": (LEGS.replace("<freejoint/>", "<freejiont/>"), "freejiont"),
    "inertia": (LEGS.replace('mass="3"/>', f'/><inertial {IMPOSSIBLE}/>'),
                "inertia must satisfy A + B >= C"),
    "massless": (LEGS.replace('mass="3"', 'mass="0"'), "mass and inertia of moving bodies"),
    "mesh": (LEGS.replace('type="box" size="0.2 0.1 0.05"', 'type="mesh" mesh="x"'), "mesh 'x'"),
    "no actuators": (LEGS[: LEGS.index("<actuator>")] + "</mujoco>", "has no actuators"),
    "no range": (LEGS.replace('ctrlrange="-1 1"', ""), "has no ctrlrange"),
    "fixed": (LEGS.replace("<freejoint/>", ""), "cannot leave its place"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_TABLES)
def test_of_a_bad_table_one_sentence_says_what_is_wrong(case, tmp_path):
    environment, expected = BAD_TABLES[case]
    path = write(tmp_path, environment=environment)
    with pytest.raises(FastadaptError) as caught:
        make_batch(load_task_set(path), 1, 1)
    assert all(words in str(caught.value) for words in expected), caught.value
    assert "\n" not in str(caught.value)
    assert "mine.toml" in str(caught.value) or case in ("site", "object")


@pytest.mark.parametrize("case", BAD_MODELS)
def test_of_a_bad_model_one_sentence_says_what_is_wrong(case, tmp_path):
    xml, expected = BAD_MODELS[case]
    with pytest.raises(FastadaptError) as caught:
        load_task_set(write(tmp_path, xml))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("mien.xml", ["no model 'mien.xml'", "mine.xml"]),
        ("package:gym_quadrupeds/go2.xml", ["'gym_quadrupeds', which is not installed", "pip"]),
        ("package:gymnasium/envs/mujoco/assets/antt.xml", ["no file", "ant.xml"]),
    ],
)
def test_of_a_missing_model_the_sentence_says_where_to_get_it(model, expected, tmp_path):
    path = write(tmp_path)
    path.write_text(path.read_text().replace("mine.xml", model))
    with pytest.raises(FastadaptError) as caught:
        load_task_set(path)
    assert all(words in str(caught.value) for words in expected)
