"""Mutations of task-set files and of MJCF files, for tests that nothing ends in a traceback."""

import copy
import re
import xml.etree.ElementTree as ET

ODD_NUMBERS = ["0", "-1", "1e308", "-1e308", "1e-320", "nan", "inf", "1" * 40, "3.7", "1e6"]
ODD_TEXTS = ["", "x", "*", "[", "../..", "a" * 300, "é", "\x1b[31m", "world", "hip", "1 2 3"]
ODD_TOML = [
    *ODD_NUMBERS, '""', '"x"', '"*"', "[]", "{}", "[[[]]]", "true", '["*"]', "[1, 2]", "1979-05-27",
    '"' + "a" * 300 + '"', '"../../x.xml"', '"package:os/x"', '"~nobody/x"',
    "[0, 0, 0, 0, 0, 0, 0]",
    "{ law = 'constant', value = 1e300 }", '{ "*" = 0.1 }', "[-1e308, 1e308]",
]  # fmt: skip


def mutated_toml(text, rng):
    """Return a task-set file with one to three changes: values, keys, lines, characters."""
    for _ in range(rng.integers(1, 4)):
        lines = text.split("\n")
        at = int(rng.integers(len(lines)))
        change = int(rng.integers(6))
        if change <= 2 and "=" in lines[at]:  # another value, most often
            lines[at] = lines[at].partition("=")[0] + "= " + pick(ODD_TOML, rng)
        elif change == 3:
            del lines[at]
        elif change == 4:
            lines.insert(at, pick(lines, rng))
        elif lines[at]:
            place = int(rng.integers(len(lines[at])))
            character = chr(int(rng.integers(32, 127)))
            lines[at] = lines[at][:place] + character + lines[at][place + 1 :]
        text = "\n".join(lines)
    return text


def mutated_xml(text, rng):
    """Return an MJCF file with one to three changes: attributes, elements, characters."""
    root = ET.fromstring(text)
    for _ in range(rng.integers(1, 4)):
        _change(root, rng)
    mutant = ET.tostring(root, "unicode")
    if rng.integers(10) == 0:
        place = int(rng.integers(len(mutant)))
        mutant = mutant[:place] + chr(int(rng.integers(32, 127))) + mutant[place + 1 :]
    return mutant


def _change(root, rng):
    parents = [e for e in root.iter() if len(e)]
    element, change = pick(list(root.iter()), rng), int(rng.integers(8))
    if change <= 2 and element.attrib:
        key = pick(sorted(element.attrib), rng)
        element.set(key, _odd_value(element.get(key), rng))
    elif change == 3 and element.attrib:
        element.attrib.pop(pick(sorted(element.attrib), rng))
    elif change == 4:
        other = pick(list(root.iter()), rng)
        element.attrib.update(other.attrib)
    elif change == 5:
        parent = pick(parents, rng)
        parent.remove(parent[int(rng.integers(len(parent)))])
    elif change == 6:
        pick(parents, rng).append(copy.deepcopy(pick(list(root.iter())[1:], rng)))
    else:
        element.tag = pick([e.tag for e in root.iter()], rng)


def _odd_value(value, rng):
    numbers = re.findall(r"[-\d.]+", value)
    if numbers and rng.integers(2):
        return value.replace(pick(numbers, rng), pick(ODD_NUMBERS, rng), 1)
    return pick([*ODD_NUMBERS, *ODD_TEXTS], rng)


def pick(items, rng):
    """Return one of the items."""
    return items[int(rng.integers(len(items)))]
