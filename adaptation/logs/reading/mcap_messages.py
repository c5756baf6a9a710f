"""Logs in MCAP files and ROS 2 bags of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from fastadapt.adaptation.logs.reading.recording import Recording, Series
from fastadapt.adaptation.logs.reading.tables import INSTALL
from fastadapt.envs.tasks.log_keys import LogColumn
from fastadapt.errors import FastadaptError

_LONGEST = 64
"""Entries of an array field that are read; longer ones are pictures and the like."""


def read_mcap(path: Path, clock: LogColumn) -> list[Recording]:
    """Read an MCAP file, or the folder of a ROS 2 bag, with ROS 2 or JSON messages.

    Numbers become columns `<topic>.<field>`, entries of arrays `<topic>.<field>[i]` or, where the
    message has as many entries in `name`, `<topic>.<field>.<name>`. The time is that of the header,
    where there is one, else that of the recording.

    Raises:
        FastadaptError: a package is missing, the file is cut off, or it holds no numbers.
    """
    files = sorted(path.glob("*.mcap")) if path.is_dir() else [path]
    if not files:
        raise FastadaptError(
            f"'{path}' holds no .mcap file. Convert an older bag with `ros2 bag convert`."
        )
    samples: dict[str, tuple[list[float], list[float]]] = {}
    for file in files:
        for topic, time, message in _messages(file):
            stamp = _stamp(message)
            for field, value in _numbers(message, topic):
                times, values = samples.setdefault(field, ([], []))
                times.append(time if stamp is None else stamp)
                values.append(value)
    if not samples:
        raise FastadaptError(f"'{path}' holds no messages with numbers (ROS 2 or JSON).")
    start = min(times[0] for times, _ in samples.values())
    return [Recording(str(path), {k: _series(path, k, *s, start) for k, s in samples.items()})]


def _messages(path: Path) -> Iterator[tuple[str, float, Any]]:
    """Yield topic, time [s] and content of every message that can be decoded."""
    try:
        from mcap.exceptions import McapError
        from mcap.reader import make_reader
        from mcap_ros2.decoder import DecoderFactory
    except ImportError:
        raise FastadaptError(f"MCAP files need mcap and mcap-ros2-support. {INSTALL}") from None
    ros2 = DecoderFactory()
    decoders: dict[int, Any] = {}
    try:
        with path.open("rb") as file:
            for schema, channel, message in make_reader(file).iter_messages():
                if channel.id not in decoders:
                    decoders[channel.id] = (
                        json.loads
                        if channel.message_encoding == "json"
                        else ros2.decoder_for(channel.message_encoding, schema)
                    )
                decode = decoders[channel.id]
                if decode is not None:
                    yield channel.topic, message.log_time * 1e-9, decode(message.data)
    except (McapError, EOFError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise FastadaptError(
            f"'{path}' is no whole MCAP file, it may be cut off: {reason.rstrip('.')}. Repair it "
            "with `mcap recover`."
        ) from None


def _fields(message: Any) -> Mapping[str, Any]:
    if isinstance(message, Mapping):
        return message
    slots = getattr(type(message), "__slots__", None) or vars(message)
    return {name.lstrip("_"): getattr(message, name) for name in slots}


def _is_message(value: Any) -> bool:
    return isinstance(value, Mapping) or hasattr(type(value), "__slots__")


def _numbers(message: Any, prefix: str) -> Iterator[tuple[str, float]]:
    """Yield the numbers in a message with the names of their columns."""
    if not isinstance(message, Mapping) and not hasattr(message, "__dict__"):
        fields = _fields(message) if hasattr(type(message), "__slots__") else {}
    else:
        fields = _fields(message)
    names = fields.get("name")
    for field, value in fields.items():
        if field in ("header", "name"):
            continue
        column = f"{prefix}.{field}"
        if isinstance(value, Real):
            yield column, float(value)
        elif isinstance(value, list | tuple | np.ndarray) and 0 < len(value) <= _LONGEST:
            labelled = isinstance(names, list | tuple) and len(names) == len(value)
            for i, item in enumerate(value):
                label = f".{names[i]}" if labelled and names else f"[{i}]"
                if isinstance(item, Real):
                    yield column + label, float(item)
        elif not isinstance(value, str | bytes | list | tuple | np.ndarray) and value is not None:
            yield from _numbers(value, column)


def _stamp(message: Any) -> float | None:
    """Return the time of the header in seconds, None without one."""
    try:
        stamp = _fields(_fields(message)["header"])["stamp"]
        parts = _fields(stamp)
        seconds = float(parts.get("sec", 0)) + 1e-9 * float(parts.get("nanosec", 0))
    except (KeyError, AttributeError, TypeError):
        return None
    return seconds or None


def _series(path: Path, key: str, times: list[float], values: list[float], start: float) -> Series:
    from fastadapt.adaptation.logs.reading.recording import check_clock

    time, value = np.array(times) - start, np.array(values)
    check_clock(f"{path} {key}", time)
    known = np.isfinite(value)
    last = np.append(np.diff(time[known]) > 0, True)
    return Series(time[known][last], value[known][last], int((~known).sum()))
