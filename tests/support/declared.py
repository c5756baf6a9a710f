"""Task sets and tasks declared in a test, in place of a TOML file."""

import dataclasses

from fastadapt.envs.tasks.schema import TaskSetFile
from fastadapt.envs.tasks.task_set import TaskSet


def constant(value):
    return {"law": "constant", "value": value}


def declare(environment, *perturbations, groups=None, **splits):
    """Return a task set of these perturbations; every split has 8 tasks."""
    content = {
        "name": "declared",
        "version": 0,
        "environment": environment,
        "groups": groups or {},
        "perturbations": perturbations,
        "splits": {
            "train": {"count": 8},
            **{name: {"count": 8, "perturbations": changed} for name, changed in splits.items()},
        },
    }
    return TaskSet(TaskSetFile.model_validate(content), "", None)


def with_values(task_set, **values):
    """Return the nominal task with some values replaced: keys are `perturbation`, `__`, the rest.

    `weak__strength__bshin=0.5` sets `weak.strength[bshin]`, `ground__scale=2` sets `ground.scale`.
    """
    new = dict(zip(task_set.names, task_set.nominal.values, strict=True))
    for key, value in values.items():
        owner, parameter, *target = key.split("__")
        name = f"{owner}.{parameter}" + (f"[{target[0]}]" if target else "")
        assert name in new, f"{name} not in {task_set.names}"
        new[name] = float(value)
    return dataclasses.replace(task_set.nominal, values=tuple(new.values()))
