"""Damaged run directories: every verb works or is refused in one sentence, and harms nothing.

Two thousand: `pytest -m slow tests/adaptation/runs/test_damaged_runs.py`, some twenty minutes.
"""

import shutil

import numpy as np
import pytest

from fastadapt.adaptation.cli.main import run
from tests.support.damaged_runs import damage
from tests.support.limited_time import limited_time
from tests.support.own_models import CART, MASS, write

SECONDS = 60
SMALL = ["--num-envs", "2", "--width", "4", "--episodes", "1", "--threads", "1"]
TRAIN = ["train", "rl2", "TOML", "--out", "RUN", *SMALL, "--torch-threads", "1"]
MEASURE = ["--split", "test_iid", "--episodes", "1", "--threads", "1", "--no-report"]
VERBS = {
    "table": ["table", "RUN"],
    "evaluate": ["evaluate", "RUN", "--shots", "0", "1", *MEASURE],
    "online": ["evaluate", "RUN", "--online", "--duration", "0.4", *MEASURE],
    "train": [*TRAIN, "--iterations", "3"],
    "compare": ["compare", "RUN", "--out", "PAGE"],
    "reference": ["reference", "--oracle", "RUN", "--out", "SCORES", "--runs", "REFERENCES"],
    "check": ["check", "RUN/task_set.toml"],
}
USUAL = ("table", "evaluate", "online", "train")
"""Verbs that every damaged run meets; the others take seconds, and one in ten meets them."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run on an own robot with few-shot and online evaluations, and a file outside of it."""
    folder = tmp_path_factory.mktemp("whole")
    toml = write(
        folder / "home", CART, 'objective = "stay-upright"\nroot = "pole"\nhorizon = 0.4', MASS
    )
    toml.write_text(toml.read_text().replace("count = 40", "count = 4"))
    places = {"TOML": str(toml), "RUN": str(folder / "run")}
    words = [[*TRAIN, "--iterations", "2"], VERBS["evaluate"], VERBS["online"]]
    for some in words:
        assert run(placed(some, places)) == 0
    (folder / "outside").mkdir()
    (folder / "outside/secret").write_text("secret")
    return folder


def placed(words, places):
    for name, place in places.items():
        words = [word.replace(name, place) for word in words]
    return words


def use(words, capsys):
    """Run a command; a refusal must be one sentence."""
    with limited_time(SECONDS):
        try:
            code = run(words)
        except SystemExit as error:
            code = error.code
    told = capsys.readouterr().err.strip()
    assert code in (0, 1, 2), (code, told)
    assert "Traceback" not in told, told
    if code == 2:
        last = told.rpartition("fastadapt: ")[2]
        assert "\n" not in last, told
        assert len(last) < 1100, told
        assert last.endswith((".", ").")), told


def use_damaged(whole, folder, seeds, capsys):
    """Let every verb meet a damaged run of each seed; all that went wrong is told at the end."""
    wrong = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        home = folder / str(seed)
        shutil.copytree(whole, home, symlinks=True)
        changes = damage(home / "run", rng)
        places = {"TOML": str(whole / "home/mine.toml"), "RUN": str(home / "run")}
        places |= {name: str(home / name.lower()) for name in ("PAGE", "SCORES", "REFERENCES")}
        names = [*USUAL, *([list(VERBS)[4 + seed // 10 % 3]] if seed % 10 == 0 else [])]
        for name in rng.permutation(names):
            try:
                use(placed(VERBS[name], places), capsys)
            except (Exception, SystemExit) as error:
                wrong.append(f"{seed} {name} after {changes}: {error!r}")
        if (home / "outside/secret").read_text() != "secret":
            wrong.append(f"{seed} wrote outside of the run after {changes}")
        new = {p.name for p in home.iterdir()} - {"home", "run", "outside", "page"}
        if new:
            wrong.append(f"{seed} left {new} after {changes}")
        shutil.rmtree(home)
    assert not wrong, f"{len(wrong)} faults:\n" + "\n".join(wrong[:40])


def test_a_damaged_run_is_used_or_refused_in_one_sentence(whole, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where MuJoCo writes its log
    use_damaged(whole, tmp_path, range(10), capsys)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_two_thousand_damaged_runs(whole, part, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    use_damaged(whole, tmp_path, range(100 + 100 * part, 200 + 100 * part), capsys)
