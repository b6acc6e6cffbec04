"""The receipt of a delivery: the vendor tells of what we told it; or does not, in time."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from alerting import failover, wording
from alerting.incident import EventKind, IncidentEvent
from alerting.notification import Notification

WITHIN = timedelta(seconds=60)


class ReceiptState(StrEnum):
    """What is known of a delivery beyond the vendor's first answer."""

    CONFIRMED = "confirmed"
    AWAITED = "awaited"
    MISSING = "missing"
    UNVERIFIED = "unverified"  # no webhook has proven itself: the answer counts as delivered


@dataclass(frozen=True, slots=True)
class Known:
    """The state of one delivery's receipt; since when, where that is known."""

    state: ReceiptState
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Received:
    """A receipt that came; `late`: others were told already."""

    notification_id: str
    decided_at: datetime
    late: bool


def came(incident_id: str, receiver: str, received: Received, at: datetime) -> IncidentEvent:
    """What the timeline says of a receipt."""
    after = wording.duration(max(at - received.decided_at, timedelta(0)))
    late = "; late: it was given up, and others were told" if received.late else ""
    text = f"{receiver} confirmed the trigger {after} after it was decided{late}."
    return IncidentEvent(incident_id, at, EventKind.DELIVERED, text)


def missed(
    notification: Notification, within: timedelta, well: Collection[str], now: datetime
) -> tuple[tuple[IncidentEvent, ...], tuple[Notification, ...]]:
    """What the timeline says of one that did not come, and who of those `well` speaks instead."""
    name, id_ = notification.receiver, notification.incident_id
    why = (
        f"No receipt from {name} within {wording.duration(within)}: it accepted the trigger, and "
        "never told of an incident"
    )
    row = failover.stand_in(notification, why, well, now)
    to = f"Sent to {row.receiver} instead" if row else "Its route names no other who could speak"
    if not well:
        to = "Somebody has it already"
    said = IncidentEvent(id_, now, EventKind.GAVE_UP, wording.sentences(why, to))
    return (said,), (row,) if row else ()
