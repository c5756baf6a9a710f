"""What a fit recovers, what it admits not to know, and the task set that it gives back."""

import re

import numpy as np
import pytest

from fastadapt.adaptation.cli.main import run
from fastadapt.adaptation.logs.fit import fit_logs
from fastadapt.adaptation.logs.fitted_set import write_fitted
from fastadapt.adaptation.logs.record import table_of, write_csv
from fastadapt.adaptation.report.log_fit import write_fit_page
from fastadapt.envs import FastadaptError, load_task_set, make_batch
from tests.support.arm_logs import declared, log_of

QUICK = {"seconds": 0.4, "segments": 6, "num_threads": 1}


def by_name(fit):
    return {verdict.unknown.name: verdict for verdict in fit.verdicts}


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fit")
    task_set, path = declared(folder, "object", "damping", "delay")
    truth = {"object.mass[object]": 0.6, "damping.scale": 1.6, "delay.steps": 1}
    log = log_of(task_set, truth)
    return folder, task_set, path, truth, log, fit_logs(task_set, [log], **QUICK)


def test_known_parameters_are_recovered_from_noisy_delayed_samples(fitted):
    *_, truth, _, fit = fitted
    for name in ("object.mass[object]", "damping.scale"):
        verdict = by_name(fit)[name]
        assert verdict.determined
        assert verdict.low <= truth[name] <= verdict.high
        assert not verdict.low <= verdict.unknown.nominal <= verdict.high  # nominal would not do
    assert max(fit.delays, key=lambda delay: fit.delays[delay]) == 1
    assert fit.held_out.fitted_over_nominal < 0.5
    noise = np.array([fit.noise[f"position joint{i}"][0] for i in range(1, 5)])
    np.testing.assert_allclose(noise, 1e-3, rtol=0.35)


def test_the_fitted_set_loads_draws_around_the_truth_and_runs(fitted):
    folder, _, path, truth, _, fit = fitted
    out = folder / "robot.toml"
    write_fitted(fit, out, path)
    task_set = load_task_set(out)
    drawn = task_set.vectors(task_set.sample("train", 50))
    masses = drawn[:, task_set.names.index("object.mass[object]")]
    verdict = by_name(fit)["object.mass[object]"]
    assert abs(masses.mean() - truth["object.mass[object]"]) < 0.1
    assert 0 < masses.std() < verdict.high - verdict.low
    assert set(drawn[:, task_set.names.index("delay.steps")]) == {1.0}
    wide = task_set.vectors(task_set.sample("test_declared", 50))
    assert wide[:, task_set.names.index("object.mass[object]")].std() > 0.2
    envs = make_batch(task_set, 2, num_threads=1)
    envs.set_tasks(task_set.tasks("train")[:2])
    envs.reset(seed=0)
    assert np.isfinite(envs.step(np.zeros((2, 4)))[1]).all()
    with pytest.raises(FastadaptError, match="exists already"):
        write_fitted(fit, out, path)


def test_the_page_loads_nothing_and_shows_the_estimate(fitted):
    folder, *_, fit = fitted
    text = write_fit_page(fit, folder / "robot.html").read_text(encoding="utf-8")
    assert f"{by_name(fit)['object.mass[object]'].value:.4g}" in text
    assert "<svg" in text
    assert not re.search(r"(src|href)=.(https?:|//)", text)


def test_a_joint_that_never_moves_leaves_its_motor_open(tmp_path):
    task_set, _ = declared(tmp_path, "motor")
    verdicts = by_name(fit_logs(task_set, [log_of(task_set, moving=(1, 2))], **QUICK))
    still = verdicts["motor.scale[joint4]"]
    assert not still.determined
    assert "not excited" in still.reason
    assert "joint4" in still.advice
    assert verdicts["motor.scale[joint2]"].determined


def test_the_dead_actuator_is_found(tmp_path):
    task_set, path = declared(tmp_path, "object", "dead")
    fit = fit_logs(task_set, [log_of(task_set, {"dead": "joint2", "object": 0.3})], **QUICK)
    assert fit.causes[0].structure.alternative.name == "dead[joint2]"
    assert fit.causes[0].probability > 0.9
    write_fitted(fit, tmp_path / "dead.toml", path)
    found = load_task_set(tmp_path / "dead.toml")
    dead = found.vectors(found.sample("train", 20))[
        :, found.names.index("dead_joint2.dead[joint2]")
    ]
    assert dead.all()


@pytest.mark.slow
def test_a_healthy_robot_has_no_cause(tmp_path):
    task_set, _ = declared(tmp_path, "object", "dead")
    fit = fit_logs(task_set, [log_of(task_set, {"object": 0.3})], **QUICK)
    assert [cause.structure.alternative.name for cause in fit.causes] == ["nothing"]


def test_the_offset_of_a_sensor_is_found(tmp_path):
    task_set, _ = declared(tmp_path, "offset")
    log = log_of(task_set, offsets={"velocity/joint1": 0.1})
    verdict = fit_logs(task_set, [log], **QUICK).verdicts[0]
    assert verdict.low <= 0.1 <= verdict.high
    assert verdict.low > 0.05


@pytest.mark.slow
def test_the_command_writes_a_set_and_a_page(fitted, capsys):
    folder, _, path, _, log, _ = fitted
    write_csv(folder / "log.csv", table_of(log))
    out = folder / "by-command.toml"
    words = ["fit", str(path), "--log", str(folder / "log.csv"), "--out", str(out)]
    words += ["--seconds", "0.4", "--segments", "6"]
    assert run(words) == 0
    assert load_task_set(out).name == "by-command"
    assert out.with_suffix(".html").is_file()
    assert "object.mass[object]" in capsys.readouterr().out
    assert run(words) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.slow
def test_a_log_that_no_task_predicts_is_refused(fitted):
    _, task_set, _, _, log, _ = fitted
    swapped = dict(log.columns)
    for kind in ("position", "velocity"):
        names = [f"{kind}/joint{i}" for i in (1, 2, 3, 4)]
        for name, other in zip(names, reversed(names), strict=True):
            series = log.columns[other]
            swapped[name] = type(series)(series.time, -series.value)
    with pytest.raises(FastadaptError, match="another robot"):
        fit_logs(task_set, [type(log)("swapped", swapped)], **QUICK)


def test_the_table_log_is_no_part_of_the_tasks(tmp_path):
    plain, _ = declared(tmp_path, "object")
    mapped, _ = declared(tmp_path, "object", log='[log]\ntime = "t"\n')
    assert mapped.hash == plain.hash
    with pytest.raises(FastadaptError, match="Did you mean 'unit'"):
        declared(
            tmp_path, "object", log='[log.positions]\njoint1 = { column = "q", units = "deg" }'
        )
