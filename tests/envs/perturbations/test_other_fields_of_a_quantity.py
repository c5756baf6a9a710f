"""A quantity that MuJoCo keeps in several fields is perturbed in all of them, or refused."""

import mujoco
import numpy as np
import pytest

from fastadapt.envs import FastadaptError, find_environment
from tests.support.declared import constant
from tests.support.scenes import model_of, simulate

ARM = """
<mujoco><option timestep="0.002" integrator="implicitfast"/><worldbody>
<body name="a" pos="0 0 1" {body}><joint name="j1" axis="0 1 0" {joint}/>
<geom type="capsule" fromto="0 0 0 .3 0 0" size=".02"/>
<body name="b" pos=".3 0 0" {body}><joint name="j2" axis="0 1 0"/>
<geom type="capsule" fromto="0 0 0 .3 0 0" size=".02"/></body></body></worldbody>
<tendon><fixed name="t" {tendon}><joint joint="j1" coef="1"/><joint joint="j2" coef="1"/></fixed>
</tendon><actuator>{actuators}</actuator></mujoco>"""


def arm(body="", joint="", tendon="", actuators='<motor name="m" joint="j1"/>'):
    return ARM.format(body=body, joint=joint, tendon=tendon, actuators=actuators)


def moment(model, qvel, ctrl=0.0, act=0.0, field="qfrc_actuator"):
    """Return a generalised force on the joints."""
    data = mujoco.MjData(model)
    data.qvel[:], data.ctrl[:] = qvel, ctrl
    data.act[:] = act
    mujoco.mj_forward(model, data)
    return getattr(data, field).copy()


def test_a_dead_motor_no_longer_compensates_gravity():
    """Arm and motor with compensation, dead: it falls as one without any."""
    xml = arm('gravcomp="1"', 'actuatorgravcomp="true"')
    dead = model_of(simulate(xml, [1.0], "dead-actuator", "m"))
    assert moment(dead, 0.0)[0] == 0.0
    nominal = moment(mujoco.MjModel.from_xml_string(xml), 0.0)[0]
    assert abs(nominal) > 1.0


@pytest.mark.parametrize("kind", ["weak-actuator", "motor-strength"])
def test_other_strengths_of_a_motor_that_compensates_gravity_are_refused(kind):
    xml = arm('gravcomp="1"', 'actuatorgravcomp="true"')
    with pytest.raises(FastadaptError, match=r"'m' also compensates gravity.*joint 'j1'.*Use the"):
        simulate(xml, [0.5], kind, "m")


@pytest.mark.parametrize(("kind", "share"), [("dead-actuator", 0.0), ("weak-actuator", 0.5)])
def test_the_damping_of_an_actuator_is_lost_with_its_strength(kind, share):
    motor = '<motor name="m" joint="j1" gear="2" damping="5 1"/>'
    value = 1.0 if kind == "dead-actuator" else share
    nominal, ours = (model_of(simulate(arm(actuators=motor), [v], kind, "m")) for v in (0.0, value))
    if kind == "weak-actuator":
        nominal = mujoco.MjModel.from_xml_string(arm(actuators=motor))
    nominal_force, force = (
        moment(model, [2.0, 0.0], field="qfrc_passive")[0] for model in (nominal, ours)
    )
    assert nominal_force < -40
    assert force == pytest.approx(share * nominal_force)


def test_polynomial_damping_is_scaled_as_a_whole():
    """At 3 rad/s, 1 + 2 v + 3 v^2 gives 34 N m s/rad."""
    sim = simulate(arm(joint='damping="1 2 3"'), [1.0, 2.0], "joint-damping", "j1")
    found = [moment(model_of(sim, i), [3.0, 0.0], field="qfrc_passive")[0] for i in range(2)]
    assert found == pytest.approx([-102.0, -204.0])


def test_damping_of_a_joint_is_scaled_in_its_actuators_too():
    motors = '<motor name="m" joint="j1" damping="5"/><motor name="n" joint="j2" damping="7"/>'
    model = model_of(simulate(arm(actuators=motors), [3.0], "joint-damping", "j1"))
    np.testing.assert_allclose(moment(model, [1, 1], field="qfrc_passive"), [-15.0, -7.0])


def test_armature_of_a_joint_is_scaled_in_its_actuators_too():
    motors = '<motor name="m" joint="j1" armature="0.2" gear="2"/>'
    sim = simulate(arm(actuators=motors), [(1.0, 0.0), (3.0, 0.0)], "joint-armature", "j1",
                   scale=constant(1))  # fmt: skip
    inertia = sim.field("dof_M0")[:, 0]
    assert inertia[1] - inertia[0] == pytest.approx(2 * 0.2 * 2**2)


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.5])
def test_the_limit_of_a_tendon_is_scaled_with_the_strength(strength):
    """A gain of 20 at a limit of 1: saturated at every strength."""
    xml = arm(
        tendon='actuatorfrclimited="true" actuatorfrcrange="-1 1"',
        actuators='<general name="m" tendon="t" gainprm="20" ctrlrange="-1 1"/>',
    )
    model = model_with_tendons(simulate(xml, [strength], "weak-actuator", "m"))
    np.testing.assert_allclose(moment(model, 0.0, 1.0), [strength, strength])


def model_with_tendons(sim):
    model = model_of(sim)
    model.tendon_actfrcrange[:] = sim.field("tendon_actfrcrange")[0]
    return model


def test_two_actuators_on_a_limited_tendon_are_refused():
    xml = arm(
        tendon='actuatorfrclimited="true" actuatorfrcrange="-1 1"',
        actuators='<motor name="m" tendon="t"/><motor name="n" tendon="t"/>',
    )
    with pytest.raises(FastadaptError, match=r"'m' shares the 'actuatorfrcrange' of tendon 't'"):
        simulate(xml, [0.5], "weak-actuator", "m")


MUSCLE = '<muscle name="m" joint="j1" gear="0.1" {} lengthrange="0.5 1.5"/>'


@pytest.mark.parametrize("force", ['force="300"', 'scale="800"'])
@pytest.mark.parametrize("strength", [0.0, 0.3, 2.0])
def test_a_weak_muscle_is_weak_in_proportion(force, strength):
    """Its force at any activation, length and speed, passive tension included."""
    xml = arm(actuators=MUSCLE.format(force))
    weak = model_of(simulate(xml, [strength], "weak-actuator", "m"))
    nominal = mujoco.MjModel.from_xml_string(xml)
    for speed, activation in ((0.0, 0.0), (0.0, 1.0), (2.0, 0.6), (-3.0, 0.4)):
        whole = moment(nominal, [speed, 0], 0.0, activation)[0]
        found = moment(weak, [speed, 0], 0.0, activation)[0]
        assert found == pytest.approx(strength * whole, abs=1e-12)
    assert abs(moment(nominal, [0.0, 0.0], 0.0, 1.0)[0]) > 0.1


def test_an_actuator_of_a_plugin_is_refused():
    xml = arm(
        actuators='<plugin name="m" plugin="mujoco.pid" joint="j1"><config key="kp" '
        'value="1"/></plugin>'
    ).replace("<worldbody>", '<extension><plugin plugin="mujoco.pid"/></extension><worldbody>')
    with pytest.raises(FastadaptError, match="'m' is of the kind 'plugin'"):
        simulate(xml, [1.0], "dead-actuator", "m")


@pytest.mark.parametrize("kind", ["joint-friction", "joint-damping", "joint-armature"])
def test_a_free_joint_is_no_bearing(kind):
    """A pattern leaves it out, and its name is refused: a robot in the air has no friction."""
    xml = arm().replace(
        '<body name="a" pos',
        '<body><freejoint name="root"/><geom size=".1"/></body><body name="a" pos',
    )
    extra = {"add": {"law": "constant", "value": 1.0}} if kind == "joint-armature" else {}
    values = [(3.0, 1.0)] if kind == "joint-armature" else [3.0]
    if kind == "joint-armature":
        extra["scale"] = None
    model = model_of(simulate(xml, values, kind, "*", **extra))
    free = slice(0, 6)
    for field in ("dof_frictionloss", "dof_damping", "dof_armature"):
        assert not getattr(model, field)[free].any()
    with pytest.raises(FastadaptError, match="joint 'root' is free: it has no bearing"):
        simulate(xml, values, kind, "root", **extra)


def test_a_severed_limb_keeps_no_spring_and_no_damping_of_any_order():
    xml = arm(actuators='<motor name="m" joint="j2" damping="0 3"/>')
    xml = xml.replace('name="j2" axis', 'name="j2" stiffness="0 30" axis')
    xml = xml.replace('<joint joint="j2" coef="1"/></fixed>', "</fixed>")
    model = model_of(simulate(xml, [1.0], "severed-limb", "b"))
    data = mujoco.MjData(model)
    data.qpos[:] = data.qvel[:] = 1.0
    mujoco.mj_forward(model, data)
    assert not data.qfrc_spring.any()
    assert data.qfrc_damper[1] == pytest.approx(-20.0 * model.dof_armature[1])


def test_a_dead_servo_of_the_hexapod_swings_freely():
    """Torso held, a leg without power: it hangs at its stop after half a second."""
    nominal = find_environment("hexapod").model()
    model = model_of(simulate(nominal, [1.0], "dead-actuator", "l1_femur", "l1_tibia"))
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_CONTACT
    data = mujoco.MjData(model)
    model.body_gravcomp[model.body("torso").id] = nominal.body_subtreemass[1] / 1.031
    model.dof_armature[:6] = 1e6  # as good as bolted to a bench
    for _ in range(100):
        mujoco.mj_step(model, data)
    femur = np.rad2deg(data.joint("l1_femur").qpos[0])
    assert femur == pytest.approx(-45.0, abs=2.0)


SAG = """
<mujoco><option timestep="0.002" integrator="implicitfast"/><worldbody>
<body name="a" pos="0 0 1" gravcomp="{gravcomp}"><joint name="j1" axis="0 1 0"/>
<geom type="capsule" fromto="0 0 0 .3 0 0" size=".02" mass="0.5"/></body></worldbody>
<actuator><position joint="j1" kp="50" kv="10"/></actuator></mujoco>"""
AT_CENTRE = {"position": (0.15, 0.0, 0.0)}


def sag(model):
    """Return how far an arm sinks that is held at 0 [rad]."""
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, nstep=3000)
    return data.qpos[0]


@pytest.mark.parametrize(
    ("kind", "value", "extra", "added"),
    [("payload", 1.5, AT_CENTRE, 1.5), ("mass", 4.0, {}, 1.5), ("mass", 0.5, {}, -0.25)],
)
def test_gravity_compensation_carries_the_nominal_mass_alone(kind, value, extra, added):
    model = model_of(simulate(SAG.format(gravcomp=1), [value], kind, "a", **extra))
    angle = sag(model)
    assert 50 * angle == pytest.approx(added * 9.81 * 0.15 * np.cos(angle), rel=1e-4)


def test_a_load_elsewhere_than_at_the_compensated_centre_is_refused():
    with pytest.raises(
        FastadaptError, match=r"would carry the payload.*\(position = \[0.15, 0, 0\]"
    ):
        simulate(SAG.format(gravcomp=1), [3.0], "payload", "a", position=(0.3, 0.0, 0.0))
    simulate(SAG.format(gravcomp=0), [3.0], "payload", "a", position=(0.3, 0.0, 0.0))


@pytest.mark.parametrize("kind", ["com-shift", "shortened-limb"])
def test_a_centre_of_mass_that_compensation_would_follow_does_not_move(kind):
    with pytest.raises(FastadaptError, match="would follow its centre of mass"):
        simulate(SAG.format(gravcomp=1), [0.5 if kind == "shortened-limb" else (0.1, 0, 0)], kind,
                 "a")  # fmt: skip


@pytest.mark.parametrize("robot", ["cheetah", "hopper", "walker2d"])
def test_a_slope_across_the_plane_of_a_robot_is_refused(robot):
    model = find_environment(robot).model()
    with pytest.raises(FastadaptError, match=r'would only weaken gravity\. Give direction = "x"'):
        simulate(model, [10.0], "slope", direction="y")
    simulate(model, [10.0], "slope", direction="x")


def test_a_slope_acts_on_arms_and_pendulums():
    simulate(SAG.format(gravcomp=0), [10.0], "slope", direction="x")
    simulate(find_environment("arm-push").model(), [10.0], "slope", direction="y")
