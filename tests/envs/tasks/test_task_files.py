"""Task-set files: good ones load; of bad ones the message names what is wrong and the way out."""

import numpy as np
import pytest

from fastadapt.envs import FastadaptError, load_task_set, make_batch

GOOD = """\
name = "mine"
version = 0
environment = "cheetah"

[groups.damage]
strike = 1

[[perturbations]]
name = "torso_mass"
kind = "mass"
targets = ["torso"]
scale = { law = "log-uniform", low = 0.5, high = 2.0 }

[[perturbations]]
name = "weak"
kind = "weak-actuator"
group = "damage"
targets = ["?foot", "?shin"]
among = ["bfoot", "ffoot"]
strike = 1
strength = { law = "uniform", low = 0.2, high = 0.7 }

[[perturbations]]
name = "ground"
kind = "contact-friction"
targets = ["?foot"]
against = ["floor"]
scale = { law = "constant", value = 0.5 }

[splits.train]
count = 10

[splits.test_far]
count = 5
[splits.test_far.perturbations]
torso_mass.scale = { law = "uniform", low = 2.0, high = 3.0 }
"""
SCALE = 'scale = { law = "log-uniform", low = 0.5, high = 2.0 }'
NORMAL = 'scale = { law = "truncated-normal", mean = 1, std = 1, low = 0.5, high = 2 }'
FAR = 'torso_mass.scale = { law = "uniform", low = 2.0, high = 3.0 }'
SPLITS = GOOD[GOOD.index("[splits.train]") :]

# What is replaced by what, and what the message must contain.
BAD = {
    "no TOML": ("version = 0", "version =", ["mine.toml is not valid TOML", "line 2"]),
    "empty": (GOOD, "", ["name is missing", "splits is missing"]),
    "name": ('"mine"', '"My Set"', ["lower-case letters, digits and hyphens", "'My Set'"]),
    "version": ("version = 0", 'version = "new"', ["version must be a whole number, not 'new'"]),
    "key at the top": ("version", "verison", ["version is missing", "'verison'", "'version'?"]),
    "environment": ('"cheetah"', '"cheeta"', ["no environment 'cheeta'", "'cheetah'?", "reacher"]),
    "kind": ('"mass"', '"mas"', ["'torso_mass': There is no kind 'mas'", "'mass'?", "payload"]),
    "no kind": ('kind = "mass"\n', "", ["'torso_mass' does not say its kind", "mass, motor"]),
    "no name": ('name = "weak"\n', "", ["perturbation number 2: name is missing"]),
    "perturbation name": ('"weak"', '"Weak"', ["digits and underscores", "'Weak'"]),
    "key": ('targets = ["torso"]', 'target = ["torso"]', ["no key 'target'", "'targets'?"]),
    "key of another kind": ("strength", "scale", ["no key 'scale'", "strength"]),
    "law": ("log-uniform", "log-unifrom", ["scale: There is no law", "'log-uniform'?", "choice"]),
    "no law": ('law = "log-uniform", ', "", ["scale does not say its law", "log-uniform"]),
    "number for a law": (SCALE, "scale = 2", ["scale must be a table such as", "not 2"]),
    "no parameter": (SCALE, "", ["'torso_mass': scale is missing"]),
    "key of a law": ("low = 0.5", "lo = 0.5", ["scale: There is no key 'lo'", "'low'?"]),
    "text for a number": ("low = 0.5", 'low = "a"', ["scale.low must be a number, not 'a'"]),
    "nan": ("low = 0.5", "low = nan", ["scale.low must be a finite number"]),
    "negative mass": ("low = 0.5", "low = -1", ["scale.low: low = -1.0 must be positive"]),
    "no mass": (SCALE, SCALE.replace("log-uniform", "uniform").replace("0.5", "0"),
                ["'torso_mass': scale from 0 to 2 is not possible", "0.01 to 100 [x]"]),
    "negative force": ("low = 0.2", "low = -0.2", ["'weak': strength from -0.2", "0 to 10"]),
    "low above high": ("low = 0.5", "low = 5", ["scale: low = 5.0 must be smaller than high = 2"]),
    "target": ('["torso"]', '["tosro"]', ["'torso_mass': There is no body 'tosro'", "'torso'?"]),
    "pattern": ('["?foot", "?shin"]', '["x*"]', ["'weak': There is no actuator 'x*'", "bthigh"]),
    "one target": ('["torso"]', '"torso"', ["targets must be a list, not 'torso'"]),
    "no targets": ('["torso"]', "[]", ["targets must have at least 1 entry"]),
    "against": ('["floor"]', '["flor"]', ["'ground': There is no geom 'flor'", "'floor'?"]),
    "among": ('["bfoot", "ffoot"]', '["bfot"]', ["eligible (or among): There is", "'bfoot'?"]),
    "among others": ('["bfoot", "ffoot"]', '["bthigh"]', ["no target 'bthigh'", "bfoot, bshin"]),
    "strike": ("strike = 1\nstrength", "strike = 3\nstrength", ["strike) = 3 is more than the 2"]),
    "strike none": ("strike = 1\nstrength", "strike = 0\nstrength", ["strike must be at least 1"]),
    "shared strike": ("among = [", "shared = true\namong = [", ["'weak': a shared value affects"]),
    "twice": ('"weak"', '"torso_mass"', ["two perturbations are called 'torso_mass'"]),
    "truncated order": (SCALE, NORMAL.replace("low = 0.5", "low = 3"), ["scale: low = 3.0 must"]),
    "truncated std": (SCALE, NORMAL.replace("std = 1", "std = 0"), ["std must be greater than 0"]),
    "truncated reach": (SCALE, NORMAL.replace("mean = 1", "mean = 99"), ["out of reach of mean"]),
    "truncated key": (SCALE, NORMAL.replace("std", "sd"), ["'sd'", "'std'?"]),
    "onset": (SCALE, 'onset = { law = "constant", value = -1 }\n' + SCALE, ["onset must not be"]),
    "group of none": ("[groups.damage]", "[groups.damge]", ["'damge'", "'damage'?"]),
    "key of a group": ("strike = 1\n\n", "strik = 1\n\n", ["damage", "'strik'", "'strike'?"]),
    "group strike": ("strike = 1\n\n", "strike = 2\n\n", ["strike) = 2 is more than the 1"]),
    "no train": ("splits.train", "splits.trian", ["[splits.train] is missing", "trian, test_far"]),
    "no splits": (SPLITS, "", ["splits is missing"]),
    "count": ("count = 5", "count = 0", ["splits.test_far.count must be at least 1, not 0"]),
    "key of a split": ("count = 5", "cuont = 5", ["splits.test_far: ", "'cuont'", "'count'?"]),
    "unknown in a split": (FAR, FAR.replace("mass", "mas"), ["'torso_mas'", "'torso_mass'?"]),
    "split parameter": (FAR, FAR.replace("scale", "scal"), ["test_far", "'scal'", "'scale'?"]),
    "split law": (FAR, FAR.replace("uniform", "unifrm"), ["'torso_mass': scale", "'uniform'?"]),
    "split range": (FAR, FAR.replace("3.0", "300"), ["test_far", "from 2 to 300 is not possible"]),
    "split order": (FAR, FAR.replace("3.0", "1.0"), ["test_far", "must be smaller"]),
    "split targets": (FAR, 'torso_mass.targets = ["bfoot"]', ["'targets'", "among, count"]),
    "split onset": (FAR, 'torso_mass.onset = { law = "constant", value = 1 }', ["'onset'"]),
    "split among": (FAR, 'weak.among = ["torso"]', ["(or among): There is no target 'torso'"]),
    "split strike": (FAR, "weak.strike = 'z'",
                     ["splits.test_far: perturbation 'weak': strike must be a whole number"]),
    "train strike": (SPLITS, SPLITS[SPLITS.index("[splits.test_far]"):] + """
[splits.train]
count = 10
[splits.train.perturbations]
weak.strike = 'z'
""", ["splits.train: perturbation 'weak': strike must be a whole number"]),
    "split of no table": (FAR, "torso_mass = 3", ["torso_mass must be a table, not 3"]),
    "split group": (FAR, "[splits.test_far.groups.damge]", ["test_far.groups", "'damage'?"]),
}  # fmt: skip


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    return path


@pytest.mark.parametrize("name", BAD)
def test_of_a_bad_file_the_message_says_what_is_wrong(file, name):
    old, new, expected = BAD[name]
    assert old in GOOD
    file.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(FastadaptError) as caught:
        load_task_set(file)
    message = str(caught.value)
    assert message.startswith(str(file))
    assert "\n" not in message
    for words in expected:
        assert words in message
    for jargon in ("validation", "pydantic", "Input should", "discriminator", "uple"):
        assert jargon not in message


def test_a_good_file_loads_and_runs(file):
    task_set = load_task_set(file)
    assert task_set.id == "mine-v0"
    assert task_set.splits == ("train", "test_far")
    assert [len(task_set.tasks(split)) for split in task_set.splits] == [10, 5]
    assert task_set.tasks("train") == load_task_set(str(file)).tasks("train")
    batch = make_batch(task_set, 5, 1)
    batch.set_tasks(task_set.tasks("test_far"))
    batch.reset(seed=0)
    mass = batch.sim.field("body_mass")[:, 1] / batch.sim.model.body_mass[1]
    assert ((mass >= 2) & (mass <= 3)).all()
    assert np.isfinite(batch.step(np.ones((5, 6)))[0]).all()


def test_the_hash_follows_the_content_and_not_the_layout(file):
    before = load_task_set(file)
    file.write_text("# a comment\n" + GOOD.replace("count = 10", "count    = 10"))
    assert load_task_set(file).hash == before.hash
    file.write_text(GOOD.replace("high = 2.0", "high = 2.5"))
    after = load_task_set(file)
    assert after.hash != before.hash
    assert {t.id for t in after.sample("train", 9)}.isdisjoint(
        {t.id for t in before.sample("train", 9)}
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cheetah-damge", ["no task set 'cheetah-damge'", "'cheetah-damage'?", ".toml file"]),
        ("somewhere/nothing.toml", ["Cannot read", "nothing.toml", "No such file"]),
    ],
)
def test_of_an_unknown_task_set_the_nearest_is_named(name, expected):
    with pytest.raises(FastadaptError) as caught:
        load_task_set(name)
    assert all(words in str(caught.value) for words in expected)


def test_a_file_that_is_no_text(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FastadaptError, match="Cannot read the task-set file"):
        load_task_set(path)
