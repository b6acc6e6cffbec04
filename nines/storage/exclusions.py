"""Exclusions as they stand, and the trail of who did what to them."""

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from nines.storage.database import Database
from nines.storage.schedules import schedule_from_row, schedule_to_row
from nines.storage.schema import exclusion_events, exclusions
from nines.storage.trail import TrailStore, row_to_json
from slo.audit import AuditEntry
from slo.exclusion import Exclusion, Scope


class ExclusionStore(TrailStore[Exclusion]):
    """Exclusions in the database, undone or not."""

    def __init__(self, database: Database) -> None:
        tables = (exclusions, exclusion_events)
        super().__init__(database, tables=tables, to_row=_row, from_row=_exclusion)

    def prune(self, now: datetime, kept: timedelta) -> int:
        """Forget those that have excluded nothing since `now - kept`, with their trail."""
        return self.forget(
            [
                one.id
                for one in self.all()
                if (over := min(filter(None, (one.undone_at, one.over_by)), default=None))
                is not None
                and max(over, one.created_at) < now - kept
            ]
        )


def entry_of(
    before: Exclusion | None, after: Exclusion, *, at: datetime, by: str, action: str
) -> AuditEntry:
    """The entry for a change from `before` (None: there was none) to `after`."""
    return AuditEntry(
        subject_id=after.id,
        at=at,
        by=by,
        action=action,
        before=None if before is None else row_to_json(_row(before)),
        after=row_to_json(_row(after)),
    )


def _row(exclusion: Exclusion) -> dict[str, Any]:
    return {
        "id": exclusion.id,
        "service": exclusion.scope.service,
        "slo": exclusion.scope.slo,
        "labels": json.dumps(dict(exclusion.scope.labels)),
        "schedule": json.dumps(schedule_to_row(exclusion.schedule)),
        "reason": exclusion.reason,
        "author": exclusion.author,
        "origin": exclusion.origin,
        "created_at": exclusion.created_at,
        "since": exclusion.since,
        "ended_at": exclusion.ended_at,
        "undone_at": exclusion.undone_at,
    }


def _exclusion(row: Row[Any]) -> Exclusion:
    labels = json.loads(row.labels)
    return Exclusion(
        id=row.id,
        scope=Scope(row.service, row.slo, tuple(sorted(labels.items()))),
        schedule=schedule_from_row(json.loads(row.schedule)),
        reason=row.reason,
        author=row.author,
        origin=row.origin,
        created_at=row.created_at,
        since=row.since,
        ended_at=row.ended_at,
        undone_at=row.undone_at,
    )
