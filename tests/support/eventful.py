"""A cheetah to which everything happens that is no field of its model, at times of its own."""

from tests.support.declared import declare

UNIFORM = {"law": "uniform", "low": 0.05, "high": 0.4}
LATER = {"law": "uniform", "low": 0.5, "high": 0.8}


def law(low, high):
    return {"law": "uniform", "low": low, "high": high}


def entry(name, kind, *targets, **content):
    return {"name": name, "kind": kind, "targets": targets or ("world",), **content}


EVERYTHING = (
    entry("mass", "mass", "torso", scale=law(0.5, 2), onset=UNIFORM, ramp=UNIFORM, repair=LATER),
    entry("lock", "locked-joint", "b*", strike=1, onset=UNIFORM, duration=UNIFORM),
    entry("weak", "weak-actuator", "f*", strength=law(0.2, 0.9), event="touch-down"),
    entry("flicker", "intermittent-actuator", "*", off_fraction=law(0.1, 0.5), onset=UNIFORM,
          mean_off=law(0.1, 0.3), repair=LATER),
    entry("push", "push", "torso", "ffoot", x=law(-50, 50), z=law(-20, 20), onset=UNIFORM,
          duration=law(0.1, 0.3)),
    entry("offset", "sensor-offset", "* velocity", offset=law(-1, 1), strike=3, onset=UNIFORM),
    entry("drift", "sensor-drift", "b*", rate=law(-1, 1), strike=2, onset=UNIFORM, repair=LATER),
    entry("noise", "sensor-noise", "*", std=law(0.01, 0.2), strike=4, onset=UNIFORM),
    entry("stuck", "sensor-stuck", "*", strike=2, onset=UNIFORM, duration=LATER),
    entry("dropped", "sensor-dropped", "*", strike=4, probability=law(0.1, 0.9)),
    entry("delay", "action-delay", steps={"law": "choice", "values": [0, 1, 2, 4]}, onset=UNIFORM),
    entry("goal", "goal", "velocity", value=law(0, 3), onset=UNIFORM),
    entry("worn", "backlash", "b*", gap=law(2, 8), strike=2, onset=UNIFORM, duration=LATER),
)  # fmt: skip


def eventful():
    """Return a task set of all of them."""
    return declare("cheetah-velocity", *EVERYTHING)
