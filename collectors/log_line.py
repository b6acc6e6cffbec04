"""Take a log's line apart: JSON, or what a pattern with named groups finds."""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
import re2

Fields = Mapping[str, object]

_COMMON = (
    r"^(?P<remote>\S+) \S+ (?P<user>\S+) \[(?P<time>[^\]]*)\] "
    r'"(?P<request>(?:(?P<method>[A-Za-z]+) (?P<path>\S+)[^"\\]*|(?:[^"\\]|\\.)*))" '
    r"(?P<status>\d{3}) (?P<bytes>\d+|-)"
)
_COMBINED = _COMMON + r' "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)"'
PATTERNS: Mapping[str, str] = {"common": _COMMON, "combined": _COMBINED}
STATUS_CLASS = "status_class"


def reader_of(pattern: str | None) -> Callable[[bytes], Fields | None]:
    """What reads a line, None where it cannot. Raises ValueError in words."""
    if pattern is None:
        return _json
    options = re2.Options()
    options.log_errors = False
    try:
        compiled: Any = re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0].decode() if isinstance(error.args[0], bytes) else error.args[0]
        raise ValueError(f"the pattern is not valid: {said}") from None
    if not compiled.groupindex:
        raise ValueError("the pattern names no field: write a group such as (?P<status>[0-9]{3})")

    def read(line: bytes) -> Fields | None:
        match = compiled.search(line.decode(errors="replace"))
        return None if match is None else match.groupdict()

    return read


def _json(line: bytes) -> Fields | None:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return fields if isinstance(fields, dict) else None


def field_of(fields: Fields, name: str) -> object:
    """A field by its name, `a.b` within `a`; None where it is not. 200 is of the class `2xx`."""
    value: object = fields
    if name in fields:
        return fields[name]
    for step in name.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    if value is None and name == STATUS_CLASS:
        status = text_of(fields, "status")
        return f"{status[0]}xx" if len(status) == 3 and status.isdigit() else None
    return value


def text_of(fields: Fields, name: str) -> str:
    """As a label has it; empty where it is not there."""
    value = field_of(fields, name)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""
