"""Files of a robot: found as MuJoCo finds them, copied whole, and nothing else is copied."""

import os
import shutil

import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError, load_task_set, make_batch
from fastadapt.envs.custom.factory import keep_robot
from tests.support.own_models import LEGS, write, write_mesh

BOX = '<geom type="box" size="0.2 0.1 0.05" mass="3"/>'
ASSET = '<asset><mesh name="part" file="{}"/></asset>'


def with_mesh(file="part.stl", compiler='meshdir="meshes"'):
    """Return the robot with a mesh as its trunk."""
    head = f"<compiler {compiler}/>{ASSET.format(file)}" if compiler else ASSET.format(file)
    text = LEGS.replace(BOX, '<geom type="mesh" mesh="part" mass="3"/>')
    return text.replace("<worldbody>", f"{head}\n<worldbody>", 1)


def plain_home(home):
    write_mesh(home / "meshes/part.stl")
    return with_mesh()


def linked_folder(home):
    write_mesh(home.parent / "elsewhere/part.stl")
    home.mkdir(parents=True)
    (home / "meshes").symlink_to("../elsewhere")
    return with_mesh()


def linked_file(home):
    write_mesh(home.parent / "elsewhere/a1b2c3")
    (home / "meshes").mkdir(parents=True)
    (home / "meshes/part.stl").symlink_to("../../elsewhere/a1b2c3")
    return with_mesh()


def absolute_folder(home):
    write_mesh(home.parent / "elsewhere/sub/part.stl")
    return with_mesh("sub/part.stl", f'meshdir="{home.parent}/elsewhere"')


def absolute_folder_in_an_include(home):
    write_mesh(home.parent / "elsewhere/part.stl")
    (home / "parts").mkdir(parents=True)
    text = with_mesh(compiler=f'assetdir="{home.parent}/elsewhere"')
    (home / "parts/inner.xml").write_text(text)
    return '<mujoco><include file="parts/inner.xml"/></mujoco>'


def folder_declared_after_an_include(home):
    """The last declaration counts, in the order of the document with its includes."""
    write_mesh(home / "meshes/part.stl")
    write_mesh(home / "wrong/part.stl", 0.3)
    text = with_mesh(compiler='meshdir="wrong"')
    (home / "inner.xml").write_text(text)
    return '<mujoco><include file="inner.xml"/><compiler meshdir="meshes"/></mujoco>'


def absolute_file_below_the_model(home):
    write_mesh(home / "meshes/part.stl")
    return with_mesh(f"{home}/meshes/part.stl")


def stripped_path(home):
    write_mesh(home / "meshes/part.stl")
    return with_mesh("C:\\cad\\part.stl", 'meshdir="meshes" strippath="true"')


def attached(home):
    write_mesh(home / "meshes/part.stl", 0.2)
    write_mesh(home / "child/stl/part.stl")
    child = (
        f'<mujoco><compiler meshdir="stl"/>{ASSET.format("part.stl")}<worldbody><body name="head">'
        '<geom type="mesh" mesh="part" mass="1"/></body></worldbody></mujoco>'
    )
    (home / "child/head.xml").write_text(child)
    text = with_mesh().replace(
        "<asset>", '<asset><model name="head" file="child/head.xml"/>'
    )  # fmt: skip
    attach = (
        '<freejoint/><frame pos="0 0 0.1"><attach model="head" body="head" prefix="h_"/></frame>'
    )
    return text.replace("<freejoint/>", attach)


def crooked_path(home):
    write_mesh(home / "meshes/part.stl")
    return with_mesh("./../meshes//part.stl")


def path_through_its_own_folder(home):
    write_mesh(home / "meshes/part.stl")
    return with_mesh(f"../{home.name}/meshes/part.stl", "")


def parent_folder(home):
    write_mesh(home.parent / "shared/part.stl")
    return with_mesh("../shared/part.stl", "")


HOMES = {
    "plain": plain_home,
    "linked folder": linked_folder,
    "linked file": linked_file,
    "absolute folder": absolute_folder,
    "absolute folder in an include": absolute_folder_in_an_include,
    "folder declared after an include": folder_declared_after_an_include,
    "absolute file below the model": absolute_file_below_the_model,
    "stripped path": stripped_path,
    "attached model": attached,
    "parent folder": parent_folder,
    "crooked path": crooked_path,
    "path through its own folder": path_through_its_own_folder,
}


def moved(path, task_set, tmp_path):
    """Copy a robot away, remove everything else, and load the copy."""
    away = tmp_path / "away" / "task_set.toml"
    away.parent.mkdir()
    shutil.copy(path, away)
    keep_robot(task_set.environment, away)
    for folder in [f for f in tmp_path.iterdir() if f.name != "away"]:
        shutil.rmtree(folder)
    (tmp_path / "away").rename(tmp_path / "machine")
    return load_task_set(tmp_path / "machine/task_set.toml")


def steps_of(task_set):
    batch = make_batch(task_set, 2, 1)
    batch.reset(seed=0)
    return [batch.step(np.ones(batch.action_space.shape))[0] for _ in range(5)]


@pytest.mark.parametrize("case", HOMES)
def test_a_copy_is_whole_and_the_same_robot(case, tmp_path):
    home = tmp_path / "home"
    xml = HOMES[case](home)
    path = write(home, xml)
    before = load_task_set(path)
    assert before.environment.model().nmesh == (2 if case == "attached model" else 1)
    expected = steps_of(before)
    after = moved(path, before, tmp_path)
    assert after.hash == before.hash
    np.testing.assert_array_equal(steps_of(after), expected)


def test_the_place_of_absolute_folders_does_not_count(tmp_path):
    hashes = set()
    for name in ("one", "other"):
        home = tmp_path / name / "home"
        hashes.add(load_task_set(write(home, absolute_folder(home))).hash)
    assert len(hashes) == 1


def test_a_cache_in_which_all_files_are_links(tmp_path):
    home, blobs = tmp_path / "home/snapshots/1", tmp_path / "home/blobs"
    path = write(home, plain_home(home))
    blobs.mkdir()
    for number, file in enumerate([home / "mine.xml", home / "meshes/part.stl"]):
        file.rename(blobs / f"aa{number}")
        file.symlink_to(os.path.relpath(blobs / f"aa{number}", file.parent))
    before = load_task_set(path)
    after = moved(path, before, tmp_path)
    assert after.hash == before.hash
    assert after.environment.model().nmesh == 1


@pytest.mark.parametrize("name", ["mine.mjcf", "mine", "mine.XML", "mine.v2.txt"])
def test_a_model_may_have_any_name(name, tmp_path):
    home = tmp_path / "home"
    path = write(home, plain_home(home))
    (home / "mine.xml").rename(home / name)
    path.write_text(path.read_text().replace("mine.xml", name))
    before = load_task_set(path)
    assert moved(path, before, tmp_path).hash == before.hash


ENCODED = {
    "latin-1 without a declaration": ("<!-- Müller -->\n{}", "latin-1"),
    "latin-1 with a declaration": ('<?xml version="1.0" encoding="ISO-8859-1"?>{}<!-- ü -->',
                                   "latin-1"),
    "another encoding than declared": ('<?xml version="1.0" encoding="utf-8"?>{}<!-- ü -->',
                                       "latin-1"),
    "byte order mark": ("{}<!-- ü -->", "utf-8-sig"),
    "dashes in a comment": ("<!-- left -- right -->{}", "utf-8"),
}  # fmt: skip


@pytest.mark.parametrize("case", ENCODED)
def test_encodings_that_mujoco_reads(case, tmp_path):
    frame, encoding = ENCODED[case]
    home = tmp_path / "home"
    path = write(home)
    (home / "mine.xml").write_bytes(frame.format(LEGS.strip()).encode(encoding))
    mujoco.MjModel.from_xml_path(str(home / "mine.xml"))
    before = load_task_set(path)
    assert before.hash == load_task_set(write(tmp_path / "plain")).hash
    assert moved(path, before, tmp_path).hash == before.hash


def test_names_in_another_encoding_get_one_sentence(tmp_path):
    path = write(tmp_path)
    text = LEGS.replace("front_leg", "vorderfüße")
    (tmp_path / "mine.xml").write_bytes(text.encode("latin-1"))
    with pytest.raises(FastadaptError, match="Save it as UTF-8"):
        load_task_set(path)


TEXTURE = (
    '<asset><texture name="t" type="2d" builtin="checker" width="4" height="4" {}="{}"/></asset>'
)
REFUSED = {
    "ignored file": (TEXTURE.format("fileright", "../secret/id_rsa"), "does not open"),
    "ignored single file": (TEXTURE.format("file", "../secret/id_rsa"), "does not open"),
    "ignored absolute file": (TEXTURE.format("fileback", "{}/secret/id_rsa"), "does not open"),
    "absolute mesh": (ASSET.format("{}/secret/part.stl"), "absolute path"),
    "absolute include": ('<include file="{}/secret/inner.xml"/>', "absolute path"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_copy_must_not_hold_is_refused_by_name(case, tmp_path):
    element, words = REFUSED[case]
    secret = tmp_path / "secret"
    write_mesh(secret / "part.stl")
    (secret / "id_rsa").write_text("PRIVATE KEY")
    (secret / "inner.xml").write_text("<mujoco><size nuserdata='3'/></mujoco>")
    xml = LEGS.replace("<worldbody>", element.replace("{}", str(tmp_path)) + "<worldbody>")
    with pytest.raises(FastadaptError, match=words) as caught:
        load_task_set(write(tmp_path / "home", xml))
    assert "secret/" in str(caught.value)


def test_a_file_that_mujoco_does_not_open_is_not_copied(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home/notes.png").write_text("private")
    xml = LEGS.replace("<worldbody>", TEXTURE.format("fileright", "notes.png") + "<worldbody>")
    path = write(tmp_path / "home", xml)
    keep_robot(load_task_set(path).environment, tmp_path / "kept.toml")
    names = {file.name for file in (tmp_path / "kept.robot").rglob("*")}
    assert names == {"mine.xml", "robot.json"}


@pytest.mark.parametrize("entry", ["", "[]", "{}", '{"model": 3}', '{"model": "../mine.xml"}',
                                   '{"model": "/etc/passwd"}', "[" * 100_000])  # fmt: skip
def test_a_damaged_entry_of_a_copy_gets_one_sentence(entry, tmp_path):
    path = write(tmp_path)
    (tmp_path / "mine.robot").mkdir()
    (tmp_path / "mine.robot/robot.json").write_text(entry)
    with pytest.raises(FastadaptError, match=r"robot\.json' is damaged"):
        load_task_set(path)
