"""What was discovered last, as rows."""

import json
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import delete, insert, select

from nines.config.found import Found
from nines.config.sd import Target
from nines.storage.database import Database
from nines.storage.schema import discovered


class DiscoveredRecords:
    """The targets of each group, whole."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def load(self) -> dict[str, Found]:
        """By group."""
        with self._database.read() as connection:
            rows = connection.execute(select(discovered)).all()
        return {
            row.group: Found(
                row.sources,
                tuple(Target.of(address, labels) for address, labels in json.loads(row.targets)),
            )
            for row in rows
        }

    def save(self, found: Mapping[str, Found], at: datetime) -> None:
        """Keep exactly these."""
        rows = [
            {
                "group": group,
                "sources": one.key,
                "targets": json.dumps([(it.address, dict(it.labels)) for it in one.targets]),
                "at": at,
            }
            for group, one in found.items()
        ]
        with self._database.write() as connection:
            connection.execute(delete(discovered))
            if rows:
                connection.execute(insert(discovered), rows)
