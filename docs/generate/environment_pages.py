"""A page for each environment, and one of the objectives."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

import numpy as np
from markdown_blocks import attribute_docs, page, prose, table, unit
from pydantic_core import PydanticUndefined

from fastadapt.envs.catalogue import environments
from fastadapt.envs.custom.schema import RobotTable, robot_table
from fastadapt.envs.environment import Channel, Environment
from fastadapt.envs.model.names import names_of
from fastadapt.envs.objectives.catalogue import objectives
from fastadapt.envs.objectives.objective import Objective

FOLDER = "reference/environments"

_HEAD = """# Environments

An environment is a robot with an objective. Its id is versioned: an environment never changes under
its id. `terminated` and `truncated` are never mixed; a simulation that diverges ends its episode as
truncated, with `info["diverged"]` set. `fastadapt list environments` prints this table.
"""


def environment_pages() -> dict[str, str]:
    """Return the pages about environments by their path in docs/."""
    pages = {f"{FOLDER}/{cls.id()}.md": environment_page(cls) for cls in environments().values()}
    return {f"{FOLDER}/index.md": _index(), **pages, "reference/objectives.md": _objectives_page()}


def _index() -> str:
    rows = [
        (
            f"[`{cls.id()}`]({cls.id()}.md)",
            cls.summary,
            len(cls.observations),
            len(cls.actions()),
            f"{1e3 * cls.control_step():g} ms",
            f"{cls.horizon * cls.control_step():g} s ({cls.horizon})",
        )
        for cls in environments().values()
    ]
    head = ("id", "summary", "observations", "actions", "control step", "episode (steps)")
    return page(_HEAD, table(head, rows))


def environment_page(cls: type[Environment]) -> str:
    """Return the page of an environment."""
    model, step = cls.model(), cls.control_step()
    facts = [
        ("id", f"`{cls.id()}`"),
        (
            "control step",
            f"{1e3 * step:g} ms ({cls.physics_steps} of {1e3 * model.opt.timestep:g} ms)",
        ),
        ("longest episode", f"{cls.horizon * step:g} s ({cls.horizon} control steps)"),
        ("`info['distance']`", cls.distance_name),
        ("moving mass", f"{model.body_mass[model.body_weldid > 0].sum():.3g} kg"),
    ]
    parts = [f"# {cls.id()}", prose(cls), table(("", ""), facts), _weights(cls, "Reward weights")]
    parts += ["## Observation", _channels(cls.observations)]
    parts += ["## Action", _channels(cls.actions())]
    if cls.goals:
        rows = [(goal.name, unit(goal.unit), f"{goal.nominal:g}") for goal in cls.goals]
        parts += ["## Hidden goals", table(("name", "unit", "nominal"), rows)]
    parts += ["## Targets of perturbations", _targets(cls)]
    return page(*parts)


def _weights(cls: type[Environment], title: str) -> str:
    weights = getattr(cls, "weights", None)
    if not isinstance(weights, dict) or not weights:
        return ""
    return f"{title}: {', '.join(f'`{name}` {value:g}' for name, value in weights.items())}."


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
    return table(("kind", "names"), rows)


def _channels(channels: Sequence[Channel]) -> str:
    rows = [
        (i, channel.name, unit(channel.unit), _range(channel)) for i, channel in enumerate(channels)
    ]
    return table(("index", "name", "unit", "range"), rows)


def _range(channel: Channel) -> str:
    if np.isinf(channel.low) and np.isinf(channel.high):
        return "any"
    return f"{channel.low:g} to {channel.high:g}"


def _objectives_page() -> str:
    parts = [
        "# Objectives",
        "An objective defines reward, observation, termination and reset of a robot. A task set "
        'names it in `[environment] objective = "..."`, beside the '
        "[keys of every robot](own-robot.md).",
    ]
    parts += [_objective(name, cls) for name, cls in objectives().items()]
    parts += [f"## {base.__name__}\n\n{prose(base)}" for base in _bases()]
    return page(*parts)


def _objective(name: str, cls: type[Objective]) -> str:
    bases = [base for base in cls.__mro__[1:] if base.__module__.startswith(_OBJECTIVES)]
    parts = [f"## {name}", prose(cls)]
    if bases:
        links = (f"[`{base.__name__}`](#{base.__name__.lower()})" for base in bases)
        parts.append(f"Based on {', '.join(links)}.")
    settings = robot_table(cls)
    docs = attribute_docs(cls) | attribute_docs(cls.keys)
    rows = [
        (f"`{key}`", docs.get(key, ""), _default(cls, key, field.default, docs.get(key, "")))
        for key, field in settings.model_fields.items()
        if key not in shared_keys()
    ]
    parts += [table(("key", "meaning", "default"), rows)]
    parts.append(_weights(cls, "Default weights of the reward"))
    return page(*parts)


def _bases() -> list[type]:
    """Return the classes that several objectives are based on, the most special first."""
    found = [base for cls in objectives().values() for base in cls.__mro__[1:]]
    shared = (base for base in found if base.__module__.startswith(_OBJECTIVES))
    return list(dict.fromkeys(shared))


_OBJECTIVES = "fastadapt.envs.objectives"


def shared_keys() -> set[str]:
    """Return the keys of `[environment]` that every objective takes."""
    return set(RobotTable.model_fields)


def _default(cls: type[Environment], key: str, default: Any, doc: str) -> str:
    if "(default:" in doc:
        return ""  # it follows from the model
    if default is PydanticUndefined:
        return "must be given"
    value = default if default is not None else inspect.getattr_static(cls, key, None)
    if isinstance(value, tuple):
        return ", ".join(f"{number:.3g}" for number in value)
    return f"{value:g}" if isinstance(value, int | float) else ""
