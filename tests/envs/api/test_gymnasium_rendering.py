"""Windows and videos of Gymnasium's environments, and tasks by the names of their values."""

import contextlib
import sys
import time
from types import SimpleNamespace

import gymnasium as gym
import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError

ID = "fastadapt.envs:fastadapt/quadruped-damage-v0"


class Window:
    """A stand-in for MuJoCo's viewer, which needs a display."""

    def __init__(self, model, data, **_):
        self.model, self.data = model, data
        self.cam = SimpleNamespace(type=None, fixedcamid=None)
        self.shown, self.open = [], True

    def lock(self):
        return contextlib.nullcontext()

    def is_running(self):
        return self.open

    def sync(self):
        self.shown.append((self.data.qpos.copy(), time.monotonic()))

    def close(self):
        self.open = False


@pytest.fixture
def windows(monkeypatch):
    opened = []

    def launch(*arguments, **keys):
        opened.append(Window(*arguments, **keys))
        return opened[-1]

    monkeypatch.setitem(sys.modules, "mujoco.viewer", SimpleNamespace(launch_passive=launch))
    monkeypatch.setattr(mujoco, "viewer", sys.modules["mujoco.viewer"], raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    return opened


def test_a_window_shows_every_pose_in_real_time(windows):
    env = gym.make(ID, render_mode="human")
    env.reset(seed=0, options={"task": {"payload": 3.0}})
    poses = [env.unwrapped.batch.sim.data("qpos")[0].copy()]
    for _ in range(5):
        env.step(np.zeros(env.action_space.shape))
        poses.append(env.unwrapped.batch.sim.data("qpos")[0].copy())
    assert env.render() is None
    (window,) = windows
    np.testing.assert_array_equal([pose for pose, _ in window.shown], poses)
    pauses = np.diff([when for _, when in window.shown])
    step = env.unwrapped.batch.environment.control_step()
    assert (pauses > 0.9 * step).all()
    window.open = False  # closed by hand: the robot goes on
    env.step(np.zeros(env.action_space.shape))
    assert len(window.shown) == 6
    env.close()


def test_without_a_display_a_sentence_says_what_to_do(monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    env = gym.make(ID, render_mode="human")
    with pytest.raises(FastadaptError, match=r"no display .* Use render_mode = 'rgb_array'"):
        env.reset(seed=0)


def test_a_task_by_the_names_of_its_values():
    env = gym.make(ID)
    env.reset(seed=0, options={"task": {"payload": 3.0}})
    assert list(env.unwrapped.task.changes().values()) == [3.0]
    with pytest.raises(FastadaptError, match="nonsense"):
        env.reset(options={"task": {"nonsense": 1.0}})


def test_an_unknown_render_mode_is_named():
    with pytest.raises(FastadaptError, match=r"'ansi'.*human, rgb_array"):
        gym.make(ID, render_mode="ansi", disable_env_checker=True)


def test_a_video_is_recorded(tmp_path):
    pytest.importorskip("moviepy")
    from gymnasium.wrappers import RecordVideo

    env = RecordVideo(gym.make(ID, render_mode="rgb_array"), str(tmp_path), video_length=4)
    try:
        env.reset(seed=0)
    except (RuntimeError, mujoco.FatalError, AttributeError) as error:
        pytest.skip(f"no rendering here: {error}")
    for _ in range(5):
        env.step(np.zeros(env.action_space.shape))
    env.close()
    (video,) = tmp_path.glob("*.mp4")
    assert video.stat().st_size > 1000
