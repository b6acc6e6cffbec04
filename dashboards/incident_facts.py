"""What is known of an incident, as plain values: what fired, what was done, who was told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from alerting.alert import Alert
from alerting.incident import Incident
from alerting.notification import Attempt, Notification
from alerting.receipt import Known
from alerting.service import is_of_slo
from dashboards.plain import fields_of
from dashboards.source import Acknowledged, IncidentDetail


@dataclass(frozen=True, slots=True)
class IncidentFacts:
    """An incident; `severity` is the loudest that it ever was, `severity_now` of what fires now.

    None fires of one that is resolved.
    """

    id: str
    service: str
    state: str  # triggered, acknowledged, resolved
    severity: str
    severity_now: str | None
    title: str
    opened_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    linked_to: str | None
    revision: int


@dataclass(frozen=True, slots=True)
class AlertFacts:
    """One episode of one rule, with the evidence of the moment when it last changed."""

    id: str
    rule: str
    slo: str | None  # service/slo; None of a threshold rule
    kind: str
    severity: str
    started_at: datetime
    ended_at: datetime | None
    headline: str
    reason: str
    evidence: Mapping[str, str | int | float | bool | datetime | None]


@dataclass(frozen=True, slots=True)
class TimelineFacts:
    """One step of an incident."""

    at: datetime
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """One try to deliver a notification."""

    number: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    status: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class NotificationFacts:
    """One message to one receiver, why it was sent, and every try."""

    id: str
    receiver: str
    kind: str
    severity: str
    state: str  # pending, delivered, failed
    reason: str
    created_at: datetime
    finished_at: datetime | None
    receipt: str | None  # confirmed, awaited, missing, unverified; None: there is none to come
    attempts: tuple[AttemptFacts, ...]


@dataclass(frozen=True, slots=True)
class IncidentFile(IncidentFacts):
    """An incident with its alerts, its timeline (oldest first) and its notifications."""

    alerts: tuple[AlertFacts, ...]
    timeline: tuple[TimelineFacts, ...]
    notifications: tuple[NotificationFacts, ...]


@dataclass(frozen=True, slots=True)
class AcknowledgedFile(IncidentFile):
    """An incident that somebody acknowledged, and what came of it; `in_vain` says why nothing."""

    changed: bool
    in_vain: str | None


@dataclass(frozen=True, slots=True)
class EscalatedFile(IncidentFile):
    """An incident that somebody escalated; `told` are the receivers that hear of it by that."""

    told: tuple[str, ...]


def incident_facts(incident: Incident) -> IncidentFacts:
    """An incident as a list shows it."""
    return IncidentFacts(
        id=incident.id,
        service=incident.service,
        state=incident.state.value,
        severity=incident.worst.value,
        severity_now=incident.severity.value if incident.open else None,
        title=incident.title,
        opened_at=incident.opened_at,
        acknowledged_at=incident.acknowledged_at,
        acknowledged_by=incident.acknowledged_by,
        resolved_at=incident.resolved_at,
        linked_to=incident.linked_to,
        revision=incident.revision,
    )


def acknowledged_file(done: Acknowledged) -> AcknowledgedFile:
    """An incident after somebody acknowledged it."""
    return AcknowledgedFile(
        **fields_of(incident_file(done.detail)), changed=done.in_vain is None, in_vain=done.in_vain
    )


def escalated_file(detail: IncidentDetail, told: Sequence[str]) -> EscalatedFile:
    """An incident after somebody escalated it."""
    return EscalatedFile(**fields_of(incident_file(detail)), told=tuple(told))


def incident_file(detail: IncidentDetail) -> IncidentFile:
    """An incident with everything that belongs to it."""
    return IncidentFile(
        **fields_of(incident_facts(detail.incident)),
        alerts=tuple(_alert(alert) for alert in detail.alerts),
        timeline=tuple(
            TimelineFacts(event.at, event.kind.value, event.text) for event in detail.events
        ),
        notifications=tuple(
            _notification(
                notification,
                [one for one in detail.attempts if one.notification_id == notification.id],
                detail.receipts.get(notification.id),
            )
            for notification in detail.notifications
        ),
    )


def _alert(alert: Alert) -> AlertFacts:
    evidence = fields_of(alert.facts)
    headline, reason = evidence.pop("headline"), evidence.pop("reason")
    return AlertFacts(
        id=alert.id,
        rule=alert.rule,
        slo=f"{alert.service}/{alert.slo}" if is_of_slo(alert) else None,
        kind=alert.kind.value,
        severity=alert.severity.value,
        started_at=alert.started_at,
        ended_at=alert.ended_at,
        headline=headline,
        reason=reason,
        evidence=evidence,
    )


def _notification(
    notification: Notification, attempts: Sequence[Attempt], receipt: Known | None
) -> NotificationFacts:
    return NotificationFacts(
        id=notification.id,
        receiver=notification.receiver,
        kind=notification.kind.value,
        severity=notification.severity.value,
        state=notification.state.value,
        reason=notification.reason,
        created_at=notification.created_at,
        finished_at=notification.finished_at,
        receipt=None if receipt is None else receipt.state.value,
        attempts=tuple(
            AttemptFacts(
                number=attempt.number,
                started_at=attempt.started_at,
                ended_at=attempt.ended_at,
                outcome=attempt.outcome.value if attempt.outcome else None,
                status=attempt.status,
                detail=attempt.detail,
            )
            for attempt in attempts
        ),
    )
