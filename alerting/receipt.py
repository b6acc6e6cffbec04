"""The receipt of a delivery: the vendor tells of what we told it; or does not, in time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from alerting import wording
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


def missed(notification: Notification, within: timedelta, at: datetime) -> IncidentEvent:
    """What it says of one that did not come."""
    text = (
        f"No receipt from {notification.receiver} within {wording.duration(within)}: it accepted "
        "the trigger, and never told of an incident."
    )
    return IncidentEvent(notification.incident_id, at, EventKind.GAVE_UP, text)
