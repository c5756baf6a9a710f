"""Robots of other packages are built, checked, trained, evaluated, and measured in a copy far away.

Only the model files are read; `benchmarks/foreign_robots.py` says how to install the packages.
"""

import foreign_robots
import pytest
from foreign_robots import PACKAGES, STAGES, Life, table

from tests.support.own_models import CART

REFUSED = ("no hinge or slide '*'", "has no ctrlrange", "mass")
"""What may be said of a model that is not built: it has nothing to drive, or nothing to change."""


@pytest.mark.slow
@pytest.mark.parametrize("package", PACKAGES)
def test_robots_of_a_package_go_through_all_stages(package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # where MuJoCo writes its log
    models = list(foreign_robots.models_of(package))[::5]
    if not models:
        pytest.skip(f"{package} is not installed, or has no models of its own")
    lives = [
        foreign_robots.live(tmp_path / str(number), package, path, model)
        for number, (path, model) in enumerate(models)
    ]
    stopped = [one for one in lives if one.reached != STAGES[-1]]
    assert len(stopped) < len(lives)
    for one in stopped:
        assert one.reached == "", one
        assert any(words in one.told for words in REFUSED), one


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with two models: a cart, and a ball that nothing can drive."""
    folder = tmp_path / "package_of_robots"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "cart.xml").write_text(CART)
    (folder / "ball.xml").write_text(
        '<mujoco><worldbody><body><freejoint/><geom size=".1"/></body></worldbody></mujoco>'
    )
    monkeypatch.syspath_prepend(tmp_path)
    return folder.name


def test_a_robot_goes_through_all_stages_and_an_object_is_refused(package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    models = dict(foreign_robots.models_of(package))
    assert set(models) == {"ball.xml", "cart.xml"}
    cart = foreign_robots.live(tmp_path / "a", package, "cart.xml", models["cart.xml"], check=False)
    assert (cart.reached, cart.told) == ("copied", "")
    ball = foreign_robots.live(tmp_path / "b", package, "ball.xml", models["ball.xml"])
    assert ball.reached == ""
    assert "there is no hinge or slide '*'" in ball.told


def test_a_copy_that_still_needs_the_package_is_noticed(package, tmp_path, monkeypatch):
    from fastadapt.envs import FastadaptError, load_task_set

    monkeypatch.chdir(tmp_path)
    model = dict(foreign_robots.models_of(package))["cart.xml"]
    file = foreign_robots.declare(tmp_path / "a", package, "cart.xml", model)
    with foreign_robots.without_packages(), pytest.raises(FastadaptError, match="not installed"):
        load_task_set(file)


def test_the_table_counts_stages_and_lists_refusals():
    lives = [Life("p", "a.xml", "copied"), Life("p", "b.xml", "", "no | joints"),
             Life("q", "c.xml", "built", "diverged")]  # fmt: skip
    shown = table(lives)
    assert "| p | 2 | 1 | 1 | 1 | 1 |" in shown
    assert "| q | 1 | 1 | 0 | 0 | 0 |" in shown
    assert "| p/b.xml | - | no \\| joints |" in shown
