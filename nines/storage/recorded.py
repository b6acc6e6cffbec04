"""The newest messages of a database, to look at: nothing is made or changed."""

from pathlib import Path

from sqlalchemy import make_url, select

from alerting.notification import Message
from nines.storage.codec import message_from_json
from nines.storage.database import open_database
from nines.storage.schema import notifications


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
