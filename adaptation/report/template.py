"""Templates of all pages: offline, everything escaped, nothing undefined."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template


def find_template(name: str) -> Template:
    """Return a template of `templates/`; those of whole pages extend `page.html`."""
    import jinja2

    folder = files("fastadapt.adaptation.report").joinpath("templates")
    loader = jinja2.FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8"))
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    return environment.get_template(name)
