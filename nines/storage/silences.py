"""Silences as they stand, and the trail of who did what to them."""

import json
from functools import partial
from typing import Any

from sqlalchemy import Row

from alerting.silence import Silence
from nines.storage import trail
from nines.storage.database import Database
from nines.storage.schema import silence_events, silences
from slo.selector import matcher


class SilenceStore(trail.TrailStore[Silence]):
    """Silences in the database, expired or not."""

    def __init__(self, database: Database) -> None:
        tables = (silences, silence_events)
        super().__init__(
            database,
            tables=tables,
            to_row=_row,
            from_row=_silence,
            over=lambda one: one.over_by,
        )


def _row(silence: Silence) -> dict[str, Any]:
    return trail.planned_row(silence) | {
        "matchers": json.dumps([[one.label, one.operator, one.value] for one in silence.matchers]),
        "until_resolved": silence.until_resolved,
        "warned_of": silence.warned_of,
    }


entry_of = partial(trail.entry_of, _row)


def _silence(row: Row[Any]) -> Silence:
    return Silence(
        **trail.planned_fields(row),
        matchers=tuple(matcher(*one) for one in json.loads(row.matchers)),
        until_resolved=row.until_resolved,
        warned_of=row.warned_of,
    )
