"""Evidence and messages as JSON text, readable again by older and newer versions of us."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from alerting.alert import AlertKind, Facts
from alerting.destination import Destination
from alerting.grounds import Course, Grounds
from alerting.notification import AlertLine, Message, NotificationKind
from alerting.origin import Origin
from alerting.suppressor import Suppressor, SuppressorKind
from nines.storage.errors import StorageError
from slo.alert_state import AlertState, Phase
from slo.notices import Marks
from slo.outage import Outage
from slo.severity import Severity

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_T = TypeVar("_T", bound="DataclassInstance")

_REMEMBERED = 12_000  # texts of each kind

# What JSON has no type for, by field; everything else reads back as it was written. Unknown keys,
# which a newer version wrote, are passed over; missing ones take the field's default.
_INSTANTS = {
    "since",
    "false_since",
    "frozen_since",
    "first",
    "last",
    "run_at",
    "exhausts_at",
    "started_at",
    "ended_at",
    "opened_at",
    "decided_at",
    "resolved_at",
    "period",
    "open_until",
    "parked_at",
    "last_success",
    "at",
    "until",
}


def facts_to_json(facts: Facts) -> str:
    """A flat object; times as ISO 8601 with their offset. An infinite number becomes null."""
    return orjson.dumps(facts).decode()


# What is open is read again with every decision about it, and says the same.
@lru_cache(maxsize=_REMEMBERED)
def facts_from_json(text: str) -> Facts:
    """What `facts_to_json` was given; raises StorageError when it cannot be read."""
    return _facts(_object(text))


def message_to_json(message: Message) -> str:
    """An object with its alerts, and their facts, nested."""
    labels = dict(message.labels)  # any Mapping is allowed in, JSON takes dicts
    shallow = {f.name: getattr(message, f.name) for f in fields(message)}
    return orjson.dumps(shallow | {"labels": labels}).decode()


def message_from_json(text: str) -> Message:
    """What `message_to_json` was given; raises StorageError when it cannot be read."""
    raw = _object(text)
    return _build(
        Message,
        raw,
        kind=NotificationKind,
        severity=Severity,
        first_severity=Severity,
        alerts=lambda lines: tuple(map(_alert_line, lines)),
    )


def state_to_json(state: AlertState) -> str:
    """Where a rule stands, as a flat object."""
    return orjson.dumps(state).decode()


def state_from_json(text: str) -> AlertState:
    """What `state_to_json` was given; raises StorageError when it cannot be read."""
    return _build(AlertState, _object(text), phase=Phase)


def destination_to_json(destination: Destination) -> str:
    """How a receiver's other side stands, as a flat object."""
    return orjson.dumps(destination).decode()


def destination_from_json(text: str) -> Destination:
    """What `destination_to_json` was given; raises StorageError when it cannot be read."""
    return _build(Destination, _object(text))


def grounds_to_json(grounds: Grounds) -> str:
    """Why an alert was told or not, with the routes that took it nested."""
    return orjson.dumps(grounds).decode()


def grounds_from_json(text: str) -> Grounds:
    """What `grounds_to_json` was given; raises StorageError when it cannot be read."""
    raw = _object(text)
    return _build(Grounds, raw, courses=lambda found: tuple(map(_course, found)))


def marks_to_json(marks: Marks) -> str:
    """A budget's marks; each as the decimal that was written."""
    return orjson.dumps(
        {
            "budget": marks.budget,
            "period": marks.period,
            "known": sorted(map(str, marks.known)),
            "passed": sorted(map(str, marks.passed)),
        }
    ).decode()


def marks_from_json(text: str) -> Marks:
    """What `marks_to_json` was given; raises StorageError when it cannot be read."""
    return _build(Marks, _object(text), known=_decimals, passed=_decimals)


def names_to_json(names: Sequence[str]) -> str:
    """A list of names."""
    return orjson.dumps(list(names)).decode()


def names_from_json(text: str) -> tuple[str, ...]:
    """What `names_to_json` was given."""
    try:
        return tuple(map(str, orjson.loads(text)))
    except (orjson.JSONDecodeError, TypeError) as error:
        raise StorageError(f"A stored row holds no list of names: {error}.") from error


def outage_to_json(outage: Outage) -> str:
    """What a probe's runs came to, with the state nested."""
    return orjson.dumps(outage).decode()


def outage_from_json(text: str) -> Outage:
    """What `outage_to_json` was given; raises StorageError when it cannot be read."""
    raw = _object(text)
    return _build(Outage, raw, state=lambda one: _build(AlertState, one, phase=Phase))


def mapping_to_json(mapping: Mapping[str, str]) -> str:
    """A flat object of strings."""
    return orjson.dumps(dict(mapping)).decode()


def mapping_from_json(text: str) -> dict[str, str]:
    """What `mapping_to_json` was given."""
    return {str(key): str(value) for key, value in _object(text).items()}


def origin_to_json(origin: Origin) -> str:
    """What the sender of an alert from outside said."""
    return orjson.dumps(_plain(origin)).decode()


@lru_cache(maxsize=_REMEMBERED)
def origin_from_json(text: str) -> Origin:
    """What `origin_to_json` was given; raises StorageError when it cannot be read."""
    return _origin(_object(text))


def _plain(origin: Origin) -> dict[str, Any]:
    """Any Mapping is allowed in, JSON takes dicts."""
    return {
        "labels": dict(origin.labels),
        "annotations": dict(origin.annotations),
        "url": origin.url,
    }


def _origin(raw: Mapping[str, Any]) -> Origin:
    return _build(Origin, raw)


def _decimals(texts: Sequence[str]) -> frozenset[Decimal]:
    return frozenset(map(Decimal, texts))


def _facts(raw: Mapping[str, Any]) -> Facts:
    return _build(Facts, raw)


def _alert_line(raw: Mapping[str, Any]) -> AlertLine:
    return _build(AlertLine, raw, kind=AlertKind, severity=Severity, facts=_facts, origin=_origin)


def _course(raw: Mapping[str, Any]) -> Course:
    return _build(
        Course,
        raw,
        receivers=tuple,
        failover=tuple,
        escalate=tuple,
        held_by=lambda found: tuple(_build(Suppressor, one, kind=SuppressorKind) for one in found),
    )


def _object(text: str) -> dict[str, Any]:
    try:
        raw = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise StorageError(f"A stored row holds broken JSON: {error}.") from error
    if not isinstance(raw, dict):
        raise StorageError("A stored row holds JSON that is no object.")
    return raw


@cache
def _names(of: "type[DataclassInstance]") -> tuple[str, ...]:
    """The fields, which `dataclasses` looks up anew each time."""
    return tuple(field.name for field in fields(of))


def _build(of: type[_T], raw: Mapping[str, Any], **readers: Callable[[Any], object]) -> _T:
    values: dict[str, object] = {}
    try:
        for name in _names(of):
            if name not in raw:
                continue
            read = datetime.fromisoformat if name in _INSTANTS else readers.get(name)
            value = raw[name]
            values[name] = value if value is None or read is None else read(value)
        return of(**values)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise StorageError(f"A stored {of.__name__} cannot be read: {error}.") from error
