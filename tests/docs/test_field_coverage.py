"""Every field of the MuJoCo at hand is written by a kind of perturbation, or left for a reason."""

from collections import Counter

from field_coverage import FAMILIES, LEFT, coverage_page, fields_of_mujoco, writers


def test_every_field_is_sorted_in_once():
    """A new field of MuJoCo is noticed here: does a quantity live in it that a kind changes?"""
    left = Counter(field for fields in LEFT.values() for field in fields)
    assert [field for field, count in left.items() if count > 1] == []
    written = {field for field in writers() if field.split("_")[0] in FAMILIES}
    assert written & set(left) == set()
    assert sorted(fields_of_mujoco() - written - set(left)) == []
    assert sorted(set(left) - fields_of_mujoco()) == []


def test_the_page_says_who_writes_a_field():
    line = next(x for x in coverage_page().splitlines() if x.startswith("| `actuator_damping` "))
    for kind in ("joint-damping", "weak-actuator", "dead-actuator", "severed-limb"):
        assert f"[`{kind}`]({kind}.md)" in line
