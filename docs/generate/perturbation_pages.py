"""A page for each kind of perturbation."""

from __future__ import annotations

from typing import Any

from field_coverage import coverage_page
from markdown_blocks import attribute_docs, key, page, prose, summary, table, unit

from fastadapt.envs.perturbations import perturbation_kinds
from fastadapt.envs.perturbations.perturbation import Parameter, Perturbation

FOLDER = "reference/perturbations"

_HEAD = """# Perturbations

A perturbation is one typed physical change of a robot. Each kind names its targets, states its
parameters with units, nominal values and physical bounds, and starts from nominal values whenever
it is applied. `fastadapt list perturbations` prints the kinds; `fastadapt check TASK_SET` measures
the effect of each parameter of a task set. [MuJoCo fields](fields.md) lists what each kind writes.
"""


def perturbation_pages() -> dict[str, str]:
    """Return the pages about perturbations by their path in docs/."""
    kinds = perturbation_kinds()
    pages = {f"{FOLDER}/{kind}.md": perturbation_page(kind, cls) for kind, cls in kinds.items()}
    fields = {f"{FOLDER}/fields.md": coverage_page()}
    return {f"{FOLDER}/index.md": _index(kinds), **fields, **pages}


def _index(kinds: dict[str, type[Perturbation]]) -> str:
    rows = [
        (
            f"[`{kind}`]({kind}.md)",
            summary(cls),
            ", ".join(f"`{p.name}`" + (f" [{unit(p.unit)}]" if unit(p.unit) else "")
                      for p in cls.parameters),
        )
        for kind, cls in kinds.items()
    ]  # fmt: skip
    return page(
        _HEAD,
        table(("kind", "summary", "parameters"), rows),
        "## Keys of every perturbation",
        _common_keys(),
    )


def perturbation_page(kind: str, cls: type[Perturbation]) -> str:
    """Return the page of a kind of perturbation."""
    head = ("parameter", "unit", "nominal", "bounds", "given as")
    parts = [f"# {kind}", prose(cls), "## Parameters"]
    parts.append(table(head, [_parameter(parameter, cls) for parameter in cls.parameters]))
    docs = attribute_docs(cls)
    named = {parameter.name for parameter in cls.parameters}
    others = [k for k in cls.model_fields if k not in {*Perturbation.model_fields, *named, "kind"}]
    if others:
        rows = [(f"`{name}`", docs.get(name, ""), _default(cls, name)) for name in others]
        parts += ["## Other keys", table(("key", "meaning", "default"), rows)]
    written = ", ".join(f"`{field}`" for field in (*cls.fields, *cls.signals))
    parts.append(f"Targets: {cls.target_words()}. Writes {written or 'no field of the model'}.")
    parts.append("Every kind also takes the [keys of every perturbation]"
                 "(index.md#keys-of-every-perturbation).")  # fmt: skip
    return page(*parts)


def _parameter(parameter: Parameter, cls: type[Perturbation]) -> tuple[Any, ...]:
    law = "a distribution" if parameter.name in cls.model_fields else "a switch"
    field = cls.model_fields.get(parameter.name)
    if field is not None and not field.is_required():
        law = f"a distribution (default: {parameter.default:g})"
    return (
        f"`{parameter.name}`",
        unit(parameter.unit),
        f"{parameter.nominal:g}",
        f"{parameter.low:g} to {parameter.high:g}",
        law,
    )


def _default(cls: type[Perturbation], key: str) -> str:
    field = cls.model_fields[key]
    return "must be given" if field.is_required() else f"`{field.default}`"


def _common_keys() -> str:
    docs = attribute_docs(Perturbation)
    rows = [
        (key(name, field), docs[name])
        for name, field in Perturbation.model_fields.items()
        if name in docs
    ]
    return table(("key", "meaning"), rows)
