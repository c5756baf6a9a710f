"""A wheel holds every file that the code reads."""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_every_file_beside_the_code_is_package_data():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    held: set[Path] = set()
    for package, patterns in project["tool"]["setuptools"]["package-data"].items():
        folder = ROOT.joinpath(*package.split(".")[1:]) if "." in package else ROOT / package
        for pattern in patterns:
            held.update(folder.glob(pattern))
    beside = {
        path
        for room in ("adaptation", "agents", "envs", "assets")
        for path in (ROOT / room).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc", ".md")
    }
    assert beside, "no files were found"
    assert sorted(str(path) for path in beside - held if ".gitignore" not in path.name) == []
