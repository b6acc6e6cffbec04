"""The newest canary of each receiver, and when one last arrived."""

from datetime import datetime

from sqlalchemy import func, select

from alerting.canary import SERVICE, Canary
from alerting.notification import NotificationKind, NotificationState
from nines.storage.database import Database
from nines.storage.schema import incidents, notifications


def canaries(database: Database, since: datetime) -> dict[str, Canary]:
    """By receiver, of those that were sent one since then; one transaction."""
    of_canaries = (
        notifications.c.kind == NotificationKind.CANARY,
        notifications.c.incident_id.in_(
            select(incidents.c.id).where(
                incidents.c.service == SERVICE, incidents.c.opened_at >= since
            )
        ),
    )
    newest = (
        select(func.max(notifications.c.sequence))
        .where(*of_canaries)
        .group_by(notifications.c.receiver)
    )
    arrived = (
        select(notifications.c.receiver, func.max(notifications.c.finished_at).label("at"))
        .where(*of_canaries, notifications.c.state == NotificationState.DELIVERED)
        .group_by(notifications.c.receiver)
    )
    with database.read() as connection:
        last_success = {row.receiver: row.at for row in connection.execute(arrived)}
        rows = connection.execute(
            select(notifications).where(notifications.c.sequence.in_(newest))
        ).all()
    return {
        row.receiver: Canary(
            receiver=row.receiver,
            incident_id=row.incident_id,
            decided_at=row.created_at,
            state=NotificationState(row.state),
            reason=row.reason,
            finished_at=row.finished_at,
            attempts=row.attempts,
            last_success=last_success.get(row.receiver),
        )
        for row in rows
    }
