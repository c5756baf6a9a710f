"""Commands by name: those that ship, those of other packages, and their summaries."""

import subprocess
import sys

import pytest

from fastadapt.adaptation.cli import main as cli
from fastadapt.adaptation.cli.aliases import replace_aliases
from fastadapt.adaptation.cli.measure.evaluate import Evaluate

PLUGIN = {
    "lab/__init__.py": "raise RuntimeError('a heavy package was imported')",
    "lab/commands/__init__.py": "",
    "lab/commands/wave.py": '"""Wave at everybody.\n\nMore."""\nraise RuntimeError("imported")\n',
}


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A package with a command, found by its entry point."""
    for name, text in PLUGIN.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "lab_cli.py").write_text(
        '"""Greet somebody."""\ndef run(arguments):\n    print("hello", *arguments)\n    return 3\n'
    )
    facts = tmp_path / "lab-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: lab\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[fastadapt.commands]\ngreet = lab_cli:run\n")
    return tmp_path


def command(plugin, *arguments):
    code = f"import sys; sys.path.insert(0, {str(plugin)!r}); import fastadapt.__main__ as m; "
    code += f"m.main({list(arguments)!r})"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_a_command_of_another_package_is_listed_and_runs(plugin):
    ran = command(plugin, "greet", "world")
    assert (ran.returncode, ran.stdout) == (3, "hello world\n")
    listed = command(plugin, "--help").stdout
    assert "  greet      Greet somebody (package 'lab')" in listed


def test_a_command_cannot_take_the_name_of_another(plugin):
    file = plugin / "lab-1.0.dist-info" / "entry_points.txt"
    file.write_text("[fastadapt.commands]\ntrain = lab_cli:run\n")
    ran = command(plugin, "list", "agents")
    assert ran.returncode == 2
    assert "package 'lab' adds the command 'train', which fastadapt has already" in ran.stderr


def test_summaries_are_read_without_importing(plugin, monkeypatch):
    monkeypatch.syspath_prepend(str(plugin))
    assert cli.summary_of("lab.commands.wave:run") == "Wave at everybody"
    assert cli.summary_of("lab.commands.none:run") == cli.summary_of("nowhere:run") == ""
    assert "lab" not in sys.modules


def test_every_command_that_ships_has_a_summary():
    for name in cli.COMMANDS:
        summary = cli.summary_of(cli.COMMANDS.target(name))
        assert 20 < len(summary) < 90, name


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (FileNotFoundError(2, "No such file or directory", "a.toml"), "directory: 'a.toml'."),
        (OSError("the disk has gone"), "fastadapt: the disk has gone.\n"),
        (TimeoutError(), "fastadapt: TimeoutError.\n"),
    ],
)
def test_errors_of_the_system_are_sentences(monkeypatch, capsys, error, message):
    def fail(_):
        raise error

    monkeypatch.setattr(cli.COMMANDS, "find", lambda name: fail)
    assert cli.run(["list"]) == 2
    told = capsys.readouterr().err
    assert told.endswith(message if message.startswith("fast") else f"{message}\n")
    assert "None" not in told


def test_options_of_earlier_versions():
    aliases = {"--exchanged": "--ablate swapped-context", "--floor": "--nominal"}
    found = replace_aliases(["a", "--exchanged", "--floor=b", "--floor", "c"], aliases)
    assert found == ["a", "--ablate", "swapped-context", "--nominal", "b", "--nominal", "c"]


@pytest.mark.parametrize(
    ("option", "ablate"),
    [
        (["--exchanged"], "swapped-context"),
        (["--without-memory"], "memory"),
        (["--ablate", "memory"], "memory"),
        ([], None),
    ],
)
def test_ablations_by_both_names(monkeypatch, option, ablate):
    seen = []

    def stop(args):
        seen.append(args)
        raise KeyboardInterrupt

    monkeypatch.setattr("fastadapt.adaptation.cli.measure.evaluate._open", stop)
    assert cli.run(["evaluate", "a", *option]) == 130
    assert isinstance(seen[0], Evaluate)
    assert seen[0].ablate == ablate


def test_one_ablation_at_a_time(capsys):
    assert cli.run(["evaluate", "a", "--exchanged", "--ablate=memory"]) == 2
    assert "one control" in capsys.readouterr().err


def test_freeze_writes_the_test_tasks_beside_the_file(tmp_path, capsys):
    from fastadapt.envs import load_task_set

    file = tmp_path / "mine.toml"
    file.write_text(load_task_set("reacher-damage").source)
    before = load_task_set(file)
    assert cli.run(["freeze", str(file)]) == 0
    written = tmp_path / "mine.splits.json"
    assert capsys.readouterr().out == f"{written}\n"
    after = load_task_set(file)
    assert after.frozen is not None
    assert [t.id for t in after.tasks("test_iid")] == [t.id for t in before.tasks("test_iid")]
    assert cli.run(["freeze"]) == 2
    assert "Nothing to freeze" in capsys.readouterr().err
