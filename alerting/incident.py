"""An incident: what a human handles. One open incident per service; its alerts are evidence."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from slo.severity import Severity


class IncidentState(StrEnum):
    TRIGGERED = "triggered"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Incident:
    """`id` is PagerDuty's dedup_key and the Slack thread. `severity` moves up and down in place.

    `linked_to` is the acknowledged incident during which this one was opened. `peak`: the loudest
    that any alert of it was, where it was read together with them; it is derived and not stored.
    """

    id: str
    service: str
    state: IncidentState
    severity: Severity
    title: str
    opened_at: datetime
    revision: int = 1
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    linked_to: str | None = None
    peak: Severity | None = field(default=None, compare=False)

    @property
    def worst(self) -> Severity:
        """The loudest that it ever was, as far as is known: a page that ended was a page."""
        return min(self.peak or self.severity, self.severity, key=lambda one: one.rank)

    @property
    def open(self) -> bool:
        return self.state is not IncidentState.RESOLVED


class EventKind(StrEnum):
    """The entries of an incident's timeline."""

    OPENED = "opened"
    ALERT_FIRING = "alert_firing"
    ALERT_RESOLVED = "alert_resolved"
    SEVERITY = "severity"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    NOTICE = "notice"  # a budget's mark was passed
    NOTE = "note"
    ROUTED = "routed"  # who is to be told, and why; or why nobody
    SUPPRESSED = "suppressed"  # who holds an alert back, or no longer does
    ATTEMPT = "attempt"  # one try to deliver a notification
    DELIVERED = "delivered"
    GAVE_UP = "gave_up"


@dataclass(frozen=True, slots=True)
class IncidentEvent:
    """One step of an incident, with its reason in words."""

    incident_id: str
    at: datetime
    kind: EventKind
    text: str
    id: int | None = None  # given by the store
