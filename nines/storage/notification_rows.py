"""Notifications and the tries to deliver them, as rows and back."""

from typing import Any

from sqlalchemy import ColumnElement, FromClause, Row, and_, literal_column, or_

from alerting.lease import Lease
from alerting.notification import (
    Attempt,
    AttemptOutcome,
    Message,
    Notification,
    NotificationKind,
    NotificationState,
)
from nines.storage.codec import message_from_json, message_to_json, names_from_json, names_to_json
from nines.storage.schema import notifications
from slo.severity import Severity

# Spelled out: a partial index serves no parameter.
PENDING = notifications.c.state == literal_column(f"'{NotificationState.PENDING}'")
# `NotificationKind.stands`, of rows.
STANDS = notifications.c.kind.in_([kind for kind in NotificationKind if kind.stands])


def arrived(rows: FromClause) -> ColumnElement[bool]:
    """`Notification.arrived`, of rows of the table or of an alias of it."""
    in_digest = and_(rows.c.state == NotificationState.DIGESTED, rows.c.finished_at.is_not(None))
    return or_(rows.c.state == NotificationState.DELIVERED, in_digest)


def progress(notification: Notification) -> dict[str, Any]:
    """What delivering changes of a notification."""
    return {
        "state": notification.state,
        "next_attempt_at": notification.next_attempt_at,
        "attempts": notification.attempts,
        "finished_at": notification.finished_at,
        "reason": notification.reason,
    }


def content(notification: Notification) -> dict[str, Any]:
    """What it says."""
    return {
        "kind": notification.kind,
        "severity": notification.severity,
        "message": message_to_json(notification.message),
        "alerts": None if notification.alerts is None else names_to_json(notification.alerts),
    }


def notification_values(notification: Notification) -> dict[str, Any]:
    return (
        progress(notification)
        | content(notification)
        | {
            "id": notification.id,
            "incident_id": notification.incident_id,
            "receiver": notification.receiver,
            "revision": notification.revision,
            "created_at": notification.created_at,
            "failover": names_to_json(notification.failover) if notification.failover else None,
            "instead_of": notification.instead_of,
            "digest": notification.digest or None,
            "lease_owner": notification.lease.by if notification.lease else None,
            "leased_until": notification.lease.until if notification.lease else None,
        }
    )


def notification_of(row: Row[Any], message: Message | None = None) -> Notification:
    """`message` is what it says, where that is known already and was not read again."""
    return Notification(
        id=row.id,
        incident_id=row.incident_id,
        receiver=row.receiver,
        kind=NotificationKind(row.kind),
        revision=row.revision,
        severity=Severity(row.severity),
        message=message_from_json(row.message) if message is None else message,
        state=NotificationState(row.state),
        created_at=row.created_at,
        next_attempt_at=row.next_attempt_at,
        attempts=row.attempts,
        finished_at=row.finished_at,
        reason=row.reason,
        alerts=None if row.alerts is None else names_from_json(row.alerts),
        failover=names_from_json(row.failover) if row.failover else (),
        instead_of=row.instead_of,
        lease=Lease(row.lease_owner, row.leased_until) if row.leased_until else None,
        digest=row.digest or "",
    )


def attempt_values(attempt: Attempt) -> dict[str, Any]:
    return {
        "notification_id": attempt.notification_id,
        "number": attempt.number,
        "started_at": attempt.started_at,
        "ended_at": attempt.ended_at,
        "outcome": attempt.outcome,
        "status": attempt.status,
        "detail": attempt.detail,
        "by": attempt.by,
    }


def attempt_of(row: Row[Any]) -> Attempt:
    return Attempt(
        notification_id=row.notification_id,
        number=row.number,
        started_at=row.started_at,
        ended_at=row.ended_at,
        outcome=None if row.outcome is None else AttemptOutcome(row.outcome),
        status=row.status,
        detail=row.detail,
        by=row.by,
    )
