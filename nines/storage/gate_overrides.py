"""Overrides of the gate as they stand, and the trail of who did what to them."""

from functools import partial
from typing import Any

from sqlalchemy import Row

from nines.storage import trail
from nines.storage.database import Database
from nines.storage.schema import gate_override_events, gate_overrides
from slo.gate import GateState, Override


class OverrideStore(trail.TrailStore[Override]):
    """Overrides in the database, over or not."""

    def __init__(self, database: Database) -> None:
        super().__init__(
            database,
            tables=(gate_overrides, gate_override_events),
            to_row=_row,
            from_row=_override,
            over=lambda one: min(filter(None, (one.ended_at, one.until))),
        )


def _row(one: Override) -> dict[str, Any]:
    return {
        "id": one.id,
        "service": one.service,
        "slo": one.slo,
        "state": one.state.value,
        "reason": one.reason,
        "author": one.author,
        "created_at": one.created_at,
        "until": one.until,
        "ended_at": one.ended_at,
    }


entry_of = partial(trail.entry_of, _row)


def _override(row: Row[Any]) -> Override:
    return Override(
        id=row.id,
        service=row.service,
        slo=row.slo,
        state=GateState(row.state),
        reason=row.reason,
        author=row.author,
        created_at=row.created_at,
        until=row.until,
        ended_at=row.ended_at,
    )
