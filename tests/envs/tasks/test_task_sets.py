"""The shipped task sets: frozen splits, hashes, and what each split promises."""

import json
import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest

from fastadapt.envs import FastadaptError, list_task_sets, load_task_set
from fastadapt.envs.tasks.freeze import freeze_task_set
from fastadapt.envs.tasks.frozen import read_frozen, splits_path
from fastadapt.envs.tasks.task_set import TaskSet
from tests.support.declared import constant, declare, with_values
from tests.support.shipped import assert_frozen_alike

# Content hashes of (the nominal task, the first training task, the declaration). A change means
# that published results are about other tasks: raise the task set's version.
GOLDEN = {
    "cheetah-damage": ("cbb06123aa8a", "03d3528050de", "07ef671dcb90a6dc"),
    "reacher-damage": ("9a6e2a5b5ed8", "0eba9a8d547c", "aee21b9e58d623e1"),
}
HELD_OUT = {"cheetah-damage": "bthigh", "reacher-damage": "joint2"}
DAMAGE = ("weak.strength", "dead.dead", "locked.locked")


def frozen_file(name):
    return json.loads(
        files("fastadapt.assets").joinpath(f"task_sets/{name}.splits.json").read_text()
    )


def column(task_set, tasks, name):
    return task_set.vectors(tasks)[:, task_set.names.index(name)]


def damaged(task):
    """Return the joints that are weak, dead or locked in a task, one entry for each fault."""
    return [n[n.index("[") + 1 : -1] for n in task.changes() if n.startswith(DAMAGE)]


def test_all_shipped_task_sets_are_here():
    assert set(GOLDEN) == set(HELD_OUT) <= set(list_task_sets())  # all: test_shipped_sets


def test_ids_are_content_hashes(task_set):
    found = (task_set.nominal.id, task_set.tasks("train")[0].id, task_set.hash)
    assert found == GOLDEN[task_set.name]


def test_ids_are_the_same_in_every_process(task_set):
    code = (
        "from fastadapt.envs import load_task_set as load\n"
        f"s = load({task_set.name!r}); print(s.nominal.id, s.tasks('train')[0].id, s.hash)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert tuple(run.stdout.split()) == GOLDEN[task_set.name]


def test_equal_values_have_equal_ids_and_others_have_others(task_set):
    once, again = task_set.sample("train", 50, 1), task_set.sample("train", 50, 1)
    assert [task.id for task in once] == [task.id for task in again]
    assert once == again
    assert len({task.id for task in once}) == 50
    same = with_values(task_set)
    assert same.id == task_set.nominal.id
    name = task_set.names[0].replace(".", "__").replace("[", "__").rstrip("]")
    nudged = with_values(task_set, **{name: np.nextafter(task_set.nominal.values[0], 2)})
    assert nudged.id != same.id


def test_frozen_tasks_are_the_keyed_draws(task_set):
    for split in task_set.splits:
        frozen = task_set.tasks(split)
        drawn = task_set.sample(split, len(frozen), "frozen")
        vectors = task_set.vectors(drawn)  # but for rounding: see assert_frozen_alike
        np.testing.assert_array_max_ulp(vectors, task_set.vectors(frozen), 2)


def test_the_frozen_file_fits_its_declaration(task_set):
    frozen = frozen_file(task_set.name)
    assert frozen["hash"] == task_set.hash
    assert frozen["task_set"] == task_set.id
    assert tuple(frozen["names"]) == task_set.names
    assert {s: len(v) for s, v in frozen["splits"].items()} == {
        s: task_set.file.splits[s].count for s in task_set.splits
    }


def test_frozen_tasks_of_another_declaration_are_refused(task_set):
    other = {**frozen_file(task_set.name), "hash": "0" * 16}
    with pytest.raises(FastadaptError, match=r"another version.*fastadapt freeze"):
        TaskSet(task_set.file, "", other).tasks("train")


def test_freezing_again_gives_the_shipped_file(task_set, tmp_path):
    path = tmp_path / f"{task_set.name}.toml"
    path.write_text(task_set.source)
    assert_frozen_alike(json.loads(freeze_task_set(path).read_text()), frozen_file(task_set.name))


@pytest.fixture
def own_set(tmp_path):
    """Return the path to a declaration of one's own with frozen tasks beside it."""
    shipped = files("fastadapt.assets").joinpath("task_sets/reacher-damage.toml").read_text()
    path = tmp_path / "mine.toml"
    path.write_text(shipped)
    freeze_task_set(path)
    return path


def changed(path, change):
    """Change the content of the frozen tasks beside a declaration."""
    file = splits_path(path)
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content["splits"]["test_iid"][0].__setitem__(0, 1.25),
        lambda content: content["splits"]["test_iid"][0].__setitem__(0, None),
        lambda content: content["splits"].update(test_iid=content["splits"]["test_iid"][:1]),
        lambda content: content["splits"].pop("test_iid"),
        lambda content: content["names"].reverse(),
        lambda content: content.pop("names"),
        lambda content: content.clear(),
    ],
)
def test_frozen_tasks_that_were_changed_are_refused(own_set, change):
    assert load_task_set(own_set).tasks("test_iid")
    changed(own_set, change)
    with pytest.raises(FastadaptError, match=r"'mine.splits.json' was edited or corrupted"):
        load_task_set(own_set)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"7", b"\xff\xfe"])
def test_a_damaged_file_of_frozen_tasks_is_refused(own_set, text):
    splits_path(own_set).write_bytes(text)
    with pytest.raises(FastadaptError, match="Restore it from version control"):
        load_task_set(own_set)


def test_frozen_tasks_of_earlier_versions_are_checked_for_what_they_say(own_set):
    changed(own_set, lambda content: content.pop("digest"))
    assert load_task_set(own_set).tasks("test_iid")
    few = json.loads(splits_path(own_set).read_text())["splits"]["test_iid"][:3]
    changed(own_set, lambda content: content["splits"].update(test_iid=few))
    with pytest.raises(FastadaptError, match=r"'test_iid' has 3 of 40 tasks"):
        load_task_set(own_set).tasks("test_iid")
    changed(own_set, lambda content: content["splits"].update(test_iid=[[float("nan")]]))
    with pytest.raises(FastadaptError, match="was edited or corrupted"):
        load_task_set(own_set)


def test_shipped_frozen_tasks_are_as_they_were_written():
    for name in list_task_sets():
        file = files("fastadapt.assets").joinpath(f"task_sets/{name}.splits.json")
        assert "digest" in (read_frozen(file) or {}), name


def test_a_task_is_a_function_of_seed_split_and_number(task_set):
    whole = task_set.sample("train", 20, 5)
    assert task_set.sample("train", 7, 5, start=9) == whole[9:16]
    assert task_set.sample("train", 1, 5, start=19) == whole[19:]
    assert task_set.sample("train", 20, np.int64(5)) == whole
    for other in (task_set.sample("train", 20, 6), task_set.sample("test_iid", 20, 5)):
        assert not {t.id for t in other} & {t.id for t in whole}


def test_no_task_is_in_two_splits(task_set):
    ids = [task.id for split in task_set.splits for task in task_set.tasks(split)]
    assert len(set(ids)) == len(ids)
    trained_on = {task.id for seed in range(5) for task in task_set.sample("train", 200, seed)}
    assert not trained_on & set(ids)


def test_held_out_damage_never_occurs_in_training(task_set):
    joint = HELD_OUT[task_set.name]
    for split in set(task_set.splits) - {"test_held_out_damage"}:
        assert all(joint not in damaged(task) for task in task_set.sample(split, 500)), split
    for task in task_set.sample("test_held_out_damage", 500):
        assert damaged(task) == [joint]


def test_training_has_no_more_than_one_fault_and_sometimes_none(task_set):
    faults = [damaged(task) for task in task_set.sample("train", 2000)]
    counts = np.bincount([len(f) for f in faults], minlength=2) / len(faults)
    assert counts == pytest.approx([0.1, 0.9], abs=0.03)
    joints = {f[0] for f in faults if f}
    lockable = set(task_set.environment.lockable)
    assert joints == lockable - {HELD_OUT[task_set.name]}


def test_each_kind_of_damage_occurs_equally_often(task_set):
    tasks = task_set.sample("train", 3000)
    kinds = [
        next((n.split(".")[0] for n in t.changes() if n.startswith(DAMAGE)), "") for t in tasks
    ]
    shares = [kinds.count(kind) / len(kinds) for kind in ("weak", "dead", "locked")]
    assert shares == pytest.approx([0.3] * 3, abs=0.03)


def test_compound_damage_strikes_two_joints(task_set):
    for task in task_set.sample("test_compound", 300):
        assert len(damaged(task)) == len(set(damaged(task))) == 2


# Of each split: what lies strictly within it. Training leaves holes; the others stay outside.
RANGES = {
    "cheetah-damage": [
        ("train", "torso_mass.scale[torso]", [(0.5, 1.25), (1.5, 2.0)]),
        ("train", "ground_friction.scale", [(0.4, 0.7), (0.9, 2.0)]),
        ("train", "limb_mass.scale[bshin]", [(0.5, 2.0)]),
        ("test_iid", "torso_mass.scale[torso]", [(0.5, 1.25), (1.5, 2.0)]),
        ("test_interpolation", "torso_mass.scale[torso]", [(1.25, 1.5)]),
        ("test_interpolation", "ground_friction.scale", [(0.7, 0.9)]),
        ("test_extrapolation_near", "torso_mass.scale[torso]", [(0.35, 0.5), (2.0, 2.83)]),
        ("test_extrapolation_near", "limb_mass.scale[ffoot]", [(0.35, 0.5), (2.0, 2.83)]),
        ("test_extrapolation_near", "ground_friction.scale", [(0.27, 0.4), (2.0, 2.99)]),
        ("test_extrapolation_far", "torso_mass.scale[torso]", [(0.25, 0.36), (2.83, 4.0)]),
        ("test_extrapolation_far", "ground_friction.scale", [(0.18, 0.27), (2.99, 4.47)]),
        ("test_compound", "ground_friction.scale", [(0.4, 0.7)]),
    ],
    "cheetah-damage-encoders": [
        ("train", "encoder.offset[bthigh]", [(-0.4, 0.4)]),
        ("test_iid", "encoder.offset[fthigh]", [(-0.4, 0.4)]),
        ("test_held_out_damage", "encoder.offset[bfoot]", [(-0.4, 0.4)]),
        ("test_extrapolation_near", "encoder.offset[ffoot]", [(-0.5, -0.4), (0.4, 0.5)]),
        ("test_extrapolation_far", "encoder.offset[fshin]", [(-0.6, -0.5), (0.5, 0.6)]),
    ],
    "reacher-damage": [
        ("train", "object.mass[object]", [(0.0, 0.4), (0.6, 1.0)]),
        ("train", "friction.torque[joint3]", [(0.0, 1.5)]),
        ("test_interpolation", "object.mass[object]", [(0.4, 0.6)]),
        ("train", "camera.offset[goal - tip x]", [(-0.06, 0.06)]),
        ("test_extrapolation_near", "object.mass[object]", [(1.0, 1.33)]),
        ("test_extrapolation_far", "friction.torque[joint1]", [(2.0, 2.5)]),
        ("test_compound", "object.mass[object]", [(0.6, 1.0)]),
    ],
}


@pytest.mark.parametrize(
    ("name", "split", "parameter", "intervals"),
    [(name, *row) for name, rows in RANGES.items() for row in rows],
)
def test_values_stay_in_the_intervals_of_the_split_and_fill_them(name, split, parameter, intervals):
    task_set = load_task_set(name)
    values = column(task_set, task_set.sample(split, 500), parameter)
    inside = [(low <= values) & (values <= high) for low, high in intervals]
    assert np.any(inside, axis=0).all()
    for (low, high), mask in zip(intervals, inside, strict=True):
        assert values[mask].min() < low + 0.1 * (high - low)
        assert values[mask].max() > high - 0.1 * (high - low)  # the upper end is reached too


def test_context_of_training_tasks_fills_the_unit_cube(task_set):
    context = task_set.context(task_set.sample("train", 2000))
    assert np.abs(context).max() <= 1 + 1e-12
    drawn = [i for i, n in enumerate(task_set.names) if HELD_OUT[task_set.name] not in n]
    width = np.ptp(context[:, drawn], axis=0)
    assert (width > 1).all()


def test_context_beyond_training_is_beyond_the_unit_cube(cheetah):
    far = cheetah.context(cheetah.sample("test_extrapolation_far", 20))
    assert (np.abs(far[:, cheetah.names.index("torso_mass.scale[torso]")]) > 1).all()


def test_context_by_hand(cheetah, reacher):
    at = cheetah.names.index("torso_mass.scale[torso]")
    values = [0.5, 1.0, 2.0, 2.0**0.5]
    tasks = [with_values(cheetah, torso_mass__scale__torso=v) for v in values]
    np.testing.assert_allclose(cheetah.context(tasks)[:, at], [-1, 0, 1, 0.5], atol=1e-12)
    np.testing.assert_array_equal(cheetah.context(tasks[2]), cheetah.context(tasks)[2])
    at = reacher.names.index("object.mass[object]")
    assert reacher.context(with_values(reacher, object__mass__object=0.75))[at] == 0.5


def test_nominal_changes_nothing_and_says_so(task_set):
    assert task_set.nominal.changes() == {}
    assert str(task_set.nominal).endswith(": nominal")
    task = task_set.tasks("train")[0]
    assert all(f"{name} = " in str(task) for name in task.changes())


def test_layout_of_names_and_units(task_set):
    assert len(task_set.names) == len(task_set.units) == len(task_set.nominal.values)
    assert len(set(task_set.names)) == len(task_set.names)


def test_onset_is_a_parameter_of_the_task(cheetah):
    declared = declare(
        "cheetah",
        {"name": "it", "kind": "dead-actuator", "targets": ["bfoot", "ffoot"], "strike": 1,
         "onset": {"law": "uniform", "low": 2.0, "high": 4.0}},
    )  # fmt: skip
    assert declared.names == ("it.dead[bfoot]", "it.dead[ffoot]", "it.onset")
    assert declared.units == ("-", "-", "s")
    vectors = declared.vectors(declared.sample("train", 100))
    assert (vectors[:, :2].sum(axis=1) == 1).all()
    assert 2.0 <= vectors[:, 2].min() < 2.2
    assert 3.8 < vectors[:, 2].max() <= 4.0


def test_weights_and_strikes_of_a_group():
    members = [
        {"name": n, "kind": "dead-actuator", "targets": ["*"], "group": "g", "weight": w,
         "strike": s}
        for n, w, s in (("a", 1.0, 1), ("b", 3.0, 2), ("c", 0.0, 1))
    ]  # fmt: skip
    task_set = declare("cheetah", *members, groups={"g": {"strike": 1, "none": 4.0}})
    vectors = task_set.vectors(task_set.sample("train", 4000)).reshape(4000, 3, 6).sum(axis=2)
    assert set(vectors[:, 0]) == {0, 1}
    assert set(vectors[:, 1]) == {0, 2}
    assert not vectors[:, 2].any()
    shares = np.mean(vectors > 0, axis=0)
    assert shares == pytest.approx([1 / 8, 3 / 8, 0], abs=0.03)
    assert not ((vectors[:, 0] > 0) & (vectors[:, 1] > 0)).any()


def test_a_split_may_not_be_unknown(task_set):
    with pytest.raises(FastadaptError, match=r"'test_idd'. Did you mean 'test_iid'\?"):
        task_set.tasks("test_idd")
    with pytest.raises(FastadaptError, match="ask for at least 1"):
        task_set.sample("train", 0)


def test_one_law_for_all_targets_or_one_each():
    weak = {"name": "it", "kind": "weak-actuator", "targets": ["*"],
            "strength": {"law": "uniform", "low": 0.1, "high": 0.9}}  # fmt: skip
    each = declare("cheetah", weak).sample("train", 1)[0]
    shared = declare("cheetah", {**weak, "shared": True})
    assert len(set(each.values)) == 6
    assert shared.names == ("it.strength",)
    assert constant(1.0)["value"] == shared.nominal.values[0]
