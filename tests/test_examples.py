"""The examples run as they are, in an empty folder."""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parent.parent / "examples"
PRINTED = {
    "01_batched_env.py": "after the repair",
    "02_custom_robot.py": "report/index.html",
    "03_external_agent.py": "gain-search",
    "04_new_perturbation.py": "spring.stiffness[joint1]",
    "05_new_meta_learner.py": "cross-entropy",
}


TRAINING = ("02_custom_robot.py", "05_new_meta_learner.py")  # a minute each


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if n in TRAINING else ()) for n in sorted(PRINTED)],
)
def test_it_runs(name, tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"MPLBACKEND": "agg"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert PRINTED[name] in done.stdout


def test_every_example_is_run_and_listed():
    scripts = {path.name for path in EXAMPLES.glob("0*.py")}  # controller.py: tests of deploy
    assert scripts == set(PRINTED)
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(f"({path.name})" in listed for path in EXAMPLES.glob("0*"))


@pytest.mark.slow
def test_the_notebook_runs(tmp_path):
    notebook = nbformat.read(EXAMPLES / "06_sweep.ipynb", as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]
    assert any("image/png" in out.get("data", {}) for out in outputs)


def test_the_notebook_is_kept_without_outputs():
    notebook = nbformat.read(EXAMPLES / "06_sweep.ipynb", as_version=4)
    assert not any(cell.outputs for cell in notebook.cells if cell.cell_type == "code")
