"""Silences as they stand, and the trail of who did what to them."""

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row

from alerting.silence import Silence
from nines.storage.database import Database
from nines.storage.schedules import schedule_from_row, schedule_to_row
from nines.storage.schema import silence_events, silences
from nines.storage.trail import TrailStore, row_to_json
from slo.audit import AuditEntry
from slo.selector import matcher


class SilenceStore(TrailStore[Silence]):
    """Silences in the database, expired or not."""

    def __init__(self, database: Database) -> None:
        tables = (silences, silence_events)
        super().__init__(database, tables=tables, to_row=_row, from_row=_silence)

    def prune(self, now: datetime, kept: timedelta) -> int:
        """Forget those that have expired before `now - kept`, with their trail."""
        return self.forget(
            [
                one.id
                for one in self.all()
                if one.over_by is not None and max(one.over_by, one.created_at) < now - kept
            ]
        )


def entry_of(
    before: Silence | None, after: Silence, *, at: datetime, by: str, action: str
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


def _row(silence: Silence) -> dict[str, Any]:
    return {
        "id": silence.id,
        "matchers": json.dumps([[one.label, one.operator, one.value] for one in silence.matchers]),
        "schedule": json.dumps(schedule_to_row(silence.schedule)),
        "reason": silence.reason,
        "author": silence.author,
        "origin": silence.origin,
        "until_resolved": silence.until_resolved,
        "created_at": silence.created_at,
        "ended_at": silence.ended_at,
        "warned_of": silence.warned_of,
    }


def _silence(row: Row[Any]) -> Silence:
    return Silence(
        id=row.id,
        matchers=tuple(matcher(*one) for one in json.loads(row.matchers)),
        schedule=schedule_from_row(json.loads(row.schedule)),
        reason=row.reason,
        author=row.author,
        origin=row.origin,
        until_resolved=row.until_resolved,
        created_at=row.created_at,
        ended_at=row.ended_at,
        warned_of=row.warned_of,
    )
