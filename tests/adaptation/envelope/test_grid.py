"""The grid of an envelope: axes and damage by name, the box of training, clear refusals."""

import numpy as np
import pytest

from fastadapt.adaptation.envelope.grid import UNDAMAGED, make_grid
from fastadapt.envs import load_task_set
from fastadapt.errors import FastadaptError


@pytest.fixture(scope="module")
def quadruped():
    return load_task_set("quadruped-damage")


def test_cells_are_all_combinations_by_name(quadruped):
    grid = make_grid(
        quadruped,
        ["payload.mass[trunk]=0:8:9", "ground_friction.scale=0.2:2:7"],
        ["dead:FL_calf", "weak.strength[RR_hip]=0.3"],
        8,
    )
    assert grid.shape == (3, 9, 7)
    assert grid.damages == (UNDAMAGED, "dead:FL_calf", "weak.strength[RR_hip]=0.3")
    assert len({task.id for task in grid.tasks}) == grid.cells
    task = grid.tasks[np.ravel_multi_index((1, 3, 0), grid.shape)]
    assert task.changes() == {
        "payload.mass[trunk]": 3.0,
        "ground_friction.scale": 0.2,
        "dead.dead[FL_calf]": 1.0,
    } or set(task.changes().values()) == {3.0, 0.2, 1.0}
    payload, friction = grid.axes
    assert (payload.unit, payload.nominal, payload.box) == ("kg", 0.0, (0.0, 4.0))
    np.testing.assert_allclose(friction.box, (0.4, 2.0))
    assert payload.inside == [0, 1, 2, 3, 4]
    assert str(payload) == "payload.mass[trunk] [kg]"


def test_axes_in_equal_ratios_and_by_list(quadruped):
    grid = make_grid(quadruped, ["ground_friction=0.25:4:5:log", "payload=3,0,1.5"])
    assert grid.axes[0].values == (0.25, 0.5, 1.0, 2.0, 4.0)
    assert grid.axes[0].log
    assert grid.axes[1].values == (0.0, 1.5, 3.0)
    assert make_grid(quadruped, ["payload=0:8:9"]).shape == (1, 9, 1)


@pytest.mark.parametrize(
    ("over", "damages", "words"),
    [
        ([], [], "one or two axes, not 0"),
        (["payload=0:1:2"] * 3, [], "one or two axes, not 3"),
        (["payload=0:1:2", "payload=0:2:3"], [], "choose two parameters"),
        (["payload"], [], "is no axis"),
        (["payload=0:8"], [], "is no axis"),
        (["payload=8:0:3"], [], "LOW below HIGH"),
        (["payload=0:8:3:log"], [], "LOW above 0"),
        (["payload=0:8:1000"], [], "COUNT of 2 to 200"),
        (["payload=-1:8:3"], [], r"mass\[trunk\] = -1 is not possible"),
        (["paylod=0:8:3"], [], "Did you mean 'payload'"),
        (["payload=0:8:3"], ["dead"], "write PERTURBATION:TARGET"),
        (["payload=0:8:3"], ["dead:FL_claf"], "Did you mean 'FL_calf'"),
        (["payload=0:8:3"], ["weak=much"], "is no number"),
        (["payload=0:8:3"], ["dead.dead[FL_calf]=0"], "changes nothing"),
    ],
)
def test_what_is_no_grid_is_refused_in_one_sentence(quadruped, over, damages, words):
    with pytest.raises(FastadaptError, match=words):
        make_grid(quadruped, over, damages)
