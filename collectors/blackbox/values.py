"""How single values of a blackbox.yml are written: Go's durations and sizes, and what is sent."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from slo.secret import HIDDEN

_UNIT_SECONDS = {
    "ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0,
}  # fmt: skip
_PIECE = r"(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)"
_DURATION = re.compile(f"(?:{_PIECE})+")
_SIZE = re.compile(r"(\d{1,12}(?:\.\d+)?)\s?([KMGTPE]?)(?:i?B)?", re.IGNORECASE)
_BINARY_STEPS = "KMGTPE"


def read_duration(value: object) -> timedelta:
    """Read `5s`, `1.5s` or `1m30s`, as Go does. Raises ValueError."""
    if isinstance(value, timedelta):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if value == 0:
        return timedelta(0)
    if _DURATION.fullmatch(text) is None:
        raise ValueError(f"{value!r} is not a duration: write it such as 500ms, 5s or 1m30s")
    pieces = re.findall(_PIECE, text)
    seconds = sum(float(amount) * _UNIT_SECONDS[unit] for amount, unit in pieces)
    if seconds > 86_400:
        raise ValueError(f"{value!r} is longer than a day")
    return timedelta(seconds=seconds)


def read_size(value: object) -> int:
    """Read `1MB`: units are powers of 1024, as the peer's are. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a size: write it such as 512KB or 1MB")
    step = _BINARY_STEPS.index(match[2].upper()) + 1 if match[2] else 0
    return int(float(match[1]) * 1024**step)


@dataclass(frozen=True, slots=True)
class Said:
    """What is sent or expected: text, or bytes that were written as `!!binary`. Never printed."""

    data: bytes = field(repr=False)
    is_binary: bool = False


def read_said(value: object) -> Said:
    match value:
        case Said():
            return value
        case str():
            return Said(value.encode())
        case bytes():
            return Said(value, is_binary=True)
        case _:
            raise ValueError("what is said is text, or !!binary; quote a number to make it text")


GoDuration = Annotated[
    timedelta,
    PlainValidator(read_duration),
    PlainSerializer(lambda value: f"{value.total_seconds():g}s"),
    WithJsonSchema({"type": "string"}),
]
GoSize = Annotated[int, PlainValidator(read_size), WithJsonSchema({"type": "string"})]
SaidText = Annotated[
    Said,
    PlainValidator(read_said),
    PlainSerializer(lambda _: HIDDEN),
    WithJsonSchema({"type": "string"}),
]
