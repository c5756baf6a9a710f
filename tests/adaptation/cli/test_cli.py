"""The command line as a user meets it: good input, bad input, nothing heavy at the start."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from fastadapt.adaptation.cli import main as cli
from fastadapt.adaptation.cli.inspect import doctor

SMALL = ["--num-envs", "4", "--width", "16", "--episodes", "1", "--iterations", "1"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "run"
    assert cli.run(["train", "rl2", "reacher-damage", "--out", str(path), *SMALL]) == 0
    return path


def test_evaluate_writes_results_and_a_report(trained, capsys):
    arguments = ["evaluate", str(trained), "--split", "validation", "--shots", "0", "1"]
    assert cli.run([*arguments, "--episodes", "1"]) == 0
    printed = capsys.readouterr().out
    assert "validation" in printed
    assert "[" in printed  # no number without its interval
    assert (trained / "evaluations/validation-0-shots-0-1-episodes-1/results.csv").is_file()
    assert (trained / "report" / "index.html").is_file()
    assert (trained / "report" / "replay-best.html").is_file()


@pytest.fixture(scope="module")
def rivals(trained, tmp_path_factory):
    """RL², RL² with an empty memory, and a memoryless agent, all measured alike."""
    other = tmp_path_factory.mktemp("cli") / "rival"
    agent = ["train", "domain-randomised", "reacher-damage", "--out", str(other)]
    assert cli.run([*agent, *SMALL]) == 0
    measure = ["--split", "test_iid", "--shots", "0", "1", "--no-report"]
    for run in (trained, other):
        assert cli.run(["evaluate", str(run), *measure]) == 0
    assert cli.run(["evaluate", str(trained), *measure, "--without-memory"]) == 0
    return [str(trained), str(other)]


def test_compare_pairs_every_agent_with_the_first(rivals, tmp_path, capsys):
    out = tmp_path / "report"
    assert cli.run(["compare", *rivals, "--split", "test_iid", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    for name in ("rl2", "rl2-memory-1", "domain-randomised", "mean difference"):
        assert name in printed
    assert "domain-randomised" in (out / "index.html").read_text(encoding="utf-8")


def test_what_was_not_measured_alike_is_not_compared(rivals, tmp_path, capsys):
    measure = ["--split", "test_iid", "--shots", "0", "1", "--no-report", "--seed", "1"]
    assert cli.run(["evaluate", rivals[1], *measure]) == 0
    assert cli.run(["compare", *rivals, "--split", "test_iid", "--out", str(tmp_path / "r")]) == 2
    assert "not evaluated in the same way" in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_compare_leaves_other_pages_alone(rivals, tmp_path, capsys):
    (tmp_path / "index.html").write_text("my homepage")
    (tmp_path / "thesis.tex").write_text("years of work")
    assert cli.run(["compare", *rivals, "--out", str(tmp_path)]) == 2
    assert cli.run(["compare", *rivals, "--out", str(tmp_path / "thesis.tex")]) == 2
    assert "other files than a report" in capsys.readouterr().err
    assert (tmp_path / "index.html").read_text() == "my homepage"


def test_evaluations_of_different_checkpoints_are_not_mixed(tmp_path, capsys):
    run = str(tmp_path / "run")
    train = [
        "train",
        "rl2",
        "reacher-damage",
        "--out",
        run,
        *SMALL[:-2],
        "--planned-iterations",
        "2",
    ]
    for iterations, split in (("1", "validation"), ("2", "test_iid")):
        assert cli.run([*train, "--iterations", iterations]) == 0
        measure = ["--split", split, "--shots", "0", "--episodes", "1", "--no-report"]
        assert cli.run(["evaluate", run, *measure]) == 0
    assert cli.run(["compare", run, "--out", str(tmp_path / "report")]) == 2
    assert "1 and 2 iterations" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("environments", ["cheetah-v0", "reacher-v0"]),
        ("task-sets", ["cheetah-damage", "reacher-damage"]),
        ("agents", ["rl2", "domain-randomised", "oracle"]),
        ("perturbations", ["mass", "payload", "locked-joint"]),
    ],
)
def test_list_names_everything(what, names, capsys):
    assert cli.run(["list", what]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in names)


def test_doctor_measures(capsys):
    assert cli.run(["doctor"]) == 0
    assert "env steps/s" in capsys.readouterr().out


def test_doctor_says_what_each_missing_package_is_for(monkeypatch):
    monkeypatch.setattr(doctor, "requires", lambda name: ["pyarrow>=15; extra == 'parquet'",
                        'onnx>=1.17 ; extra == "export"', "onnxruntime; extra == 'export'",
                        "numpy>=2"])  # fmt: skip
    monkeypatch.setattr(doctor, "_installed", lambda name: False)
    assert doctor.missing() == [
        "pyarrow (results as Parquet): pip install 'fastadapt[parquet]'",
        "onnx, onnxruntime (policies as ONNX files): pip install 'fastadapt[export]'",
    ]
    monkeypatch.setattr(doctor, "_installed", lambda name: name != "onnx")
    assert doctor.missing() == [
        "onnx (policies as ONNX files): pip install 'fastadapt[export]'",
    ]


def test_doctor_knows_the_extras_of_the_project():
    project = Path(__file__).parents[3] / "pyproject.toml"
    extras = tomllib.loads(project.read_text())["project"]["optional-dependencies"]
    assert set(doctor._PURPOSES) == set(extras) - {"dev", "docs"}


BAD = {
    "unknown command": (["trian"], "Did you mean 'train'"),
    "unknown agent": (["train", "rl3", "reacher-damage", "--out", "OUT"], "Did you mean 'rl2'"),
    "unknown task set": (["train", "rl2", "reacher-damag", "--out", "OUT"], "reacher-damage"),
    "missing file": (["train", "rl2", "mine.toml", "--out", "OUT"], "mine.toml"),
    "impossible setting": (
        ["train", "rl2", "reacher-damage", "--out", "OUT", "--width", "0"],
        "width",
    ),
    "no run": (["evaluate", "OUT"], "does not exist"),
    "no such split": (["evaluate", "RUN", "--split", "test_idd"], "test_iid"),
    "negative shots": (["evaluate", "RUN", "--shots", "-1"], "shots"),
    "nothing evaluated": (["compare", "RUN", "OUT"], "does not exist"),
    "nothing to compare": (["compare"], "at least one run"),
    "occupied folder": (["train", "rl2", "reacher-damage", "--out", "FULL"], "nothing was written"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_sentence_and_exit_code_2(case, trained, tmp_path):
    arguments, expected = BAD[case]
    full = tmp_path / "full"
    full.mkdir()
    (full / "notes.txt").write_text("mine")
    places = {"OUT": str(tmp_path / "new"), "RUN": str(trained), "FULL": str(full)}
    result = subprocess.run(
        [
            sys.executable,
            "-m",
            "fastadapt.adaptation.cli.main",
            *(places.get(a, a) for a in arguments),
        ],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert result.returncode == 2
    assert expected in result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]
    assert sorted(path.name for path in full.iterdir()) == ["notes.txt"]


HEAVY = ("torch", "mujoco", "gymnasium", "scipy", "matplotlib", "viser")


@pytest.mark.parametrize(
    ("arguments", "shown", "heavy"),
    [
        (["--help"], "usage", HEAVY),
        (["train", "--help"], "usage", HEAVY),
        (["train", "rl2", "--help"], "usage", HEAVY),
        (["evaluate", "--help"], "usage", HEAVY),
        (["list", "agents"], "rl2", HEAVY),
        (["list"], "rl2", ("torch", "stable_baselines3")),  # it asks all environments
    ],
)
def test_what_only_tells_imports_nothing_heavy(arguments, shown, heavy):
    code = (
        "import sys\n"
        "from fastadapt.adaptation.cli import main as cli\n"
        "try:\n"
        f"    cli.run({arguments!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        f"sys.exit(','.join(set({heavy!r}) & set(sys.modules)) or 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert shown in result.stdout


@pytest.mark.parametrize("arguments", [["-h"], ["--version"], ["list", "agents"], ["train", "-h"]])
def test_a_reader_that_stops_reading_is_no_error(arguments):
    reading, writing = os.pipe()
    os.close(reading)
    result = subprocess.run(
        [sys.executable, "-m", "fastadapt.adaptation.cli.main", *arguments],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(writing)
    assert (result.returncode, result.stderr) == (0, "")
