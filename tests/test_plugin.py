"""A package from outside adds one thing of each sort; it runs in an environment of its own."""

import shutil
import signal
import site
import subprocess
import sys
import time
import venv
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parents[1] / "examples" / "plugin"
TRAIN = ["train", "random-search", "--iterations", "12", "--threads", "1", "--checkpoint-every"]
NAMES = ("bent-limb", "hold-height", "random-search")


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The interpreter of a fresh environment: everything of this one, and the plugin."""
    home = tmp_path_factory.mktemp("plugin")
    venv.create(home / "venv", with_pip=True)
    interpreter = home / "venv" / "bin" / "python"
    purelib = subprocess.check_output(
        [interpreter, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
    )
    here = [path for path in [*site.getsitepackages(), *sys.path] if path.endswith("-packages")]
    lines = [f"import site; site.addsitedir({path!r})" for path in dict.fromkeys(here)]
    (Path(purelib.strip()) / "parent.pth").write_text("\n".join(lines) + "\n")
    source = shutil.copytree(PLUGIN, home / "source")  # a build leaves folders behind
    install = [interpreter, "-m", "pip", "install", "--quiet", "--no-deps", source]
    subprocess.run(install, check=True)
    return interpreter


def fastadapt(python, *arguments, cwd=None):
    command = [python, "-m", "fastadapt", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)
    return done.returncode, done.stdout, done.stderr


def test_what_it_adds_is_listed(python):
    code, out, _ = fastadapt(python, "list")
    assert code == 0
    assert all(name in out for name in NAMES)
    assert "tasks" in fastadapt(python, "--help")[1]


def test_without_it_nothing_of_it_is_there():
    code, out, _ = fastadapt(sys.executable, "list")
    assert code == 0
    assert not any(name in out for name in NAMES)
    code, _, error = fastadapt(sys.executable, "check", PLUGIN / "stand.toml")
    assert code == 2
    assert "There is no kind 'bent-limb'" in error


def test_its_verb_runs(python):
    code, out, error = fastadapt(python, "tasks", "reacher-damage", "--count", "2")
    assert (code, error) == (0, "")
    assert len(out.splitlines()) == 2


def test_its_perturbation_passes_the_public_checks_and_its_task_set_is_sound(python):
    check = (
        "from fastadapt.envs import load_task_set\n"
        "from fastadapt.testing import check_perturbation\n"
        f"task_set = load_task_set({str(PLUGIN / 'stand.toml')!r})\n"
        "check_perturbation(task_set.file.perturbations[0], task_set.environment)\n"
    )
    subprocess.run([python, "-c", check], check=True)
    code, out, error = fastadapt(python, "check", PLUGIN / "stand.toml")
    assert code == 0, out + error


def weights(run):
    return (run / "checkpoints" / "last" / "model.safetensors").read_bytes()


@pytest.mark.slow
def test_its_meta_learner_trains_is_killed_resumes_is_evaluated_and_compared(python, tmp_path):
    stand = PLUGIN / "stand.toml"
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    code, _, error = fastadapt(python, *TRAIN, "4", stand, "--out", whole)
    assert code == 0, error

    command = [python, "-m", "fastadapt", *TRAIN, "1", stand, "--out", killed]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not (killed / "checkpoints" / "last").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert fastadapt(python, *TRAIN, "1", stand, "--out", killed)[0] == 0
    assert weights(killed) == weights(whole)

    for run in (whole, killed):
        code, out, error = fastadapt(
            python, "evaluate", run, "--split", "test_iid", "--shots", "0", "1", "2"
        )
        assert code == 0, error
        assert "random-search" in out
    code, _, error = fastadapt(python, "compare", whole, "--out", tmp_path / "report")
    assert code == 0, error
    page = (tmp_path / "report" / "index.html").read_text(encoding="utf-8")
    assert "first shot" in page
    assert "random-search" in page
