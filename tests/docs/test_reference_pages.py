"""The generated pages of docs/reference say what the classes say."""

from reference_pages import DOCS, outdated, pages

from fastadapt.envs.catalogue import find_environment, list_environments
from fastadapt.envs.perturbations import perturbation_kinds


def test_the_pages_are_current():
    assert outdated() == [], "run: python docs/generate/reference_pages.py"


def test_a_changed_page_is_found(monkeypatch):
    import reference_pages

    changed = pages() | {"reference/objectives.md": "something else", "reference/new.md": "new"}
    monkeypatch.setattr(reference_pages, "pages", lambda: changed)
    assert outdated() == ["reference/new.md", "reference/objectives.md"]


def test_every_environment_is_described_index_by_index():
    for name in list_environments():
        cls = find_environment(name)
        text = (DOCS / f"reference/environments/{cls.id()}.md").read_text(encoding="utf-8")
        assert f"Versions: v{cls.version}" in text, name
        assert "eward" in text, name
        for channels in (cls.observations, cls.actions()):
            assert all(f"| {i} | {c.name} |" in text for i, c in enumerate(channels)), name
        assert all(goal.name in text for goal in cls.goals)


def test_every_perturbation_has_a_page_with_all_its_parameters():
    for kind, cls in perturbation_kinds(plugins=False).items():
        text = (DOCS / f"reference/perturbations/{kind}.md").read_text(encoding="utf-8")
        for parameter in cls.parameters:
            row = next(line for line in text.splitlines() if f"| `{parameter.name}` |" in line)
            assert f"| {parameter.nominal:g} |" in row
            assert f"{parameter.low:g} to {parameter.high:g}" in row
