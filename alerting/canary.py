"""A canary: a message to one receiver that says nothing but that it can be reached. Pure.

It goes the way of pages, through the outbox and the receiver's lane, behind everything else. It is
marked as one wherever it arrives, and opens nothing that could wake somebody: in PagerDuty it is a
change event, which triggers no incident and notifies nobody, since a trigger of severity info
would ring wherever the service's urgency says so.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from alerting.alert import AlertKind, Facts
from alerting.context import Context
from alerting.incident import EventKind, Incident, IncidentEvent, IncidentState
from alerting.notification import (
    AlertLine,
    Message,
    Notification,
    NotificationKind,
    NotificationState,
)
from alerting.store import Decision
from alerting.wording import duration
from slo.severity import Severity

SERVICE = "nines/canary"  # a name that no configuration can give to a service
RULE = f"{SERVICE}#canary"
_LABELS = {
    "alertname": "Canary",
    "service": SERVICE,
    "slo": "canary",
    "severity": str(Severity.INFO),
    "kind": "canary",
    "rule": RULE,
}
BY_SCHEDULE = "the schedule"


@dataclass(frozen=True, slots=True)
class Canary:
    """The newest one that a receiver was sent, and when one last arrived there."""

    receiver: str
    incident_id: str
    decided_at: datetime
    state: NotificationState
    reason: str = ""
    finished_at: datetime | None = None
    attempts: int = 0
    last_success: datetime | None = None

    @property
    def waits(self) -> bool:
        return self.state is NotificationState.PENDING


def is_due(last: Canary | None, every: timedelta, now: datetime) -> bool:
    """Whether the next one is to be sent; a clock that was set back puts it off by no more."""
    if last is None:
        return True
    return not last.waits and abs(now - last.decided_at) >= every


def too_old(
    last: Canary | None, every: timedelta, now: datetime, *, always: bool = True
) -> str | None:
    """What is wrong where none has arrived for so long that one was missed; None: nothing is.

    Unless they are sent `always`, one that arrived is not missed before the next has failed.
    """
    if last is None:
        return None
    since = last.last_success
    if since is None and last.waits and now - last.decided_at <= 2 * every:
        return None  # the first is on its way
    if since is not None and now - since <= 2 * every:
        return None
    if last.state is NotificationState.DELIVERED and not always:
        return None
    ago = "none ever arrived" if since is None else f"the last arrived {duration(now - since)} ago"
    why = f" ({last.reason})" if last.state is NotificationState.FAILED and last.reason else ""
    return (
        f"No canary gets through to {last.receiver}: {ago}, and one is due every "
        f"{duration(every)}{why}"
    )


def canary(receiver: str, by: str, context: Context) -> Decision:
    """One to this receiver, asked for `by` somebody; it stands in no incident that is shown."""
    now, new_id = context.now, context.new_id
    incident_id, notification_id = new_id(), new_id()
    title = f"Nines can reach {receiver}"
    text = (
        f"This is a canary: it shows that a page from Nines would arrive here. Nothing is wrong, "
        f"and nothing is to be done. {by} asked for it."
    )
    base = context.external_url.rstrip("/")
    message = Message(
        notification_id=notification_id,
        incident_id=incident_id,
        revision=1,
        kind=NotificationKind.CANARY,
        receiver=receiver,
        severity=Severity.INFO,
        service=SERVICE,
        service_title="Nines",
        title=title,
        what_changed=text[:1].upper() + text[1:],
        opened_at=now,
        decided_at=now,
        incident_url=f"{base}/receivers",
        alerts=(_line(now, f"{base}/receivers"),),
        resolved_at=now,
        first_slo="canary",
        first_severity=Severity.INFO,
        labels=_LABELS,
    )
    return Decision(
        incidents=(
            Incident(
                id=incident_id,
                service=SERVICE,
                state=IncidentState.RESOLVED,
                severity=Severity.INFO,
                title=title,
                opened_at=now,
                resolved_at=now,
            ),
        ),
        events=(
            IncidentEvent(
                incident_id, now, EventKind.ROUTED, f"To send: canary to {receiver}, as {by} asked."
            ),
        ),
        notifications=(
            Notification(
                id=notification_id,
                incident_id=incident_id,
                receiver=receiver,
                kind=NotificationKind.CANARY,
                revision=1,
                severity=Severity.INFO,
                message=message,
                state=NotificationState.PENDING,
                created_at=now,
                next_attempt_at=now,
                reason=f"asked for by {by}",
                alerts=(),
            ),
        ),
    )


def _line(now: datetime, url: str) -> AlertLine:
    """Receivers show at least one alert; this one was over as it began."""
    facts = Facts(headline="a canary, nothing is wrong", reason="It shows that pages arrive.")
    return AlertLine(
        rule=RULE,
        slo="canary",
        kind=AlertKind.THRESHOLD,
        severity=Severity.INFO,
        started_at=now,
        ended_at=now,
        facts=facts,
        dashboard_url=url,
        labels=_LABELS,
    )
