"""Read the body of POST /api/v2/alerts, and refuse what Alertmanager refuses, in its words."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from alerting.origin import Origin, fingerprint

_NO_TIME = datetime(1, 1, 1, tzinfo=UTC)  # Go's zero time, which means that none was given
_URI = re.compile(r"(?:[a-zA-Z][a-zA-Z0-9+.-]*:|/)[^\x00-\x20\x7f]*")
# What Alertmanager's generated code calls its refusals.
REQUIRED, BAD_FORMAT, TOO_FEW = 602, 601, 612


class RefusedBodyError(Exception):
    """A body of which nothing is taken: an HTTP status, and the code and sentence of the answer."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Posted:
    """One alert as it was sent. `open_ended`: without an end, so that one was assumed."""

    fingerprint: str
    origin: Origin
    starts_at: datetime
    ends_at: datetime
    open_ended: bool


@dataclass(frozen=True, slots=True)
class Posting:
    """What is good of a body, and a sentence for each alert that is not."""

    alerts: tuple[Posted, ...]
    problems: tuple[str, ...]


def read_posting(body: bytes, now: datetime, resolve_timeout: timedelta) -> Posting:
    """Read a list of alerts. Raises RefusedBodyError when the list as such is none."""
    rows = read_json(body, "alerts")
    if rows is None:
        return Posting((), ())
    if not isinstance(rows, list):
        raise unreadable("alerts", f"a list of alerts was expected, not {_kind(rows)}")
    drafts = [_draft(row, place) for place, row in enumerate(rows)]
    found: list[Posted] = []
    problems: list[str] = []
    for one in drafts:
        starts_at, ends_at = one.starts_at, one.ends_at
        starts_at = starts_at or ends_at or now
        open_ended = ends_at is None
        ends_at = now + resolve_timeout if ends_at is None else ends_at
        problem = _problem(one.origin, starts_at, ends_at)
        if problem:
            problems.append(problem)
            continue
        mark = fingerprint(one.origin.labels)
        found.append(Posted(mark, one.origin, starts_at, ends_at, open_ended))
    return Posting(tuple(found), tuple(problems))


def read_json(body: bytes, what: str) -> Any:  # noqa: ANN401 - JSON
    """The body's JSON; what is no UTF-8 in it reads as U+FFFD. Raises RefusedBodyError."""
    if not body.strip():
        raise RefusedBodyError(422, REQUIRED, f"{what} in body is required")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass
    try:
        return _mended(json.loads(body.decode(errors="replace")))
    except (ValueError, RecursionError) as error:
        raise unreadable(what, str(error) or "it is nested too deeply") from None


def unreadable(what: str, why: str) -> RefusedBodyError:
    """The body says something else than what was asked for."""
    return RefusedBodyError(400, 400, f'parsing {what} body from "" failed, because {why}')


def read_time(value: object, what: str, name: str) -> datetime | None:
    """An RFC 3339 time; None where it is empty. Raises RefusedBodyError."""
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise unreadable(what, f"{name} is {_kind(value)}, and a time is text")
    try:
        # A date alone is no moment.
        found = datetime.fromisoformat(value if len(value) > len("2026-01-02") else "")
        found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise unreadable(what, f"{name} {_shown(value)} is no time as in RFC 3339") from None
    return None if found == _NO_TIME else found


@dataclass(frozen=True, slots=True)
class _Draft:
    origin: Origin
    starts_at: datetime | None
    ends_at: datetime | None


def _draft(row: object, place: int) -> _Draft:
    """One alert as far as its form goes. Raises RefusedBodyError."""
    row = {} if row is None else row
    if not isinstance(row, Mapping):
        raise unreadable("alerts", f"an alert is an object, and {place} is {_kind(row)}")
    labels, annotations = (
        _texts(row.get(name), f"{place}.{name}") for name in ("labels", "annotations")
    )
    times = [read_time(row.get(name), "alerts", name) for name in ("startsAt", "endsAt")]
    url = row.get("generatorURL") or ""
    if not isinstance(url, str):
        raise unreadable("alerts", f"{place}.generatorURL is {_kind(url)}, and not text")
    if labels is None:
        raise RefusedBodyError(422, REQUIRED, f"{place}.labels in body is required")
    if url and not _URI.fullmatch(url):
        text = f"{place}.generatorURL in body must be of type uri: {_shown(url)}"
        raise RefusedBodyError(422, BAD_FORMAT, text)
    # A label without a value is no label.
    labels = {name: value for name, value in labels.items() if value}
    return _Draft(Origin(labels, annotations or {}, url), *times)


def _texts(value: object, place: str) -> dict[str, str] | None:
    if value is None:
        return None
    if not isinstance(value, Mapping):
        raise unreadable("alerts", f"{place} is {_kind(value)}, and not an object of texts")
    found: dict[str, str] = {}
    for name, text in value.items():
        if text is not None and not isinstance(text, str):
            raise unreadable("alerts", f"{place}.{name[:100]} is {_kind(text)}, and not text")
        found[name] = text or ""
    return found


def _problem(origin: Origin, starts_at: datetime, ends_at: datetime) -> str:
    """What is wrong with an alert of good form; empty when nothing is."""
    if ends_at < starts_at:
        return "start time must be before end time"
    if "" in origin.labels:
        return 'invalid label set: invalid name ""'
    if not origin.labels:
        return "at least one label pair required"
    if "" in origin.annotations:
        return 'invalid annotations: invalid name ""'
    return ""


def _mended(value: Any) -> Any:  # noqa: ANN401 - JSON
    """The same without lone surrogates, which no UTF-8 can hold."""
    match value:
        case str():
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        case list():
            return [_mended(one) for one in value]
        case dict():
            return {_mended(name): _mended(one) for name, one in value.items()}
        case _:
            return value


def _kind(value: object) -> str:
    match value:
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case Mapping():
            return "an object"
        case _:
            return "null"


def _shown(text: str) -> str:
    return json.dumps(text[:200], ensure_ascii=False)
