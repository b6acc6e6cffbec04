"""The outbox as events: what was decided lately, and what became of it."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import and_, select

from alerting.delivery_sli import SERVICE, Delivery
from alerting.notification import NotificationKind, NotificationState
from alerting.receipt import ReceiptState
from nines.storage.database import Database
from nines.storage.schema import inbound, incidents, notifications, receipts


def deliveries(
    database: Database, since: datetime, after: int, expecting: Collection[str]
) -> list[Delivery]:
    """All decided since then, but for what Nines says about itself; oldest first.

    None of them has a lower `sequence` than the one `after` which to look, so that history need not
    be searched. `expecting` are the receivers whose webhook is to tell what became of a page.
    """
    columns = notifications.c
    confirmed = and_(
        receipts.c.notification_id == columns.id, receipts.c.state == ReceiptState.CONFIRMED
    )
    query = (
        select(
            columns.id,
            columns.sequence,
            columns.receiver,
            columns.kind,
            columns.state,
            columns.created_at,
            columns.finished_at,
            receipts.c.at.label("receipt_at"),
            inbound.c.first_at,
        )
        .join(incidents, incidents.c.id == columns.incident_id)
        .outerjoin(receipts, confirmed)
        .outerjoin(inbound, inbound.c.receiver == columns.receiver)
        # What tells that deliveries fail must not make more of them fail.
        .where(
            columns.sequence > after,
            columns.created_at >= since,
            incidents.c.service != SERVICE,
            # Each message that it tells is an event already.
            columns.kind != NotificationKind.DIGEST,
        )
        .order_by(columns.sequence)
    )
    with database.read() as connection:
        rows = connection.execute(query).all()
    return [
        Delivery(
            id=row.id,
            receiver=row.receiver,
            decided_at=row.created_at,
            state=NotificationState(row.state),
            finished_at=row.finished_at,
            awaits_receipt=row.receiver in expecting
            and row.kind == NotificationKind.TRIGGER
            and row.first_at is not None
            and row.finished_at is not None
            and row.finished_at >= row.first_at,
            receipt_at=row.receipt_at,
            sequence=row.sequence,
        )
        for row in rows
    ]
