"""Friction, springs and dampers of tendons against plain MuJoCo."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError
from tests.support.declared import constant
from tests.support.scenes import perturb, simulate

SCENE = """
<mujoco><option timestep="0.002" gravity="0 0 0"/><worldbody>
  <body><joint name="a" axis="0 0 1"/><geom type="capsule" fromto="0 0 0 .3 0 0" size=".02"/></body>
  <body pos="0 0 1"><joint name="b" axis="0 0 1" damping="0.01"/>
  <geom type="capsule" fromto="0 0 0 .3 0 0" size=".02"/></body></worldbody>
  <tendon><fixed name="t" {}><joint joint="a" coef="1"/><joint joint="b" coef="-2"/></fixed>
  <fixed name="bare"><joint joint="a" coef="1"/></fixed></tendon></mujoco>"""
SPRUNG = 'stiffness="3 0.5" springlength="0" damping="0.2 0.1"'


def motion(sim):
    """Return the positions of all simulations after half a second from the same start."""
    sim.data("qpos")[:], sim.data("qvel")[:] = [0.4, -0.2], [1.0, 2.0]
    sim.step(250)
    return sim.data("qpos").copy()


def by_hand(attributes):
    """Return the positions of the same motion of a model compiled with other attributes."""
    model = mujoco.MjModel.from_xml_string(SCENE.format(attributes))
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = [0.4, -0.2], [1.0, 2.0]
    mujoco.mj_step(model, data, nstep=250)
    return data.qpos


TORN = ((0.0, 0.5), 'springlength="0" damping="0.1 0.05"')
BOTH = {"stiffness": constant(1), "damping": constant(1)}


@pytest.mark.parametrize(
    ("scales", "attributes"),
    [
        ((2.0, 1.0), 'stiffness="6 1" springlength="0" damping="0.2 0.1"'),
        ((1.0, 4.0), 'stiffness="3 0.5" springlength="0" damping="0.8 0.4"'),
        TORN,
    ],
)
def test_springs_and_dampers(scales, attributes):
    sim = simulate(SCENE.format(SPRUNG), [scales, (1.0, 1.0)], "tendon-tension", "t", **BOTH)
    scaled, nominal = motion(sim)
    assert np.array_equal(nominal, by_hand(SPRUNG))
    np.testing.assert_allclose(scaled, by_hand(attributes), rtol=1e-12)
    assert np.abs(scaled - nominal).max() > 1e-3


@pytest.mark.parametrize("nominal", [0.0, 0.05])
def test_friction_is_added(nominal):
    sim = simulate(SCENE.format(f'frictionloss="{nominal}"'), [0.1, 0.0], "tendon-friction", "t")
    rubbed, free = motion(sim)
    assert np.array_equal(free, by_hand(f'frictionloss="{nominal}"'))
    np.testing.assert_allclose(rubbed, by_hand(f'frictionloss="{nominal + 0.1}"'), rtol=1e-9)
    perturb(sim, [0], [0.0], "tendon-friction", "t")
    assert sim.field("tendon_frictionloss")[0, 0] == nominal


def test_what_a_tendon_does_not_have_is_refused():
    with pytest.raises(FastadaptError, match="tendon 'bare' has no stiffness to scale"):
        simulate(SCENE.format(SPRUNG), [1.0], "tendon-tension", "bare", **BOTH)
    with pytest.raises(FastadaptError, match="tendon 't' has no damping to scale"):
        simulate(SCENE.format('stiffness="1"'), [1.0], "tendon-tension", "t", **BOTH)
    with pytest.raises(FastadaptError, match="no tendon"):
        simulate(SCENE.format(SPRUNG), [1.0], "tendon-friction", "nothing")
