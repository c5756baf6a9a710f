"""`import fastadapt.envs` registers the Gymnasium ids and leaves MuJoCo for first use."""

import subprocess
import sys

import pytest

import fastadapt.envs as envs


def run(code):
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_imports_neither_mujoco_nor_a_robot():
    run(
        "import sys, gymnasium, fastadapt.envs as envs\n"
        "assert 'fastadapt/cheetah-damage-v0' in gymnasium.registry\n"
        "assert 'cheetah-damage' in envs.list_task_sets()\n"
        "assert 'mujoco' not in sys.modules and 'pydantic' not in sys.modules\n"
        "assert 'cheetah' in envs.list_environments()\n"
        "assert not any(name.startswith('fastadapt.envs.robots.') for name in sys.modules)\n"
    )


def test_an_id_needs_no_import():
    run("import gymnasium; gymnasium.make('fastadapt.envs:fastadapt/reacher-damage-v1').reset()")


def test_every_public_name_is_there():
    assert {name for name in envs.__all__ if getattr(envs, name) is None} == set()
    assert set(envs.__all__) <= set(dir(envs))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        envs.nothing  # noqa: B018
