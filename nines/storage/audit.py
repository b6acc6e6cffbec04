"""The log of every change: written in the transaction of the change, read a page at a time."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, insert, select

from dashboards.access_facts import AuditRecord
from nines.storage.database import Database
from nines.storage.schema import audit
from web.access.whence import ADDRESS

_PRUNE = 500


def write_audit(
    connection: Connection,
    *,
    at: datetime,
    by: str,
    action: str,
    subject: str,
    address: str = "",
    before: str | None = None,
    after: str | None = None,
) -> None:
    """One record; `before` and `after` are JSON objects.

    `address`: from where; without one, from where the request came that is being answered.
    """
    values = {
        "at": at,
        "by": by,
        "address": address or ADDRESS.get(),
        "action": action,
        "subject": subject,
        "before": before,
        "after": after,
    }
    connection.execute(insert(audit), values)


def told(facts: Mapping[str, object] | None) -> str | None:
    """Facts as a record keeps them."""
    return None if facts is None else json.dumps(dict(facts), ensure_ascii=False)


class AuditRecords:
    """What was written down."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(
        self,
        at: datetime,
        by: str,
        action: str,
        subject: str,
        *,
        address: str = "",
        after: Mapping[str, object] | None = None,
    ) -> None:
        """A change that is kept nowhere else."""
        with self._database.write() as connection:
            write_audit(
                connection,
                at=at,
                by=by,
                action=action,
                subject=subject,
                address=address,
                after=told(after),
            )

    def page(
        self, *, before: int | None, limit: int, by: str | None, action: str | None
    ) -> tuple[list[AuditRecord], bool]:
        """Those with a smaller number than `before`, newest first; and whether there are more."""
        query = select(audit).order_by(audit.c.number.desc()).limit(limit + 1)
        if before is not None:
            query = query.where(audit.c.number < before)
        if by is not None:
            query = query.where(audit.c.by == by)
        if action is not None:
            query = query.where(audit.c.action == action)
        with self._database.read() as connection:
            found = [AuditRecord(*row) for row in connection.execute(query)]  # in the table's order
        return found[:limit], len(found) > limit

    def prune(self, now: datetime, kept: timedelta) -> int:
        """Forget what is older, some at a time; gives how many went."""
        old = select(audit.c.number).where(audit.c.at < now - kept).limit(_PRUNE)
        with self._database.write() as connection:
            return connection.execute(delete(audit).where(audit.c.number.in_(old))).rowcount
