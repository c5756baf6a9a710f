"""Small scenes with a known answer, and perturbations applied to them without a task set."""

import copy

import mujoco
import numpy as np

from fastadapt.envs.model.names import ids_of
from fastadapt.envs.perturbations import Edit, perturbation_kinds
from fastadapt.envs.simulation.factory import make_simulation
from tests.support.declared import constant


def simulate(xml, values, kind, *targets, backend="auto", **content):
    """Return one simulation of a scene for each of `values`, perturbed by it.

    Args:
        xml: the scene, as text or as an `MjModel`.
        values: for each simulation the value of the first parameter, or all parameters.
        kind: of the perturbation.
        targets: of the perturbation.
        backend: of the simulations.
        content: other keys of the perturbation; laws are not needed.
    """
    model = xml if isinstance(xml, mujoco.MjModel) else mujoco.MjModel.from_xml_string(xml)
    sim = make_simulation(model, len(values), num_threads=1, forward=True, backend=backend)
    perturb(sim, np.arange(len(values)), values, kind, *targets, **content)
    return sim


def perturb(sim, ids, values, kind, *targets, **content):
    """Perturb some of the simulations, from nominal values; poses are left as they are."""
    some, found = declared_on(sim.model, kind, *targets, **content)
    columns = np.array([np.atleast_1d(value) for value in values], float)[:, None, :]
    edit = Edit(sim, np.asarray(ids))
    for field in some.fields:
        edit[field]
    some.apply(edit, found, np.repeat(columns, len(found), axis=1))
    edit.commit(some.stale)


def declared_on(model, kind, *targets, **content):
    """Return a perturbation and the ids of its targets; laws are not needed."""
    cls = perturbation_kinds()[kind]
    laws = {p.name: constant(p.low) for p in cls.parameters if p.name in cls.model_fields}
    content = {"targets": targets, **laws, **content} if targets else {**laws, **content}
    some = cls.model_validate({"name": "it", "kind": kind, **content})
    return some, ids_of(model, cls.target_type, some.resolve(model))


def model_of(sim, i=0):
    """Return the whole model of one simulation, as a plain `MjModel` of its own."""
    model = copy.copy(sim.model)
    kinds = ("body", "dof", "geom", "actuator", "eq", "jnt", "site", "pair", "cam", "light")
    for name in [n for n in dir(model) if n.split("_")[0] in kinds]:
        array = getattr(model, name)
        if isinstance(array, np.ndarray) and array.dtype.kind in "fiub" and array.size:
            array[...] = sim.field(name)[i]
    model.opt.gravity[:] = sim.field("gravity")[i]
    model.opt.disableflags = int(sim.field("disableflags")[i])
    return model


def contacts_of(sim, i=0):
    """Return the contacts of one simulation as it stands: `MjData` with `contact` filled in."""
    model = model_of(sim, i)
    data = mujoco.MjData(model)
    data.qpos[:] = sim.data("qpos")[i]
    mujoco.mj_forward(model, data)
    return data.contact


def record(sim, steps, read):
    """Return `read(sim)` after each of some physics steps."""
    seen = []
    for _ in range(steps):
        sim.step(1)
        seen.append(np.array(read(sim)))
    return np.array(seen)


def periods(angles, timestep):
    """Return the period of oscillations `(T, N)` about 0 from their first and last rising zero."""
    out = []
    for angle in angles.T:
        rising = np.flatnonzero((angle[:-1] < 0) & (angle[1:] >= 0))
        exact = rising + angle[rising] / (angle[rising] - angle[rising + 1])
        out.append((exact[-1] - exact[0]) / (len(exact) - 1) * timestep)
    return np.array(out)
