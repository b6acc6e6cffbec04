"""Exclusions as they stand, and the trail of who did what to them."""

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, delete, insert, select

from nines.storage.database import Database
from nines.storage.errors import StorageError
from nines.storage.schema import exclusion_events, exclusions
from nines.storage.upsert import upsert
from slo.exclusion import AuditEntry, Exclusion, Scope
from slo.recurrence import Once, Recurring, Schedule

_COLUMNS = [column.name for column in exclusions.columns]


class ExclusionStore:
    """Exclusions in the database. Writes come from one thread, reads from any."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def all(self) -> list[Exclusion]:
        """Every exclusion that is not forgotten, undone or not, oldest first."""
        query = select(exclusions).order_by(exclusions.c.created_at, exclusions.c.id)
        with self._database.read() as connection:
            return [_exclusion(row) for row in connection.execute(query)]

    def trail(self, exclusion_id: str) -> list[AuditEntry]:
        """What was done to it, oldest first."""
        query = (
            select(exclusion_events)
            .where(exclusion_events.c.exclusion_id == exclusion_id)
            .order_by(exclusion_events.c.number)
        )
        with self._database.read() as connection:
            return [
                AuditEntry(row.exclusion_id, row.at, row.by, row.action, row.before, row.after)
                for row in connection.execute(query)
            ]

    def write(self, changes: Iterable[tuple[Exclusion, AuditEntry]]) -> None:
        """Exclusions as they are from now on, each with the entry of its trail: all or none."""
        with self._database.write() as connection:
            for exclusion, entry in changes:
                _put(connection, exclusion, entry)

    def prune(self, now: datetime, kept: timedelta) -> int:
        """Forget those that have excluded nothing since `now - kept`, with their trail."""
        gone = [
            one.id
            for one in self.all()
            if (over := min(filter(None, (one.undone_at, one.over_by)), default=None)) is not None
            and max(over, one.created_at) < now - kept
        ]
        if not gone:
            return 0
        with self._database.write() as connection:
            return connection.execute(delete(exclusions).where(exclusions.c.id.in_(gone))).rowcount


def to_json(exclusion: Exclusion) -> str:
    """All that there is to say of it, for the trail."""
    row = _row(exclusion)
    plain = {
        key: value.isoformat() if isinstance(value, datetime) else value
        for key, value in row.items()
    }
    plain |= {key: json.loads(row[key]) for key in ("labels", "schedule")}
    return json.dumps(plain)


def entry_of(
    before: Exclusion | None, after: Exclusion, *, at: datetime, by: str, action: str
) -> AuditEntry:
    """The entry for a change from `before` (None: there was none) to `after`."""
    return AuditEntry(
        exclusion_id=after.id,
        at=at,
        by=by,
        action=action,
        before=None if before is None else to_json(before),
        after=to_json(after),
    )


def _put(connection: Connection, exclusion: Exclusion, entry: AuditEntry) -> None:
    upsert(
        connection,
        exclusions,
        [_row(exclusion)],
        key=("id",),
        change=[name for name in _COLUMNS if name != "id"],
    )
    connection.execute(
        insert(exclusion_events),
        {
            "exclusion_id": entry.exclusion_id,
            "at": entry.at,
            "by": entry.by,
            "action": entry.action,
            "before": entry.before,
            "after": entry.after,
        },
    )


def _row(exclusion: Exclusion) -> dict[str, Any]:
    return {
        "id": exclusion.id,
        "service": exclusion.scope.service,
        "slo": exclusion.scope.slo,
        "labels": json.dumps(dict(exclusion.scope.labels)),
        "schedule": json.dumps(_schedule_row(exclusion.schedule)),
        "reason": exclusion.reason,
        "author": exclusion.author,
        "origin": exclusion.origin,
        "created_at": exclusion.created_at,
        "since": exclusion.since,
        "ended_at": exclusion.ended_at,
        "undone_at": exclusion.undone_at,
    }


def _schedule_row(schedule: Schedule) -> dict[str, str | int]:
    if isinstance(schedule, Once):
        return {"start": schedule.start.isoformat(), "end": schedule.end.isoformat()}
    return {
        "rule": schedule.rule,
        "first": schedule.first.isoformat(),
        "zone": schedule.zone.key,
        "length_microseconds": schedule.length // timedelta(microseconds=1),
    }


def _exclusion(row: Row[Any]) -> Exclusion:
    try:
        labels = json.loads(row.labels)
        return Exclusion(
            id=row.id,
            scope=Scope(row.service, row.slo, tuple(sorted(labels.items()))),
            schedule=_schedule(json.loads(row.schedule)),
            reason=row.reason,
            author=row.author,
            origin=row.origin,
            created_at=row.created_at,
            since=row.since,
            ended_at=row.ended_at,
            undone_at=row.undone_at,
        )
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        raise StorageError(f"The exclusion {row.id} cannot be read: {error}") from error


def _schedule(raw: dict[str, Any]) -> Schedule:
    if "start" in raw:
        start, end = (datetime.fromisoformat(raw[key]).astimezone(UTC) for key in ("start", "end"))
        return Once(start, end)
    return Recurring(
        raw["rule"],
        datetime.fromisoformat(raw["first"]),
        ZoneInfo(raw["zone"]),
        timedelta(microseconds=raw["length_microseconds"]),
    )
