"""Write the generated pages of docs/: `python docs/generate/reference_pages.py [--check]`."""

from __future__ import annotations

import sys
from pathlib import Path

from environment_pages import environment_pages
from markdown_blocks import ROOT
from perturbation_pages import perturbation_pages
from settings_tables import agent_pages
from task_set_pages import task_set_pages

DOCS = ROOT / "docs"


def pages() -> dict[str, str]:
    """Return every generated page by its path in docs/."""
    return {**environment_pages(), **perturbation_pages(), **task_set_pages(), **agent_pages()}


def outdated() -> list[str]:
    """Return the pages that differ from what the classes say, and those that nothing writes."""
    current = pages()
    kept = {str(path.relative_to(DOCS)) for path in (DOCS / "reference").rglob("*.md")}
    changed = {name for name, text in current.items() if _text(DOCS / name) != text}
    return sorted(changed | (kept - set(current)))


def write() -> None:
    """Bring the pages up to date."""
    current = pages()
    for name in outdated():
        path = DOCS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name in current:
            path.write_text(current[name], encoding="utf-8")
        else:
            path.unlink()


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    if "--check" not in sys.argv[1:]:
        write()
    elif late := outdated():
        sys.exit(f"Out of date: {', '.join(late)}. Run: python docs/generate/reference_pages.py")
