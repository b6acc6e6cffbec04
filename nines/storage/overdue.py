"""What the auditor wants to know of the outbox: notifications that wait for a receipt too long."""

from datetime import datetime, timedelta

from sqlalchemy import Row, exists, or_, select

from alerting.audit import Owed
from alerting.incident import IncidentState
from alerting.notification import NotificationKind, NotificationState
from nines.storage.database import Database
from nines.storage.notification_rows import PENDING, arrived
from nines.storage.schema import incidents, notifications
from slo.severity import Severity

_MOST = 1_000  # more of them make nothing clearer
_TELLS = (NotificationKind.TRIGGER, NotificationKind.UPDATE)


# Asked again and again, and mostly answered by no: nothing waits, and nobody is to be paged.
_ANYTHING = select(
    or_(
        exists().where(PENDING),
        exists().where(incidents.c.state == IncidentState.TRIGGERED),
    )
)


def owed(database: Database, now: datetime, within: timedelta) -> list[Owed]:
    """What has waited for longer than `within`, and pages that nobody has: oldest first."""
    with database.read() as connection:
        if not connection.execute(_ANYTHING).scalar():
            return []
    columns = (
        notifications.c.incident_id,
        notifications.c.receiver,
        notifications.c.kind,
        notifications.c.severity,
        notifications.c.created_at,
        notifications.c.attempts,
        notifications.c.state,
        notifications.c.leased_until,
        incidents.c.service,
    )
    both = notifications.join(incidents, incidents.c.id == notifications.c.incident_id)
    waits = (
        select(*columns)
        .select_from(both)
        .where(
            PENDING,
            # It may take its time; whether it arrives is told by itself.
            notifications.c.kind != NotificationKind.CANARY,
            or_(
                notifications.c.created_at < now - within,
                notifications.c.leased_until < now,
            ),
        )
    )
    others, digest = notifications.alias(), notifications.alias()
    waits_in_digest = exists().where(
        digest.c.id == others.c.digest,
        digest.c.state == NotificationState.PENDING,
    )
    has_it = exists().where(
        others.c.incident_id == notifications.c.incident_id,
        or_(
            arrived(others),
            # Which is watched by itself.
            others.c.state == NotificationState.PENDING,
            waits_in_digest,
        ),
    )
    given_up = (
        select(*columns)
        .select_from(both)
        .where(
            incidents.c.state == IncidentState.TRIGGERED,
            notifications.c.state == NotificationState.FAILED,
            notifications.c.kind.in_(_TELLS),
            notifications.c.severity == Severity.PAGE,
            ~has_it,
        )
    )
    with database.read() as connection:
        rows = [
            *connection.execute(waits.order_by(notifications.c.created_at).limit(_MOST)),
            *connection.execute(given_up.order_by(notifications.c.created_at).limit(_MOST)),
        ]
    return [_owed(row) for row in rows]


def _owed(row: "Row[tuple[object, ...]]") -> Owed:
    return Owed(
        incident_id=row.incident_id,
        receiver=row.receiver,
        kind=NotificationKind(row.kind),
        severity=Severity(row.severity),
        service=row.service,
        decided_at=row.created_at,
        attempts=row.attempts,
        given_up=row.state == NotificationState.FAILED,
        leased_until=row.leased_until,
    )
