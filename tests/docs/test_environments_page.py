"""docs/environments.md is what the classes say."""

from pathlib import Path

from environments_page import page

from fastadapt.envs.catalogue import environments
from fastadapt.envs.perturbations import perturbation_kinds

DOCS = Path(__file__).parent.parent.parent / "docs" / "environments.md"


def test_the_page_is_current():
    assert DOCS.read_text(encoding="utf-8") == page(), (
        "run: python -m environments_page docs/environments.md"
    )


def test_it_tells_of_every_environment_index_by_index():
    text = DOCS.read_text(encoding="utf-8")
    for cls in environments().values():
        start = text.index(f"\n## {cls.id()}\n")
        section = text[start : text.index("\n## ", start + 5)]
        assert "Versions: v0" in section, cls.name
        assert "eward" in section, cls.name
        for channels in (cls.observations, cls.actions()):
            assert all(f"| {i} | {c.name} |" in section for i, c in enumerate(channels)), cls.name
        assert all(goal.name in section for goal in cls.goals)
    assert all(f"\n## {kind}\n" in text for kind in perturbation_kinds())
