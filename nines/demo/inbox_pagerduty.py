"""PagerDuty's side of the Events API v2, as documented: one incident for each dedup_key.

A change event opens none.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from nines.demo.http_server import Response

BODY_LIMIT = 512_000
SUMMARY_LIMIT = 1024
DEDUP_KEY_LIMIT = 255
SEVERITIES = ("critical", "error", "warning", "info")
STATES = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}
# What the documentation names at the top of an event; anything else is most likely a mistake.
KNOWN = {"routing_key", "event_action", "dedup_key", "payload", "client", "client_url"}
KNOWN |= {"images", "links"}


@dataclass(slots=True)
class PagerDutyIncident:
    """What a person on call would have on the phone."""

    number: int
    dedup_key: str
    state: str
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def payload(self) -> dict[str, Any]:
        """As the newest trigger described it."""
        payload: dict[str, Any] = {}
        for event in self.events:
            payload = event.get("payload") or payload
        return payload

    @property
    def details(self) -> dict[str, object]:
        """What the page shows as a table."""
        details = self.payload.get("custom_details") or {}
        return details if isinstance(details, dict) else {"details": details}

    @property
    def links(self) -> list[tuple[str, str]]:
        """(words, address), as the newest trigger has them."""
        triggers = [event for event in self.events if event["event_action"] == "trigger"]
        return _safe(triggers[-1].get("links", []) if triggers else [])


@dataclass(frozen=True, slots=True)
class PagerDutyChange:
    """What would stand among the service's recent changes, and ring no phone."""

    payload: Mapping[str, Any]
    links: tuple[tuple[str, str], ...]


class PagerDutyEvents:
    """Takes events; keeps the newest incidents and changes."""

    def __init__(
        self, keep: int, tell: Callable[[str, PagerDutyIncident], None] = lambda *_: None
    ) -> None:
        """`tell` is called with what an event did: triggered, acknowledged, resolved."""
        self._tell = tell
        self.changes: deque[PagerDutyChange] = deque(maxlen=keep)
        self.incidents: deque[PagerDutyIncident] = deque(maxlen=keep)
        self._opened = 0

    def enqueue(self, body: bytes) -> Response:
        """POST /v2/enqueue."""
        try:
            event = json.loads(body)
        except ValueError:
            return _invalid("Invalid JSON Document")
        errors = list(_errors(event, len(body)))
        if errors:
            return _invalid(*errors)
        key = event.get("dedup_key") or uuid4().hex
        self._take(event, key)
        said = {"status": "success", "message": "Event processed", "dedup_key": key}
        return _json(202, said)

    def change(self, body: bytes) -> Response:
        """POST /v2/change/enqueue."""
        try:
            event = json.loads(body)
        except ValueError:
            return _invalid("Invalid JSON Document")
        errors = list(_change_errors(event, len(body)))
        if errors:
            return _invalid(*errors)
        links = _safe(event.get("links", []))
        self.changes.append(PagerDutyChange(event["payload"], tuple(links)))
        return _json(202, {"status": "success", "message": "Change event processed"})

    def _take(self, event: dict[str, Any], key: str) -> None:
        event = {name: value for name, value in event.items() if name != "routing_key"}
        action = event["event_action"]
        found = next((one for one in reversed(self.incidents) if one.dedup_key == key), None)
        if found is None or found.state == "resolved":
            if action != "trigger":
                return  # nothing is open: dropped without a word, as PagerDuty does
            self._opened += 1
            found = PagerDutyIncident(self._opened, key, "triggered")
            self.incidents.append(found)
            self._tell(found.state, found)
        found.events.append(event)
        if action != "trigger" and found.state != STATES[action]:
            found.state = STATES[action]
            self._tell(found.state, found)

    def do(self, number: int, state: str) -> PagerDutyIncident | None:
        """Somebody did it on the phone; None when there is nothing to be done."""
        found = next((one for one in self.incidents if one.number == number), None)
        if found is None or found.state in (state, "resolved"):
            return None
        found.state = state
        return found


def _safe(links: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """(words, address) of those that a browser may follow."""
    found = [(str(link.get("text") or link["href"]), str(link["href"])) for link in links]
    return [link for link in found if link[1].startswith(("https://", "http://"))]


def _change_errors(event: object, size: int) -> Iterator[str]:
    if size > BODY_LIMIT:
        yield "Event is larger than 512 KB"
        return
    if not isinstance(event, dict):
        yield "Event must be an object"
        return
    key = event.get("routing_key")
    if not isinstance(key, str) or len(key) != 32:
        yield "Invalid routing key"
    for name in event.keys() - {"routing_key", "payload", "links", "images"}:
        yield f"'{name}' is not a field of a change event"
    yield from _link_errors(event)
    payload = event.get("payload")
    if not isinstance(payload, dict):
        yield "'payload' is missing or blank"
        return
    yield from _summary_errors(payload)
    for name in payload.keys() - {"summary", "source", "timestamp", "custom_details"}:
        yield f"'payload.{name}' is not a field of a change event"


def _link_errors(event: Mapping[str, Any]) -> Iterator[str]:
    for link in event.get("links", []):
        if not isinstance(link, dict) or not link.get("href"):
            yield "'links' need a href each"


def _summary_errors(payload: Mapping[str, Any], *required: str) -> Iterator[str]:
    for name in ("summary", *required):
        if not isinstance(payload.get(name), str) or not payload[name].strip():
            yield f"'payload.{name}' is missing or blank"
    if len(str(payload.get("summary", ""))) > SUMMARY_LIMIT:
        yield "'payload.summary' is too long (maximum is 1024 characters)"


def _errors(event: object, size: int) -> Iterator[str]:
    if size > BODY_LIMIT:
        yield "Event is larger than 512 KB"
        return
    if not isinstance(event, dict):
        yield "Event must be an object"
        return
    key = event.get("routing_key")
    if not isinstance(key, str) or len(key) != 32:
        yield "Invalid routing key"
    if event.get("event_action") not in STATES:
        yield "'event_action' is invalid (must be one of: [trigger, acknowledge, resolve])"
    dedup_key = event.get("dedup_key", "")
    if not isinstance(dedup_key, str) or len(dedup_key) > DEDUP_KEY_LIMIT:
        yield "'dedup_key' is invalid"
    if not dedup_key and event.get("event_action") != "trigger":
        yield "'dedup_key' is missing or blank"
    for name in event.keys() - KNOWN:
        yield f"'{name}' is not a field of an event"
    yield from _link_errors(event)
    if event.get("event_action") == "trigger":
        yield from _payload_errors(event.get("payload"))


def _payload_errors(payload: object) -> Iterator[str]:
    if not isinstance(payload, dict):
        yield "'payload' is missing or blank"
        return
    yield from _summary_errors(payload, "source")
    if payload.get("severity") not in SEVERITIES:
        yield "'payload.severity' is invalid (must be one of: [critical, warning, error, info])"


def _invalid(*errors: str) -> Response:
    said = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
    return _json(400, said)


def _json(status: int, said: object) -> Response:
    return Response(status, json.dumps(said).encode())
