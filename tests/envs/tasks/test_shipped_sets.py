"""Every shipped task set: splits are there, frozen and apart, and tasks can be simulated."""

import json
from importlib.resources import files

import numpy as np
import pytest

from fastadapt.envs import make_batch
from fastadapt.envs.tasks.freeze import freeze_task_set
from tests.support.shipped import NAMES, assert_frozen_alike
from tests.support.shipped import shipped as load

ALL_SPLITS = (
    "train",
    "validation",
    "test_iid",
    "test_interpolation",
    "test_extrapolation_near",
    "test_extrapolation_far",
    "test_held_out_damage",
    "test_compound",
)
FEW_TASKS = {
    "cadm-ant-mass",
    "cadm-cheetah-crippled",
    "cadm-cheetah-mass-damping",
    "cheetah-direction",
    "l2a-ant-crippled-leg",
    "l2a-cheetah-disabled-joint",
    "tmcl-hopper-mass",
}
"""Sets of the literature with so few different tasks that training and test share them."""
UNSEEN = {
    "cheetah-damage-v1": "bthigh",
    "cheetah-struck": "bthigh",
    "quadruped-damage-v1": ("RL_hip", "RL_thigh", "RL_calf"),
    "quadruped-struck": ("RL_hip", "RL_thigh", "RL_calf"),
    "arm-push-damage-v1": "joint3",
    "arm-lift-damage-v1": "joint3",
    "hopper-damage": "thigh_joint",
    "walker2d-damage": "thigh_joint",
    "ant-damage": ("hip_4", "ankle_4", "aux_4", "shin_4"),
    "l2a-cheetah-disabled-joint": "bthigh",
    "l2a-ant-crippled-leg": ("hip_4", "ankle_4", "aux_4", "shin_4"),
    "cadm-cheetah-crippled": ("fshin", "ffoot"),
}
"""What is damaged in no training task, and in every task of the split that holds it out."""
FAULTS = ("weak", "dead", "stuck", "intermittent", "locked", "cut", "severed", "short", "disabled",
          "crippled")  # fmt: skip
GOLDEN = {
    "ant-damage": "5f57674e4ab89476",
    "ant-direction": "01374325e22bc980",
    "ant-dynamics": "530b44cd3eae6ded",
    "ant-goal": "7e569287211f2f31",
    "arm-lift-damage-v1": "2def8c3a35f2ba94",
    "arm-push-damage-v1": "30139b33921f7de1",
    "cadm-ant-mass": "dd39bace259ea660",
    "cadm-cheetah-crippled": "ee561024f869ba60",
    "cadm-cheetah-mass-damping": "85e20793cbe97a30",
    "cheetah-damage-v1": "d68cb332a637e09c",
    "cheetah-direction": "7f0331f33d208572",
    "cheetah-dynamics": "abacc2e0c3dd5255",
    "cheetah-struck": "7283aaae45763c02",
    "cheetah-velocity": "88a36c3fc99e31b9",
    "hopper-damage": "4969951972c4b047",
    "hopper-dynamics": "4ce17429c8790941",
    "l2a-ant-crippled-leg": "24b761b903828c11",
    "l2a-cheetah-disabled-joint": "8a74a66d5821760c",
    "quadruped-damage-v1": "e37348fbf98280fa",
    "quadruped-struck": "d11c8b8781d210c5",
    "rand-param-hopper": "4a99324fb89bd95d",
    "rand-param-walker2d": "e78791d0cc64b0a4",
    "roml-ant-mass": "b0f614a1742269bd",
    "roml-cheetah-mass": "e2f4f80f37e38efd",
    "tmcl-hopper-mass": "358d31fa9fd1d323",
    "walker2d-damage": "7ec4e427a4697aae",
    "walker2d-dynamics": "c64387e41720b6e8",
}
"""Hashes of declarations. A change means that published results are about other tasks: raise the
task set's version."""
STEPS = 50


@pytest.fixture(name="shipped", params=NAMES)
def shipped_set(request):
    return load(request.param)


def frozen_file(name):
    folder = files("fastadapt.assets").joinpath("task_sets")
    return json.loads(folder.joinpath(f"{name}.splits.json").read_text())


def test_splits_have_known_names_and_say_what_they_are(shipped):
    assert [s for s in ALL_SPLITS if s in shipped.splits] == list(shipped.splits)
    assert {"train", "validation", "test_iid"} <= set(shipped.splits)
    assert all(split.description for split in shipped.file.splits.values())
    assert shipped.file.description
    if shipped.name.endswith(("-damage", "-dynamics")):
        assert shipped.splits == ALL_SPLITS


@pytest.mark.parametrize("name", GOLDEN)
def test_declarations_have_not_changed(name):
    assert load(name).hash == GOLDEN[name]


@pytest.mark.parametrize("name", NAMES)
def test_frozen_tasks_are_the_keyed_draws_of_this_declaration(name, tmp_path):
    shipped, frozen = load(name), frozen_file(name)
    assert frozen["hash"] == shipped.hash
    for split in shipped.splits:
        known = shipped.tasks(split)
        drawn = shipped.sample(split, len(known), "frozen")
        vectors = shipped.vectors(drawn)  # but for rounding: see assert_frozen_alike
        np.testing.assert_array_max_ulp(vectors, shipped.vectors(known), 2)
        assert len(known) == shipped.file.splits[split].count
    path = tmp_path / f"{shipped.name}.toml"
    path.write_text(shipped.source)
    assert_frozen_alike(json.loads(freeze_task_set(path).read_text()), frozen)


def test_no_task_is_in_two_splits(shipped):
    ids = [{task.id for task in shipped.tasks(split)} for split in shipped.splits]
    if shipped.name not in FEW_TASKS:
        assert len(set.union(*ids)) == sum(shipped.file.splits[s].count for s in shipped.splits)
        return
    trained = {task.id for task in shipped.sample("train", 500)}
    assert len(trained) <= 25
    for split in set(shipped.splits) & {"test_held_out_damage", "test_compound"}:
        assert not trained & {task.id for task in shipped.tasks(split)}


def drawn(shipped):
    """Return `perturbation.parameter` of all that have a law, or are switches."""
    found = set()
    for perturbation in (block.perturbation for block in shipped.blocks):
        for parameter in perturbation.parameters:
            switch = parameter.name not in type(perturbation).model_fields
            if switch or perturbation.law_of(parameter) is not None:
                found.add(f"{perturbation.name}.{parameter.name}")
    return found


def test_every_parameter_that_is_drawn_varies_in_some_split(shipped):
    vectors = [shipped.vectors(shipped.sample(split, 300)) for split in shipped.splits]
    widths = np.ptp(np.concatenate(vectors), axis=0)
    varied = {n.split("[")[0] for n, width in zip(shipped.names, widths, strict=True) if width}
    assert not drawn(shipped) - varied


@pytest.mark.parametrize("name", [n for n in NAMES if n in UNSEEN])
def test_what_is_held_out_is_never_damaged_in_training(name):
    unseen = (UNSEEN[name],) if isinstance(UNSEEN[name], str) else UNSEEN[name]
    marks = [f"[{target}]" for target in unseen]

    def hit(task):
        return any(n.startswith(FAULTS) and n.endswith(tuple(marks)) for n in task.changes())

    shipped = load(name)
    for split in set(shipped.splits) - {"test_held_out_damage"}:
        if name == "cadm-cheetah-crippled" and split == "test_compound":
            continue  # both of the joints that are held out
        assert not any(hit(task) for task in shipped.sample(split, 300)), split
    assert all(hit(task) for task in shipped.sample("test_held_out_damage", 300))


@pytest.mark.parametrize("name", [n for n in NAMES if n.endswith("-dynamics")])
def test_some_dynamics_are_held_out(name):
    """A kind of it, or a place: parameters that no training task touches."""
    shipped = load(name)
    seen = {n for task in shipped.sample("train", 300) for n in task.changes()}
    assert all(set(task.changes()) - seen for task in shipped.tasks("test_held_out_damage"))


def test_tasks_can_be_simulated(shipped):
    """Some of every split at once: without a blow-up, and nobody fails as soon as it is reset."""
    tasks = [task for split in shipped.splits for task in shipped.tasks(split)[:12]]
    tasks = [shipped.nominal, *{task.id: task for task in tasks}.values()]
    batch = make_batch(shipped, len(tasks), 2)
    batch.set_tasks(tasks)
    observation, _ = batch.reset(seed=0)
    assert np.isfinite(observation).all()
    assert not batch.environment.terminated().any()
    rng = np.random.default_rng(0)
    moving = (np.arange(len(tasks)) % 2)[:, None]  # every second one does nothing
    for t in range(STEPS):
        actions = moving * rng.uniform(-1, 1, batch.action_space.shape)
        observation, reward, terminated, _, info = batch.step(actions)
        assert np.isfinite(observation).all()
        assert np.isfinite(reward).all()
        assert t or not terminated.any()
    assert not info["diverged"].any()
    assert terminated[::2].mean() < 0.5  # most stand for a while when nothing is done
