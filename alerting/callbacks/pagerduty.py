"""PagerDuty's webhooks (version 3): whether one is PagerDuty's word, and what it tells."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from alerting.callbacks import content
from alerting.callbacks.refusal import RefusedError

SIGNATURE_HEADER = "x-pagerduty-signature"
SIGNATURES_LIMIT = 10
# PagerDuty tries an event again for 48 hours. What is older is a replay; ids are kept for longer.
OLDEST = timedelta(days=3)

TRIGGERED = "incident.triggered"
ACKNOWLEDGED = "incident.acknowledged"
RESOLVED = "incident.resolved"
# What is worth a line in the timeline, and the words for it.
NOTED = {
    "incident.reassigned": "reassigned it",
    "incident.delegated": "handed it to another escalation policy",
    "incident.escalated": "escalated it",
    "incident.unacknowledged": "took the acknowledgement back",
    "incident.reopened": "reopened it",
}

_ID = re.compile(r"[0-9A-Za-z_-]{1,64}")
_KIND = re.compile(r"[a-z_.]{1,64}")
_UNSIGNED = "The signature is not PagerDuty's: check the receiver's webhook_secret."


@dataclass(frozen=True, slots=True)
class Told:
    """One event. `who` did it; `person` is False when that was an integration, such as ours."""

    id: str
    kind: str
    incident_key: str
    who: str
    person: bool
    assignees: tuple[str, ...] = ()


def verify(secret: str, headers: Mapping[str, str], body: bytes) -> None:
    """Raises RefusedError unless one of the signatures is PagerDuty's."""
    given = headers.get(SIGNATURE_HEADER, "").split(",", SIGNATURES_LIMIT)[:SIGNATURES_LIMIT]
    expected = "v1=" + content.signature(secret, body)
    if not content.same(expected, [one.strip() for one in given]):
        raise RefusedError(401, _UNSIGNED)


def read(body: bytes, now: datetime) -> Told:
    """The event; without an incident's key when it is about none. Raises RefusedError."""
    event = content.member(content.json_object(body), "event")
    id_, kind = content.member(event, "id"), content.member(event, "event_type")
    if not isinstance(id_, str) or not _ID.fullmatch(id_):
        raise RefusedError(400, "The event has no id.")
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        raise RefusedError(400, "The event has no event_type.")
    if now - _moment(content.member(event, "occurred_at")) > OLDEST:
        raise RefusedError(400, f"The event is older than {OLDEST.days} days.")
    data = content.member(event, "data")
    key = content.member(data, "incident_key")
    assignees = content.member(data, "assignees")
    names = assignees if isinstance(assignees, list) else []
    return Told(
        id=id_,
        kind=kind,
        incident_key=key if isinstance(key, str) and _ID.fullmatch(key) else "",
        who=content.text(content.member(event, "agent", "summary")),
        person=content.member(event, "agent", "type") in ("user_reference", "user"),
        assignees=tuple(
            filter(None, (content.text(content.member(one, "summary")) for one in names[:20]))
        ),
    )


def _moment(said: object) -> datetime:
    try:
        at = datetime.fromisoformat(said) if isinstance(said, str) else None
        # Aware, and such that the difference to another moment exists.
        moment = None if at is None or at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise RefusedError(400, "The event does not say when it occurred.")
    return moment
