"""Exclusions as they stand, and the trail of who did what to them."""

import json
from functools import partial
from typing import Any

from sqlalchemy import Row

from nines.storage import trail
from nines.storage.database import Database
from nines.storage.schema import exclusion_events, exclusions
from slo.exclusion import Exclusion, Scope


class ExclusionStore(trail.TrailStore[Exclusion]):
    """Exclusions in the database, undone or not."""

    def __init__(self, database: Database) -> None:
        tables = (exclusions, exclusion_events)
        super().__init__(
            database,
            tables=tables,
            to_row=_row,
            from_row=_exclusion,
            over=lambda one: min(filter(None, (one.undone_at, one.over_by)), default=None),
        )


def _row(exclusion: Exclusion) -> dict[str, Any]:
    return trail.planned_row(exclusion) | {
        "service": exclusion.scope.service,
        "slo": exclusion.scope.slo,
        "labels": json.dumps(dict(exclusion.scope.labels)),
        "since": exclusion.since,
        "undone_at": exclusion.undone_at,
        "public": exclusion.public,
    }


entry_of = partial(trail.entry_of, _row)


def _exclusion(row: Row[Any]) -> Exclusion:
    labels = json.loads(row.labels)
    return Exclusion(
        **trail.planned_fields(row),
        scope=Scope(row.service, row.slo, tuple(sorted(labels.items()))),
        since=row.since,
        undone_at=row.undone_at,
        public=row.public,
    )
