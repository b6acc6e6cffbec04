"""The newest messages of a database, to look at: nothing is made or changed."""

from datetime import datetime
from pathlib import Path

from sqlalchemy import make_url, or_, select

from alerting.notification import Message
from nines.storage.codec import message_from_json
from nines.storage.database import Database, open_database
from nines.storage.notification_rows import STANDS, arrived
from nines.storage.schema import incidents, notifications


def standing(database: Database, receiver: str, since: datetime) -> list[Message]:
    """What it was told last of each incident that is open, or that it heard the end of since."""
    told = notifications.c
    with database.read() as connection:
        rows = connection.execute(
            select(told.incident_id, told.message)
            .join(incidents, incidents.c.id == told.incident_id)
            .where(
                told.receiver == receiver,
                arrived(notifications),
                STANDS,
                or_(incidents.c.resolved_at.is_(None), told.finished_at > since),
            )
            .order_by(told.revision, told.sequence)
        )
        newest = {row.incident_id: row.message for row in rows}
    return [message_from_json(message) for message in newest.values()]


def newest_messages(url: str, limit: int = 200) -> list[Message]:
    """The last ones that were decided; none where no database is. Raises StorageError."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").is_file():
        return []
    database = open_database(url)
    try:
        with database.read() as connection:
            rows = connection.execute(
                select(notifications.c.message)
                .order_by(notifications.c.created_at.desc())
                .limit(limit)
            )
            return [message_from_json(row.message) for row in rows]
    finally:
        database.close()
