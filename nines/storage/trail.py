"""What people plan, kept as it stands now, with the trail of who did what to it."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection, Row, Table, delete, insert, select

from nines.storage.database import Database
from nines.storage.errors import StorageError
from nines.storage.upsert import upsert
from slo.audit import AuditEntry

_T = TypeVar("_T")
_JSON = ("labels", "matchers", "schedule")  # columns that hold it


class TrailStore(Generic[_T]):
    """Rows of one table by id, each with the events of another.

    Writes come from one thread, reads from any.
    """

    def __init__(
        self,
        database: Database,
        *,
        tables: tuple[Table, Table],
        to_row: Callable[[_T], dict[str, Any]],
        from_row: Callable[[Row[Any]], _T],
    ) -> None:
        """`tables` are that of the rows, and that of what was done to them."""
        self._database = database
        self._table, self._events = tables
        (link,) = self._events.foreign_keys
        self._subject = link.parent
        self._to_row = to_row
        self._from_row = from_row

    def all(self) -> list[_T]:
        """Every one that is not forgotten, oldest first."""
        query = select(self._table).order_by(self._table.c.created_at, self._table.c.id)
        with self._database.read() as connection:
            return [self._read(row) for row in connection.execute(query)]

    def trail(self, subject_id: str) -> list[AuditEntry]:
        """What was done to it, oldest first."""
        events = self._events
        query = select(events).where(self._subject == subject_id).order_by(events.c.number)
        with self._database.read() as connection:
            return [
                AuditEntry(subject_id, row.at, row.by, row.action, row.before, row.after)
                for row in connection.execute(query)
            ]

    def write(self, changes: Iterable[tuple[_T, AuditEntry]]) -> None:
        """How they are from now on, each with the entry of its trail: all or none."""
        with self._database.write() as connection:
            for subject, entry in changes:
                self._put(connection, subject, entry)

    def forget(self, ids: Sequence[str]) -> int:
        """Forget these, with their trail; gives how many there were."""
        if not ids:
            return 0
        with self._database.write() as connection:
            where = self._table.c.id.in_(ids)
            return connection.execute(delete(self._table).where(where)).rowcount

    def _put(self, connection: Connection, subject: _T, entry: AuditEntry) -> None:
        row = self._to_row(subject)
        upsert(
            connection,
            self._table,
            [row],
            key=("id",),
            change=[name for name in row if name != "id"],
        )
        connection.execute(
            insert(self._events),
            {
                self._subject.name: entry.subject_id,
                "at": entry.at,
                "by": entry.by,
                "action": entry.action,
                "before": entry.before,
                "after": entry.after,
            },
        )

    def _read(self, row: Row[Any]) -> _T:
        try:
            return self._from_row(row)
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            what = self._table.name.removesuffix("s")
            raise StorageError(f"The {what} {row.id} cannot be read: {error}") from error


def row_to_json(row: Mapping[str, Any]) -> str:
    """All that there is to say of a row, for the trail."""
    plain = {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in row.items()
    }
    return json.dumps(plain | {key: json.loads(row[key]) for key in _JSON if key in row})
