"""Damage to copies of a run directory, for tests that nothing ends in a traceback."""

import json
import os
import shutil

from tests.support.mutations_of_text import ODD_TEXTS, mutated_toml, mutated_xml, pick

ODD_VALUES = [
    None, True, 0, -1, 1.5, 1e308, float("nan"), float("inf"), 10**30, "", "x", "../../outside",
    "os:system", "a" * 3000, "\x1b[31m", [], {}, [[]], [1, 2], {"a": {"b": 1}},
]  # fmt: skip
ODD_FIELDS = ["", "x", "1e309", "nan", "-1", "1" * 30, "True", '"', "1,2", *ODD_TEXTS]
DEEP = "[" * 100_000


def damage(folder, rng):
    """Damage one to three files of a run directory; return the changes, for messages."""
    done = []
    for _ in range(rng.integers(1, 4)):
        files = sorted(p for p in folder.rglob("*") if p.is_file() and not p.name.startswith("."))
        files = [p for p in files if "tensorboard" not in p.parts and not p.is_symlink()]
        if not files:
            break
        file = pick(files, rng)
        change = pick([_content, _content, _content, _content, _bytes, _cut, _place], rng)
        done.append(f"{file.relative_to(folder)}: {change(file, folder, rng)}")
    return done


def _content(file, folder, rng):
    """Change a file within its format."""
    if file.suffix == ".json":
        return _json(file, rng)
    if file.suffix == ".csv":
        return _csv(file, rng)
    if file.suffix == ".jsonl":
        return _lines(file, rng)
    if file.suffix == ".toml":
        file.write_text(mutated_toml(_text(file), rng))
        return "mutated TOML"
    if file.suffix == ".xml":
        try:
            file.write_text(mutated_xml(_text(file), rng))
        except Exception:  # it was damaged before
            return "left as it was"
        return "mutated XML"
    return _bytes(file, folder, rng)


def _text(file):
    return file.read_text(encoding="utf-8", errors="replace")


def _places(content, found):
    """Append every (container, key) inside of a JSON value to a list."""
    if isinstance(content, dict | list):
        keys = content if isinstance(content, dict) else range(len(content))
        for key in keys:
            found.append((content, key))
            _places(content[key], found)
    return found


def _json(file, rng):
    try:
        content = json.loads(_text(file))
        places = _places(content, [])
    except (ValueError, RecursionError):
        places = []
    change = int(rng.integers(8))
    if not places or change == 0:
        text = pick(["", "{}", "[]", "null", "1", DEEP, '{"a":' * 5000, "{" * 9, "1" * 5000], rng)
        file.write_text(text)
        return f"holds {text[:20]!r}"
    container, key = places[int(rng.integers(len(places)))]
    if change == 1:
        del container[key]
        what = f"without {key!r}"
    elif change == 2 and isinstance(container, dict):
        container["unknown"] = pick(ODD_VALUES, rng)
        what = f"an unknown entry beside {key!r}"
    else:
        container[key] = pick(ODD_VALUES, rng)
        what = f"{key!r} = {container[key]!r:.40}"
    file.write_text(json.dumps(content))
    return what


def _csv(file, rng):
    lines = _text(file).split("\n")
    at = int(rng.integers(len(lines)))
    fields = lines[at].split(",")
    change = int(rng.integers(5))
    if change == 0:
        del lines[at]
    elif change == 1:
        lines.insert(at, lines[at])
    elif change == 2:
        del fields[int(rng.integers(len(fields)))]
        lines[at] = ",".join(fields)
    else:
        fields[int(rng.integers(len(fields)))] = pick(ODD_FIELDS, rng)
        lines[at] = ",".join(fields)
    file.write_text("\n".join(lines))
    return f"line {at}: {lines[at][:60]!r}" if at < len(lines) else f"without line {at}"


def _lines(file, rng):
    lines = _text(file).split("\n")
    at = int(rng.integers(len(lines)))
    try:
        row = json.loads(lines[at])
        row[pick(sorted(row), rng)] = pick(ODD_VALUES, rng)
        lines[at] = json.dumps(row)
    except (ValueError, TypeError, AttributeError, IndexError):
        lines[at] = pick(["", "{}", "null", "[1]", "x", DEEP], rng)
    file.write_text("\n".join(lines))
    return f"line {at}: {lines[at][:60]!r}"


def _bytes(file, folder, rng):
    """Flip some bytes."""
    content = bytearray(file.read_bytes())
    for _ in range(rng.integers(1, 5)):
        if content:
            content[int(rng.integers(len(content)))] ^= int(rng.integers(1, 256))
    file.write_bytes(content)
    return "bytes flipped"


def _cut(file, folder, rng):
    """End a file early."""
    content = file.read_bytes()
    file.write_bytes(content[: int(rng.integers(len(content) + 1))])
    return "cut"


def _place(file, folder, rng):
    """Put something else where the file was."""
    change = int(rng.integers(6))
    other = pick([p for p in sorted(folder.rglob("*")) if p.is_file()], rng)
    if change == 0:
        file.unlink()
        return "deleted"
    if change == 1:
        file.unlink()
        file.mkdir()
        return "a folder"
    if change == 2 and file.parent != folder:
        shutil.rmtree(file.parent)
        return "its folder deleted"
    if change == 3:
        file.unlink()
        file.symlink_to(file.name)
        return "a link to itself"
    if change == 4:
        file.unlink()
        file.symlink_to(os.path.relpath(folder.parent / "outside/secret", file.parent))
        return "a link out of the run"
    if other != file:
        shutil.copy(other, file)
    return f"the content of {other.relative_to(folder)}"
