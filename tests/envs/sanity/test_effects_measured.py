"""What `fastadapt check` measures is what the perturbations do."""

import numpy as np
import pytest

from fastadapt.envs import load_task_set
from fastadapt.envs.sanity.effects import measure_effects
from fastadapt.envs.sanity.extremes import all_extremes
from fastadapt.envs.sanity.speed import task_costs, try_out
from tests.support.declared import constant, declare
from tests.support.own_models import write

WIDE = {"law": "uniform", "low": 0.5, "high": 2.0}


def one(*perturbations, environment="cheetah", **splits):
    effects = measure_effects(declare(environment, *perturbations, **splits), 1)
    return {effect.extremes.name: effect for effect in effects}


SCALE = 'scale = { law = "uniform", low = 0.5, high = 2.0 }'


def perturbation(kind, target, law=""):
    """Return a perturbation as a task-set file declares it."""
    return f'[[perturbations]]\nname = "it"\nkind = "{kind}"\ntargets = ["{target}"]\n{law}\n'


def test_every_parameter_of_the_shipped_set_is_measured_and_acts(cheetah):
    effects = measure_effects(cheetah, 1)
    assert [effect.extremes.name for effect in effects] == list(cheetah.names)
    assert all(effect.acts for effect in effects)


def test_the_ends_are_those_of_all_splits(cheetah):
    ends = {some.name: some for some in all_extremes(cheetah)}
    assert ends["torso_mass.scale[torso]"].values == (0.25, 4.0)
    assert ends["weak.strength[bshin]"].values == (0.0, 0.7)
    assert ends["dead.dead[bshin]"].values == (0.0, 1.0)
    fraction = ends["locked.fraction[bshin]"]
    assert fraction.values == (0.1, 0.9)
    at = cheetah.names.index("locked.locked[bshin]")
    assert [task.values[at] for task in fraction.tasks] == [1, 1, 1]  # else it would do nothing
    for some in ends.values():
        low, high = (set(task.changes()) for task in some.tasks[1:])
        assert all("bshin" in name for name in low | high) or "bshin" not in some.name


def test_a_push_moves_a_free_mass_as_newton_says():
    mass = {"name": "it", "kind": "mass", "targets": ["object"], "scale": WIDE}
    effect = one(mass, environment="reacher")["it.scale[object]"]
    nominal, light, heavy = effect.measured
    assert effect.unit == "m/s²"
    assert light > nominal > heavy > 0


def test_friction_is_measured_in_the_contact_of_the_robot():
    friction = {"name": "it", "kind": "contact-friction", "targets": ["ffoot"],
                "against": ["floor"], "scale": WIDE}  # fmt: skip
    effect = one(friction)["it.scale"]
    assert effect.measured == pytest.approx((0.4, 0.2, 0.8))  # Gymnasium's cheetah: 0.4
    assert effect.unit == "mu"


SLED = """
<mujoco><option timestep="0.005">{flag}</option><worldbody>
  <geom name="floor" type="plane" size="0 0 1" friction="0.9" {floor}/>
  <body name="sled" pos="0 0 0.3"><freejoint/><geom name="runner" size="0.1 0.1 0.1" type="box"/>
  <geom name="mast" size="0.02 0.3" type="capsule" pos="0 0 0.3"/>
  <body name="arm" pos="0.3 0 0"><joint name="j" axis="0 1 0" range="-60 60"/>
  <geom name="link" type="capsule" fromto="0 0 0 .3 0 0" size=".03"/></body></body>
  </worldbody>{extra}<actuator><motor name="m" joint="j" gear="5" ctrlrange="-1 1"/></actuator>
</mujoco>"""


@pytest.mark.parametrize(
    ("changes", "mu"),
    [
        ({}, (1.0, 0.5)),
        ({"floor": 'priority="1"'}, (0.9, 0.45)),
        ({"flag": '<flag contact="disable"/>'}, (0.0, 0.0)),
        ({"flag": '<flag constraint="disable"/>'}, (0.0, 0.0)),
        ({"extra": '<contact><exclude body1="world" body2="sled"/></contact>'}, (0.0, 0.0)),
        (
            {"extra": '<contact><pair geom1="floor" geom2="runner" friction="0.3 0.3 0 0 0"/>'
                      "</contact>"},
            (0.3, 0.15),
        ),
    ],
)  # fmt: skip
def test_flags_exclusions_priorities_and_pairs_are_those_of_the_robot(tmp_path, changes, mu):
    xml = SLED.format(**{"flag": "", "floor": "", "extra": "", **changes})
    friction = """
[[perturbations]]
name = "it"
kind = "contact-friction"
targets = ["runner"]
against = ["floor"]
scale = { law = "uniform", low = 0.5, high = 1.0 }
"""
    task_set = load_task_set(write(tmp_path, xml, perturbations=friction))
    (effect,) = measure_effects(task_set, 1)
    nominal, low, _ = effect.measured
    assert (nominal, low) == pytest.approx(mu)
    if not nominal:
        assert not effect.acts


def test_locks_stand_and_dead_joints_do_not_drive():
    targets = {"targets": ["bfoot"]}
    effects = one(
        {"name": "dead", "kind": "dead-actuator", **targets},
        {"name": "lock", "kind": "locked-joint", "fraction": WIDE | {"high": 1.0}, **targets},
    )
    nominal, _, dead = effects["dead.dead[bfoot]"].measured
    assert nominal > 30 > 20 > dead
    assert effects["lock.locked[bfoot]"].measured[2] < 0.05
    low, high = effects["lock.fraction[bfoot]"].measured[1:]
    assert (low, high) == pytest.approx(np.rad2deg([(-0.4 + 0.785) / 2, 0.785]), abs=0.1)


def test_what_does_nothing_is_flagged(tmp_path):
    damping = perturbation("joint-damping", "JOINT", SCALE)
    path = write(tmp_path, perturbations=damping)
    assert [effect.acts for effect in measure_effects(load_task_set(path), 1)] == [True]
    xml = path.with_suffix(".xml")
    xml.write_text(xml.read_text().replace('damping="0.2"', ""))  # a multiple of nothing
    assert [effect.acts for effect in measure_effects(load_task_set(path), 1)] == [False]


def test_what_no_split_ever_changes_is_left_out():
    still = {"name": "it", "kind": "mass", "targets": ["torso"], "scale": constant(1.0)}
    assert one(still) == {}


def test_times_are_parameters_too():
    late = {"name": "it", "kind": "dead-actuator", "targets": ["bfoot"],
            "onset": {"law": "uniform", "low": 0.2, "high": 1.0}}  # fmt: skip
    effects = one(late)
    assert list(effects) == ["it.dead[bfoot]", "it.onset"]
    assert all(effect.acts for effect in effects.values())


def test_costs_and_a_first_run(reacher):
    costs = task_costs(reacher, 1)
    assert list(costs) == ["all", *(p.name for p in reacher.file.perturbations)]
    assert all(seconds >= 0 for seconds in costs.values())
    run = try_out(reacher, 0.2, 1)
    assert run.diverged == run.fell == 0
    assert run.nominal_rate > 0
    assert run.steps >= 20


GRIPPER = """
<mujoco model="gripper">
  <worldbody>
    <body name="left" pos="0 0.1 0">
      <joint name="left" type="slide" axis="0 1 0" range="0 0.05"/>
      <geom size="0.01" mass="0.1"/>
    </body>
    <body name="right" pos="0 -0.1 0">
      <joint name="right" type="slide" axis="0 -1 0" range="0 0.05"/>
      <geom size="0.01" mass="0.1"/>
      <site name="nozzle"/>
    </body>
  </worldbody>
  <tendon><fixed name="opening"><joint joint="left" coef="0.5"/><joint joint="right" coef="0.5"/>
  </fixed></tendon>
  <actuator>
    <general name="grip" tendon="opening" gainprm="30" ctrlrange="-1 1" ctrllimited="true"/>
    <general name="jet" site="nozzle" gear="0 3 0 0 0 0" gainprm="2" ctrlrange="-1 1"
      ctrllimited="true"/>
  </actuator>
</mujoco>
"""
REACH = 'objective = "reach-site"\nsite = "nozzle"\nlockable = ["left", "right"]'


@pytest.mark.parametrize("actuator", ["grip", "jet"])
def test_the_force_of_what_moves_no_joint_is_measured(tmp_path, actuator):
    """A gripper pulled by a tendon, a nozzle at a site."""
    strength = perturbation("motor-strength", actuator, SCALE)
    (effect,) = measure_effects(load_task_set(write(tmp_path, GRIPPER, REACH, strength)), 1)
    full = {"grip": 30.0, "jet": 2.0}[actuator]
    assert effect.measured == pytest.approx((full, 0.5 * full, 2.0 * full))
    assert (effect.what, effect.unit, effect.acts) == ("largest force, held still", "N", True)


def test_a_finger_on_a_tendon_is_driven_by_it(tmp_path):
    """Its lock has a travel to take away, though no actuator is on the joint."""
    lock = perturbation("locked-joint", "left")
    (effect,) = measure_effects(load_task_set(write(tmp_path, GRIPPER, REACH, lock)), 1)
    free, _, locked = effect.measured
    assert effect.unit == "m"
    assert free > 0.04 > 1e-4 > locked


LIFT = """
<mujoco><option timestep="0.005"/><worldbody><geom name="floor" type="plane" size="0 0 1"/>
  <body name="cart" pos="0 0 0.5"><joint name="rail" type="slide" axis="1 0 0" range="-2 2"/>
    <geom size="0.1" mass="2"/></body></worldbody>
  <tendon><fixed name="rope"><joint joint="rail" coef="1"/></fixed></tendon>
  <actuator><general name="pull" tendon="rope" gainprm="40" ctrlrange="-2 1" {}/></actuator>
</mujoco>"""


@pytest.mark.parametrize(
    ("dynamics", "expected"),
    [
        ("", 80.0),
        ('dyntype="filter" dynprm="0.5"', 80.0),
        ('dyntype="filterexact" dynprm="0.5" actlimited="true" actrange="-1 1"', 40.0),
        ('dyntype="integrator" actlimited="true" actrange="-5 5"', 200.0),
    ],
)
def test_the_force_of_an_actuator_is_that_of_its_settled_activation(tmp_path, dynamics, expected):
    weak = perturbation("weak-actuator", "pull", 'strength = { law = "constant", value = 0.5 }')
    path = write(tmp_path, LIFT.format(dynamics), perturbations=weak)
    effect = measure_effects(load_task_set(path), 1)[0]
    assert effect.what == "largest force, held still"
    assert effect.measured[0] == pytest.approx(expected)
    assert effect.measured[1] == pytest.approx(0.5 * expected)


@pytest.mark.parametrize(("scale", "expected"), [(0.1, 0.981), (0.5, 4.905)])
def test_gravity_is_measured_in_the_fall_of_the_robot(scale, expected):
    gravity = {"name": "it", "kind": "gravity", "scale": constant(scale)}
    effect = one(gravity)["it.scale"]
    assert effect.measured[:2] == pytest.approx((9.81, expected))
