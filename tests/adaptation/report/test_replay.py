"""Replays: one small offline page with the right poses, colours and labels."""

import base64
import re
import threading

import msgspec
import numpy as np
import pytest
import zstandard

from fastadapt.adaptation.report.replays.replay import Lane, shown_lags, write_replay
from fastadapt.envs import find_environment
from fastadapt.envs.model.marks import Mark
from fastadapt.errors import FastadaptError

CHEETAH = find_environment("cheetah")
REACHER = find_environment("reacher")


def running(speed, frames):
    """Poses of a cheetah that slides along at a speed [m/s], `(frames, 9)`, 20 per second."""
    qpos = np.tile(CHEETAH.model().qpos0, (frames, 1))
    qpos[:, 0] = speed * 0.05 * np.arange(frames)
    qpos[:, 3] = 0.3 * np.sin(np.arange(frames))
    return qpos


def recording(path):
    """Decode the messages in a page: `[(time, message)]` and the duration in seconds."""
    text = path.read_text(encoding="utf-8")
    data = re.search(r'__VISER_EMBED_DATA__="([^"]*)"', text)
    assert data is not None
    packed = zstandard.ZstdDecompressor().decompressobj().decompress(base64.b64decode(data[1])[8:])
    length = int.from_bytes(packed[:8], "little")
    content = msgspec.msgpack.decode(packed[8 : 8 + length])
    return content["messages"], content["durationSeconds"]


def of(messages, kind, name):
    return [(t, m) for t, m in messages if m["type"] == kind and m.get("name") == name]


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    thigh = CHEETAH.model().body("bthigh").id
    lanes = [
        Lane("slow </script><b>", running(1.0, 60), None, (thigh,)),
        Lane("fast", running(6.0, 200)),
    ]
    return write_replay(tmp_path_factory.mktemp("replay") / "new" / "r.html", CHEETAH, lanes, 0.05)


def test_page_is_small_alone_and_has_no_injection(page):
    assert page.stat().st_size < 2e6
    assert [p.name for p in page.parent.iterdir()] == ["r.html"]
    text = page.read_text(encoding="utf-8")
    assert "</script><b>" not in text
    assert "<title>Replay of cheetah</title>" in text


def test_bodies_move_as_mujoco_says(page):
    messages, duration = recording(page)
    assert duration == pytest.approx(200 * 0.05)
    torso = CHEETAH.model().body("torso").id
    moves = of(messages, "SetPositionMessage", f"/lane1/body{torso}")
    positions = np.array([m["position"] for _, m in moves])
    times = np.array([t for t, _ in moves])
    last = positions[times > 9.9][-1]
    assert last[0] == pytest.approx(6.0 * 0.05 * 199, abs=1e-3)
    assert last[2] == pytest.approx(0.7, abs=1e-3)


def test_the_slow_one_stays_in_view_behind_the_fast_one(page):
    messages, _ = recording(page)
    torso = CHEETAH.model().body("torso").id
    shown = []
    for lane in (0, 1):
        floor = of(messages, "SetPositionMessage", f"/lane{lane}")[-1][1]["position"][0]
        body = of(messages, "SetPositionMessage", f"/lane{lane}/body{torso}")[-1][1]["position"][0]
        shown.append(floor + body)
    assert shown[1] == pytest.approx(0, abs=0.2)  # what follows it is smoothed
    assert -4.3 < shown[0] < -3.5


def test_labels_tell_the_true_distance(page):
    messages, _ = recording(page)
    texts = [m["updates"]["text"] for _, m in messages if "text" in m.get("updates", {})]
    assert texts[-1] == "fast, 59.7 m"
    assert "slow </script><b>, 2.9 m" in texts


def test_damaged_parts_are_red_in_their_own_lane(page):
    messages, _ = recording(page)
    thigh = CHEETAH.model().body("bthigh").id
    colours = {m["name"]: m["props"]["color"] for _, m in messages if m["type"] == "MeshMessage"}
    damaged = [c for name, c in colours.items() if name.startswith(f"/lane0/body{thigh}/")]
    healthy = [c for name, c in colours.items() if name.startswith(f"/lane1/body{thigh}/")]
    assert len(damaged) == len(healthy) == 1
    assert tuple(damaged[0]) == (217, 38, 38)
    assert tuple(healthy[0]) != (217, 38, 38)
    np.testing.assert_array_equal(CHEETAH.model().geom_rgba, CHEETAH.spec().compile().geom_rgba)


def test_marks_and_changes_are_drawn_in_their_own_lane(tmp_path):
    torso, thigh = (CHEETAH.model().body(name).id for name in ("torso", "bthigh"))
    marks = (
        Mark("ball", thigh, (0.1, 0.0, 0.2), 0.08),
        Mark("ground", amount=0.25),
        Mark("arrow", torso, direction=(-0.5, 0.0, 0.0)),
    )
    marked = Lane("marked", running(1.0, 3), marks=marks, changes=("load 2 kg", *"abcd"))
    lanes = [Lane("plain", running(1.0, 3)), marked]
    messages, _ = recording(write_replay(tmp_path / "r.html", CHEETAH, lanes, 0.05))
    added = {m["name"]: m["props"] for _, m in messages if "props" in m}
    ball = added[f"/lane1/body{thigh}/ball0"]
    assert ball["radius"] == 0.08
    at = of(messages, "SetPositionMessage", f"/lane1/body{thigh}/ball0")[-1][1]["position"]
    np.testing.assert_allclose(at, [0.1, 0.0, 0.2])
    arrow = of(messages, "SetPositionMessage", "/lane1/arrow2")[-1][1]["position"]
    body = of(messages, "SetPositionMessage", f"/lane1/body{torso}")[-1][1]["position"]
    np.testing.assert_allclose(arrow, body)
    plain, tinted = (added[f"/lane{i}/tiles0"]["color"] for i in (0, 1))
    assert tinted[2] - tinted[0] > plain[2] - plain[0] + 40  # bluer
    assert not [n for n in added if n.startswith("/lane0") and ("ball" in n or "arrow" in n)]
    texts = [m["updates"]["text"] for _, m in messages if "text" in m.get("updates", {})]
    assert "marked, 0.1 m | load 2 kg | a | b | c | 1 more" in texts
    solid = {n: p.get("opacity") for n, p in added.items() if f"body{thigh}/geom" in n}
    assert sorted(map(str, solid.values())) == ["0.5", "None"]


def test_arms_stand_in_a_row_with_their_goals(tmp_path):
    qpos = np.tile([1.0, -0.5, 0.5, 0.5], (10, 1))
    goals = np.tile([0.5, 0.0, 0.6], (10, 1, 1))
    shift = np.array([0.1, 0.0, 0.0])
    lanes = [Lane(name, qpos, goals + k * shift) for k, name in enumerate("abc")]
    messages, _ = recording(write_replay(tmp_path / "r.html", REACHER, lanes, 0.04))
    left, middle, right = (of(messages, "SetPositionMessage", f"/lane{k}") for k in range(3))
    assert left[-1][1]["position"][0] == -right[-1][1]["position"][0] < -0.8
    assert middle == []  # it stays at the origin
    goal = REACHER.model().body("goal").id
    last = of(messages, "SetPositionMessage", f"/lane2/body{goal}")[-1][1]["position"]
    np.testing.assert_allclose(last, [0.7, 0, 0.6], atol=2.0**-12)


def test_shown_lags():
    progress = np.array([[0.0, 1.0, 10.0, 50.0], [0.0, 1.1, 30.0, 20.0]])
    lags = shown_lags(progress)
    assert (lags.min(axis=0) == 0).all()
    assert lags[0, 1] == pytest.approx(0.1, rel=0.02)  # true while small
    assert 3.9 < lags[0, 2] < 4
    assert lags[1, 3] > 3.9


def test_nothing_is_printed_and_no_server_stays(tmp_path, capfd):
    before = threading.active_count()
    write_replay(tmp_path / "r.html", REACHER, [Lane("a", np.zeros((1, 4)))], 0.04)
    assert capfd.readouterr() == ("", "")
    assert threading.active_count() <= before + 1  # at most a worker that is winding down


@pytest.mark.parametrize(
    ("lanes", "dt", "message"),
    [
        ([], 0.04, "at least one lane"),
        ([Lane("a", np.zeros((3, 4)))], 0.0, "dt > 0"),
        ([Lane("a", np.zeros((3, 5)))], 0.04, r"poses of 'a' have shape \(3, 5\).*\(T, 4\)"),
        ([Lane("a", np.zeros((0, 4)))], 0.04, "at least one"),
        ([Lane("a", np.full((2, 4), np.nan))], 0.04, "finite"),
        ([Lane("a", np.zeros((2, 4)), np.zeros((2, 3)))], 0.04, r"not \(2, 1, 3\)"),
    ],
)
def test_errors_say_what_to_do(tmp_path, lanes, dt, message):
    with pytest.raises(FastadaptError, match=message):
        write_replay(tmp_path / "r.html", REACHER, lanes, dt)
    assert not list(tmp_path.iterdir())
