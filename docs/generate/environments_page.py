"""Write docs/environments.md from the classes: `python -m environments_page FILE`."""

from __future__ import annotations

import ast
import inspect
import itertools
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import PydanticUndefined

from fastadapt.envs.catalogue import environments
from fastadapt.envs.custom.mjcf import Servo
from fastadapt.envs.custom.schema import TABLES
from fastadapt.envs.environment import Channel, Environment
from fastadapt.envs.model.names import names_of
from fastadapt.envs.objectives.catalogue import objectives
from fastadapt.envs.perturbations import perturbation_kinds
from fastadapt.envs.perturbations.perturbation import Perturbation

_HEAD = """# Environments, perturbations and own robots

Made from the classes by `python -m environments_page docs/environments.md`; a test compares.
Ids are versioned and never changed in place. Terminated and truncated are never mixed; a simulation
that diverges ends its episode as truncated, with `info["diverged"]`.
"""


def page() -> str:
    """Return the whole page, in Markdown."""
    shipped = environments()
    parts = [_HEAD, _contents(shipped.values())]
    parts += [_environment(cls) for cls in shipped.values()]
    parts.append("# Objectives\n\nWhat an own robot can be asked to do, and what some of ours do.")
    parts += [_objective(name, cls) for name, cls in objectives().items()]
    parts += [f"## {base.__name__}\n\n{_prose(base)}" for base in _bases()]
    parts.append("# Perturbations\n\nEvery kind also has the keys of the last table.")
    parts += [_perturbation(kind, cls) for kind, cls in perturbation_kinds().items()]
    parts += [_common_keys(), _own_robot()]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _contents(classes: Iterable[type[Environment]]) -> str:
    rows = []
    for cls in classes:
        step = cls.control_step()
        rows.append(
            (
                f"[`{cls.id()}`](#{cls.id()})",
                cls.summary,
                len(cls.observations),
                len(cls.actions()),
                f"{1e3 * step:g} ms",
                f"{cls.horizon * step:g} s ({cls.horizon})",
            )
        )
    head = ("id", "what", "observations", "actions", "control step", "episode (steps)")
    return _table(head, rows)


def _environment(cls: type[Environment]) -> str:
    model, step = cls.model(), cls.control_step()
    facts = [
        (
            "control step",
            f"{1e3 * step:g} ms ({cls.physics_steps} of {1e3 * model.opt.timestep:g} ms)",
        ),
        ("longest episode", f"{cls.horizon * step:g} s ({cls.horizon} control steps)"),
        ("`info['distance']`", cls.distance_name),
        ("mass of all that moves", f"{model.body_mass[model.body_weldid > 0].sum():.3g} kg"),
    ]
    parts = [f"## {cls.id()}", _prose(cls), _table(("", ""), facts)]
    weights = getattr(cls, "weights", None)
    if weights:
        named = ", ".join(f"`{name}` {value:g}" for name, value in weights.items())
        parts.append(f"Weights of the reward: {named}.")
    parts += ["**Observation**", _channels(cls.observations)]
    parts += ["**Action**", _channels(cls.actions())]
    if cls.goals:
        rows = [(goal.name, _unit(goal.unit), f"{goal.nominal:g}") for goal in cls.goals]
        parts += ["**Hidden goals**", _table(("name", "unit", "nominal"), rows)]
    parts += ["**Targets of perturbations**", _targets(cls)]
    return "\n\n".join(parts)


def _targets(cls: type[Environment]) -> str:
    model = cls.model()
    rows = [
        (f"{kind}: {len(names)}", ", ".join(names))
        for kind in ("body", "geom", "joint", "actuator")
        if (names := names_of(model, kind))
    ]
    rows.append((f"lockable joints: {len(cls.lockable)}", ", ".join(cls.lockable)))
    if cls.feet:
        rows.append((f"feet: {len(cls.feet)}", ", ".join(cls.feet)))
    return _table(("what", "names"), rows)


def _channels(channels: Sequence[Channel]) -> str:
    rows = [
        (i, channel.name, _unit(channel.unit), _range(channel))
        for i, channel in enumerate(channels)
    ]
    return _table(("index", "name", "unit", "range"), rows)


def _range(channel: Channel) -> str:
    if np.isinf(channel.low) and np.isinf(channel.high):
        return "any"
    return f"{channel.low:g} to {channel.high:g}"


def _objective(name: str, cls: type[Environment]) -> str:
    bases = [base for base in cls.__mro__[1:] if base.__module__.startswith(_OBJECTIVES)]
    parts = [f"## {name}", _prose(cls)]
    if bases:
        links = (f"[`{base.__name__}`](#{base.__name__.lower()})" for base in bases)
        parts.append(f"Based on {', '.join(links)}.")
    table = TABLES[name]
    docs = attribute_docs(table)
    rows = [
        (f"`{key}`", docs.get(key, ""), _default(cls, key, field.default, docs.get(key, "")))
        for key, field in table.model_fields.items()
        if key not in _SHARED_KEYS
    ]
    parts += ["Keys beside those of every own robot:", _table(("key", "meaning", "default"), rows)]
    weights = getattr(cls, "weights", None)
    if isinstance(weights, dict):
        named = ", ".join(f"`{key}` {value:g}" for key, value in weights.items())
        parts.append(f"Default weights of the reward: {named}.")
    return "\n\n".join(parts)


def _bases() -> list[type]:
    """Return what several objectives are based on, the most special first."""
    found = [base for cls in objectives().values() for base in cls.__mro__[1:]]
    shared = (base for base in found if base.__module__.startswith(_OBJECTIVES))
    return list(dict.fromkeys(shared))


_OBJECTIVES = "fastadapt.envs.objectives"
_SHARED_KEYS = set.intersection(*(set(table.model_fields) for table in TABLES.values()))


def _default(cls: type[Environment], key: str, default: Any, doc: str) -> str:
    if "(default:" in doc:
        return ""  # it follows from the model
    if default is PydanticUndefined:
        return "must be given"
    value = default if default is not None else inspect.getattr_static(cls, key, None)
    if isinstance(value, tuple):
        return ", ".join(f"{number:.3g}" for number in value)
    return f"{value:g}" if isinstance(value, int | float) else ""


def _perturbation(kind: str, cls: type[Perturbation]) -> str:
    rows = []
    for parameter in cls.parameters:
        law = "a law" if parameter.name in cls.model_fields else "a switch"
        if (
            parameter.name in cls.model_fields
            and not cls.model_fields[parameter.name].is_required()
        ):
            law = f"a law; without one {parameter.struck:g}"
        rows.append(
            (
                f"`{parameter.name}`",
                _unit(parameter.unit),
                f"{parameter.nominal:g}",
                f"{parameter.low:g} to {parameter.high:g}",
                law,
            )
        )
    parts = [f"## {kind}", _prose(cls)]
    parts.append(_table(("parameter", "unit", "nominal", "possible", "given as"), rows))
    docs = attribute_docs(cls)
    named = {parameter.name for parameter in cls.parameters}
    keys = [k for k in cls.model_fields if k not in {*Perturbation.model_fields, *named, "kind"}]
    if keys:
        rows = [(f"`{key}`", docs.get(key, ""), _key_default(cls, key)) for key in keys]
        parts.append(_table(("other key", "meaning", "default"), rows))
    written = ", ".join(f"`{field}`" for field in (*cls.fields, *cls.signals))
    parts.append(
        f"Targets: {_TARGETS[cls.target_type]}. Writes {written or 'nothing of the model'}."
    )
    return "\n\n".join(parts)


_TARGETS = {
    "body": "bodies",
    "geom": "geoms",
    "joint": "joints",
    "actuator": "actuators",
    "world": "none, it is about the robot as a whole",
    "observation": "channels of the observation",
    "goal": "hidden goals",
}


def _key_default(cls: type[Perturbation], key: str) -> str:
    field = cls.model_fields[key]
    return "must be given" if field.is_required() else f"`{field.default}`"


def _common_keys() -> str:
    docs = attribute_docs(Perturbation)
    rows = [(f"`{key}`", docs[key]) for key in Perturbation.model_fields if key in docs]
    return "## Keys of every perturbation\n\n" + _table(("key", "meaning"), rows)


def _own_robot() -> str:
    table = next(iter(TABLES.values()))
    docs = attribute_docs(table)
    keys = [key for key in table.model_fields if key in _SHARED_KEYS and key != "objective"]
    rows = [("`objective`", f"one of {', '.join(f'`{name}`' for name in TABLES)}")]
    rows += [(f"`{key}`", docs.get(key, "")) for key in keys]
    servo = attribute_docs(Servo)
    rows += [(f"`servos[].{key}`", servo[key]) for key in Servo.model_fields]
    return (
        "# Your own robot\n\nKeys of the table `[environment]` of a task-set file, in place of the "
        "name of a shipped environment:\n\n" + _table(("key", "meaning"), rows) + "\n\n"
        '`class = "module:Class"` alone, in place of all of them, names a Python class: an '
        "`Environment`, or an objective with `spec` and numbers. The module lies beside the file "
        "or is installed. What has no name in the model is called after its body (`leg`, `leg_2`); "
        "a model with a free joint and without ground gets a floor, on which the robot stands."
    )


def _prose(cls: type) -> str:
    """Return the docstring as Markdown: paragraphs and lists keep their lines."""
    return inspect.cleandoc(cls.__doc__ or "")


def _unit(unit: str) -> str:
    return {"x": "x nominal", "-": ""}.get(unit, unit)


def _table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    cells = [[str(cell).replace("|", "\\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(page(), encoding="utf-8")


def attribute_docs(cls: type) -> dict[str, str]:
    """Return the texts under annotated attributes of a class and of its bases, by name."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if base.__module__.startswith("fastadapt."):
            found |= _own(base)
    return found


def _own(cls: type) -> dict[str, str]:
    tree = ast.parse(textwrap.dedent(inspect.getsource(cls)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found: dict[str, str] = {}
    for node, following in itertools.pairwise(body):
        if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            found[node.target.id] = " ".join(str(following.value.value).split())
    return found
