"""What people plan, kept as it stands now, with the trail of who did what to it."""

import json
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Connection, Row, Table, delete, insert, select

from nines.storage.audit import write_audit
from nines.storage.database import Database
from nines.storage.errors import StorageError
from nines.storage.schedules import schedule_from_row, schedule_to_row
from nines.storage.upsert import upsert
from slo.audit import AuditEntry
from slo.planning import Planned

_BY_ITSELF = frozenset({"warned"})  # what changes nothing that anybody asked for


class Kept(Protocol):
    """What is kept with a trail: planned or not."""

    @property
    def id(self) -> str: ...
    @property
    def created_at(self) -> datetime: ...


_T = TypeVar("_T", bound=Kept)
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
        over: Callable[[_T], datetime | None],
    ) -> None:
        """`tables` are that of the rows, and that of what was done to them.

        `over`: when one is in force for the last time, where that is known.
        """
        self._database = database
        self._table, self._events = tables
        (link,) = self._events.foreign_keys
        self._subject = link.parent
        self._to_row = to_row
        self._from_row = from_row
        self._over = over

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

    def prune(self, now: datetime, kept: timedelta) -> int:
        """Forget those that have been over since before `now - kept`, with their trail."""
        ids = [
            one.id
            for one in self.all()
            if (over := self._over(one)) is not None and max(over, one.created_at) < now - kept
        ]
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
        if entry.action in _BY_ITSELF:
            return
        write_audit(
            connection,
            at=entry.at,
            by=entry.by,
            action=f"{self._table.name.removesuffix('s')} {entry.action}",
            subject=entry.subject_id,
            before=entry.before,
            after=entry.after,
        )

    def _read(self, row: Row[Any]) -> _T:
        try:
            return self._from_row(row)
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            what = self._table.name.removesuffix("s")
            raise StorageError(f"The {what} {row.id} cannot be read: {error}") from error


def planned_row(one: Planned) -> dict[str, Any]:
    """The columns that all of them have."""
    return {
        "id": one.id,
        "schedule": json.dumps(schedule_to_row(one.schedule)),
        "reason": one.reason,
        "author": one.author,
        "origin": one.origin,
        "created_at": one.created_at,
        "ended_at": one.ended_at,
    }


def planned_fields(row: Row[Any]) -> dict[str, Any]:
    """What they say, as the arguments of whatever is made of the row."""
    return {
        "id": row.id,
        "schedule": schedule_from_row(json.loads(row.schedule)),
        "reason": row.reason,
        "author": row.author,
        "origin": row.origin,
        "created_at": row.created_at,
        "ended_at": row.ended_at,
    }


def entry_of(
    to_row: Callable[[_T], Mapping[str, Any]],
    before: _T | None,
    after: _T,
    *,
    at: datetime,
    by: str,
    action: str,
) -> AuditEntry:
    """The entry for a change from `before` (None: there was none) to `after`."""
    return AuditEntry(
        subject_id=after.id,
        at=at,
        by=by,
        action=action,
        before=None if before is None else _row_to_json(to_row(before)),
        after=_row_to_json(to_row(after)),
    )


def _row_to_json(row: Mapping[str, Any]) -> str:
    """All that there is to say of a row, for the trail."""
    plain = {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in row.items()
    }
    return json.dumps(plain | {key: json.loads(row[key]) for key in _JSON if key in row})
